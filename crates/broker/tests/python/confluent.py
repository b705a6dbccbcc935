"""confluent-kafka (librdkafka): all codecs, headers, times, offsets by time, resuming, transactions, administration."""
import sys

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

SERVERS = sys.argv[1]
BASE = 1_700_000_000_000


def consumer(group, **more):
    return Consumer({"bootstrap.servers": SERVERS, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "enable.partition.eof": True, **more})


def read(from_consumer, count):
    got = []
    while len(got) < count:
        message = from_consumer.poll(10)
        assert message is not None, f"{len(got)} of {count} came"
        if message.error() is None:
            got.append(message)
    return got


def produces_with_all_codecs():
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = f"codec-{codec}"
        delivered = []
        producer = Producer({"bootstrap.servers": SERVERS, "compression.type": codec, "enable.idempotence": True, "linger.ms": 20})
        for i in range(1000):
            producer.produce(topic, key=f"k{i}", value=None if i % 10 == 0 else f"v{i}" * 20, timestamp=BASE + i,
                             headers=[("h", b"1"), ("none", None)], on_delivery=lambda e, m: delivered.append((e, m.offset())))
        producer.flush()
        assert delivered == [(None, i) for i in range(1000)], delivered[:5]
        reader = consumer(f"group-{codec}")
        reader.subscribe([topic])
        got = read(reader, 1000)
        assert [m.offset() for m in got] == list(range(1000))
        assert [m.key().decode() for m in got] == [f"k{i}" for i in range(1000)]
        assert got[10].value() is None and got[11].value() == b"v11" * 20
        assert got[7].timestamp() == (1, BASE + 7)
        assert got[7].headers() == [("h", b"1"), ("none", None)]
        for time, offset in [(BASE + 500, 500), (BASE + 5000, -1)]:
            [found] = reader.offsets_for_times([TopicPartition(topic, 0, time)], 10)
            assert found.offset == offset, found
        assert reader.get_watermark_offsets(TopicPartition(topic, 0)) == (0, 1000)
        reader.close()


def resumes_where_it_committed():
    reader = consumer("resuming")
    reader.subscribe(["codec-none"])
    read(reader, 300)
    reader.commit(offsets=[TopicPartition("codec-none", 0, 250, metadata="note")], asynchronous=False)
    reader.close()
    reader = consumer("resuming")
    reader.subscribe(["codec-none"])
    assert read(reader, 1)[0].offset() == 250
    reader.seek(TopicPartition("codec-none", 0, 990))
    assert read(reader, 1)[0].offset() == 990
    committed = reader.committed([TopicPartition("codec-none", 0), TopicPartition("codec-gzip", 0)], 10)
    assert [c.offset for c in committed] == [250, -1001], committed
    reader.close()


def transacts():
    def producer(**more):
        made = Producer({"bootstrap.servers": SERVERS, "transactional.id": "confluent", **more})
        made.init_transactions()
        return made
    first = producer()
    for value, commit in [("a", True), ("b", False), ("c", True)]:
        first.begin_transaction()
        first.produce("transactions", value=value)
        first.flush()
        first.commit_transaction() if commit else first.abort_transaction()
    reader = consumer("committed", **{"isolation.level": "read_committed"})
    reader.assign([TopicPartition("transactions", 0, 0)])
    assert [m.value() for m in read(reader, 2)] == [b"a", b"c"]
    first.begin_transaction()
    first.produce("transactions", value="d")
    first.send_offsets_to_transaction([TopicPartition("codec-none", 0, 77)], reader.consumer_group_metadata())
    first.flush()
    producer()  # another instance takes over
    try:
        first.commit_transaction()
        raise AssertionError("the first instance is fenced")
    except KafkaException as error:
        assert error.args[0].fatal() or error.args[0].name() in ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"), error
    assert reader.committed([TopicPartition("codec-none", 0)], 10)[0].offset == -1001, "its offsets were aborted"
    reader.close()


def administers():
    admin = AdminClient({"bootstrap.servers": SERVERS})
    for future in admin.create_topics([NewTopic("made", 2, 1, config={"retention.ms": "5000"})]).values():
        future.result()
    for future in admin.create_partitions([NewPartitions("made", 4)]).values():
        future.result()
    described = admin.list_topics("made", timeout=10).topics["made"]
    assert len(described.partitions) == 4
    resource = ConfigResource(ResourceType.TOPIC, "made", incremental_configs=[
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    [future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, "made")]).values()
    configs = future.result()
    assert (configs["cleanup.policy"].value, configs["retention.ms"].value) == ("compact", "5000")
    [future] = admin.list_offsets({TopicPartition("codec-none", 0): OffsetSpec.latest()}).values()
    assert future.result().offset == 1000
    groups = {g.group_id: g.state.name for g in admin.list_consumer_groups().result().valid}
    assert groups["resuming"] == "EMPTY", groups
    [future] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("resuming")]).values()
    assert [(o.topic, o.offset) for o in future.result().topic_partitions] == [("codec-none", 250)]
    [future] = admin.delete_consumer_groups(["resuming"]).values()
    future.result()
    deleted = admin.delete_records([TopicPartition("codec-none", 0, 900)])
    assert [f.result().low_watermark for f in deleted.values()] == [900]
    for future in admin.delete_topics(["made"]).values():
        future.result()
    for make, name in [(lambda: admin.create_topics([NewTopic("bad name", 1, 1)]), "TOPIC_EXCEPTION"),
                       (lambda: admin.create_topics([NewTopic("three", 1, 3)]), "INVALID_REPLICATION_FACTOR"),
                       (lambda: admin.create_topics([NewTopic("codec-none", 1, 1)]), "TOPIC_ALREADY_EXISTS"),
                       (lambda: admin.create_topics([NewTopic("x", 1, 1, config={"no.such": "1"})]), "INVALID_CONFIG"),
                       (lambda: admin.delete_topics(["made"]), "UNKNOWN_TOPIC_OR_PART")]:
        [future] = make().values()
        try:
            future.result()
            raise AssertionError(f"{name} was expected")
        except KafkaException as error:
            assert error.args[0].name() == name, error


produces_with_all_codecs()
resumes_where_it_committed()
transacts()
administers()
print("ok")
