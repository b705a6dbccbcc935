"""The stock client (librdkafka) at the other end of `millstream topic`: BOOTSTRAP COMMAND TOPIC …

  describe TOPIC       {"partitions": N, "set": {settings that are set for the topic}}, or null where there is no such topic
  read TOPIC COUNT     COUNT records in order of partition and offset, one JSON list a line: [partition, key, value, headers]
  write TOPIC          such lines from standard input become records, with the times 1000, 2000, …
"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, ResourceType

servers, command, topic, *rest = sys.argv[1:]


def text(value):
    return None if value is None else value.decode("utf-8", "backslashreplace")


def describe():
    admin = AdminClient({"bootstrap.servers": servers})
    found = admin.list_topics(timeout=10).topics.get(topic)
    if found is None:
        return None
    resource = ConfigResource(ResourceType.TOPIC, topic)
    settings = admin.describe_configs([resource])[resource].result(10)
    dynamic = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {"partitions": len(found.partitions),
            "set": {name: entry.value for name, entry in sorted(settings.items()) if entry.source == dynamic}}


def read(count):
    partitions = AdminClient({"bootstrap.servers": servers}).list_topics(topic, timeout=10).topics[topic].partitions
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "stock", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    records = []
    while len(records) < count:
        message = consumer.poll(30)
        assert message is not None, f"{len(records)} of {count} records came"
        assert message.error() is None, message.error()
        records.append(message)
    for message in sorted(records, key=lambda message: (message.partition(), message.offset())):
        headers = [[name, text(value)] for name, value in message.headers() or []]
        print(json.dumps([message.partition(), text(message.key()), text(message.value()), headers], ensure_ascii=False))


def write():
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for number, line in enumerate(sys.stdin, 1):
        partition, key, value, headers = json.loads(line)
        # "\udcff" stands for the byte 0xff, which is no UTF-8.
        as_bytes = lambda value: None if value is None else value.encode("utf-8", "surrogateescape")
        producer.produce(topic, key=as_bytes(key), value=as_bytes(value), partition=partition, timestamp=1000 * number,
                         headers=[(name, as_bytes(value)) for name, value in headers])
    assert producer.flush(30) == 0


if command == "describe":
    print(json.dumps(describe()))
elif command == "read":
    read(int(rest[0]))
else:
    write()
