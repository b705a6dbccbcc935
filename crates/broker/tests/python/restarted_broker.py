"""What is not records outlives a kill as well: topics, settings, committed offsets, an open transaction, deleted records."""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

SERVERS = sys.argv[1]


def kill():
    print("kill", flush=True)
    sys.stdin.readline()


def consumer(**more):
    return Consumer({"bootstrap.servers": SERVERS, "group.id": "g", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "enable.partition.eof": True, **more})


def done(futures):
    for future in futures.values():
        future.result()


def values(reader, partition, offset):
    reader.assign([TopicPartition("t", partition, offset)])
    got = []
    while True:
        message = reader.poll(20)
        assert message is not None
        if message.error():
            return got
        got.append(message.value().decode())


admin = AdminClient({"bootstrap.servers": SERVERS})
done(admin.create_topics([NewTopic("t", 1, 1, config={"retention.ms": "123456789"}), NewTopic("gone", 1, 1)]))
done(admin.create_partitions([NewPartitions("t", 2)]))
done(admin.delete_topics(["gone"]))
plain = Producer({"bootstrap.servers": SERVERS})
for i in range(10):
    plain.produce("t", partition=0, value=str(i))
plain.flush()
done(admin.delete_records([TopicPartition("t", 0, 3)]))
reader = consumer()
reader.commit(offsets=[TopicPartition("t", 0, 5, metadata="five")], asynchronous=False)
reader.close()
producer = Producer({"bootstrap.servers": SERVERS, "transactional.id": "x", "reconnect.backoff.max.ms": 300})
producer.init_transactions()
producer.begin_transaction()
producer.produce("t", partition=1, value="aborted")
producer.flush()
producer.abort_transaction()
producer.begin_transaction()
producer.produce("t", partition=1, value="before")
producer.flush()

kill()
[future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, "t")]).values()
assert future.result()["retention.ms"].value == "123456789"
topics = admin.list_topics(timeout=20).topics
assert {name: len(topic.partitions) for name, topic in topics.items()} == {"t": 2}, topics
reader = consumer(**{"isolation.level": "read_committed"})
[committed] = reader.committed([TopicPartition("t", 0)], 20)
assert (committed.offset, committed.metadata) == (5, "five")
assert reader.get_watermark_offsets(TopicPartition("t", 0), 20) == (3, 10)
assert values(reader, 0, 3) == [str(i) for i in range(3, 10)]
assert values(reader, 1, 0) == [], "it is not committed yet"
producer.produce("t", partition=1, value="after")
producer.flush()
producer.send_offsets_to_transaction([TopicPartition("t", 0, 8)], reader.consumer_group_metadata())
producer.commit_transaction()

kill()
assert values(reader, 1, 0) == ["before", "after"]
assert reader.committed([TopicPartition("t", 0)], 20)[0].offset == 8
producer.begin_transaction()
producer.produce("t", partition=1, value="last")
producer.commit_transaction()
assert values(reader, 1, 0) == ["before", "after", "last"]
reader.close()
print("ok")
