"""Produces while the broker is killed and started again: every record is there once, in order, and so are those that were
acknowledged before each kill."""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

SERVERS = sys.argv[1]
COUNT, KILLS = 40_000, [5_000, 15_000, 25_000]

acknowledged = []
producer = Producer({"bootstrap.servers": SERVERS, "enable.idempotence": True, "linger.ms": 2, "batch.num.messages": 200,
                     "compression.type": "lz4", "reconnect.backoff.max.ms": 500, "message.timeout.ms": 120_000})


def delivered(error, message):
    assert error is None, error
    acknowledged.append((message.offset(), int(message.value())))


for i in range(COUNT):
    producer.produce("killed", value=str(i), on_delivery=delivered)
    producer.poll(0)
    if KILLS and len(acknowledged) >= KILLS[0]:
        # Others are on the way just now.
        del KILLS[0]
        print("kill", flush=True)
        sys.stdin.readline()
    while len(producer) > 5_000:
        producer.poll(0.05)
assert producer.flush(120) == 0
while KILLS:
    del KILLS[0]
    print("kill", flush=True)
    sys.stdin.readline()
assert sorted(acknowledged) == [(i, i) for i in range(COUNT)], len(acknowledged)

consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": "reader", "auto.offset.reset": "error"})
consumer.assign([TopicPartition("killed", 0, 0)])
values = []
while len(values) < COUNT:
    for message in consumer.consume(5_000, 10):
        assert message.error() is None, message.error()
        values.append((message.offset(), int(message.value())))
assert values == [(i, i) for i in range(COUNT)]
assert consumer.get_watermark_offsets(TopicPartition("killed", 0)) == (0, COUNT)
consumer.close()
print("ok")
