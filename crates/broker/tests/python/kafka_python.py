"""kafka-python: all codecs, resuming, seeking back to the committed offset after a failure, administration."""
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

SERVERS = sys.argv[1]

for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
    producer = KafkaProducer(bootstrap_servers=SERVERS, compression_type=codec, acks="all", linger_ms=10)
    sent = [producer.send("events", key=b"k", value=f"{codec}-{i}".encode(), headers=[("h", b"x")]) for i in range(100)]
    producer.flush()
    assert all(future.succeeded() for future in sent)
    producer.close()


def consumer(**more):
    return KafkaConsumer("events", bootstrap_servers=SERVERS, group_id="readers", auto_offset_reset="earliest",
                         enable_auto_commit=False, consumer_timeout_ms=15000, **more)


partition = TopicPartition("events", 0)
reader = consumer()
got = []
failed = False
for message in reader:
    if len(got) == 130 and not failed:
        # It failed after it had read ahead, so it goes back to what was committed.
        failed = True
        reader.seek(partition, reader.committed(partition))
        continue
    got.append((message.offset, message.value.decode()))
    reader.commit({partition: OffsetAndMetadata(message.offset + 1, "", -1)})
    if len(got) == 200:
        break
assert [offset for offset, _ in got] == list(range(200)), got
assert got[100][1] == "gzip-0"
reader.close()

reader = consumer()
message = next(reader)
assert (message.offset, message.headers) == (200, [("h", b"x")])
reader.seek_to_beginning(partition)
assert next(reader).offset == 0
assert reader.end_offsets([partition]) == {partition: 500}
reader.close()

admin = KafkaAdminClient(bootstrap_servers=SERVERS)
admin.create_topics([NewTopic("made", 3, 1)])
assert len(admin.describe_topics(["made"])[0]["partitions"]) == 3
admin.delete_topics(["made"])
assert "made" not in admin.list_topics()
admin.close()
print("ok")
