"""An aiokafka pipeline, whose transactions carry its offsets, is killed in the middle of three of them: each record is copied
once. Then a kafka-python reader is killed between reading and committing: nothing is lost, and at most one record is repeated."""
import asyncio
import subprocess
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaConsumer, KafkaProducer, TopicPartition as Partition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

SERVERS = sys.argv[1]
COUNT, PARTITIONS = 600, 3


async def copy():
    """Copies all there is; says so within each transaction, where it can be killed."""
    consumer = AIOKafkaConsumer("raw", bootstrap_servers=SERVERS, group_id="copier", group_instance_id="copier-1",
                                auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed")
    producer = AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id="copier")
    await consumer.start()
    await producer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=200, max_records=40)
        if not polled:
            print("waiting", flush=True)
            continue
        async with producer.transaction():
            offsets = {}
            for partition, messages in polled.items():
                for message in messages:
                    await producer.send_and_wait("copied", message.value, partition=message.partition)
                    print("copied", flush=True)
                offsets[TopicPartition(partition.topic, partition.partition)] = messages[-1].offset + 1
            await producer.send_offsets_to_transaction(offsets, "copier")


def read():
    """Reads on, and commits each record after it was handed on."""
    reader = KafkaConsumer("copied", bootstrap_servers=SERVERS, group_id="reader", group_instance_id="reader-1",
                           auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed")
    for message in reader:
        print(message.partition, message.value.decode(), flush=True)
        reader.commit({Partition(message.topic, message.partition): OffsetAndMetadata(message.offset + 1, "", -1)})


def lines_until(mode, enough):
    """The lines of a child, which is killed as soon as there are enough; those that it wrote meanwhile too."""
    child = subprocess.Popen([sys.executable, __file__, SERVERS, mode], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in child.stdout:
        lines.append(line.strip())
        if enough(lines):
            break
    else:
        raise AssertionError(f"{mode} ended by itself after {len(lines)} lines")
    child.kill()
    lines += [line.strip() for line in child.stdout]
    child.wait()
    return lines


def committed_values():
    reader = KafkaConsumer(bootstrap_servers=SERVERS, isolation_level="read_committed", consumer_timeout_ms=3000,
                           auto_offset_reset="earliest")
    reader.assign([Partition("copied", partition) for partition in range(PARTITIONS)])
    values = [[] for _ in range(PARTITIONS)]
    for message in reader:
        values[message.partition].append(int(message.value))
    reader.close()
    return values


def main():
    admin = KafkaAdminClient(bootstrap_servers=SERVERS)
    admin.create_topics([NewTopic("raw", PARTITIONS, 1), NewTopic("copied", PARTITIONS, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=SERVERS)
    for number in range(COUNT):
        producer.send("raw", str(number).encode(), partition=number % PARTITIONS)
    producer.close()
    for copied in [30, 77, 101]:
        lines_until("copy", lambda lines: lines.count("copied") == copied)
    lines_until("copy", lambda lines: lines[-1] == "waiting" and "copied" in lines)
    wanted = [list(range(partition, COUNT, PARTITIONS)) for partition in range(PARTITIONS)]
    assert committed_values() == wanted, [len(values) for values in committed_values()]

    seen = []
    for stop_after in [50, 111]:
        seen += lines_until("read", lambda lines: len(lines) == stop_after)
    seen += lines_until("read", lambda lines: len(set(seen) | set(lines)) == COUNT)
    assert len(seen) <= COUNT + 2, len(seen)
    print("ok")


if len(sys.argv) == 2:
    main()
elif sys.argv[2] == "copy":
    asyncio.run(copy())
else:
    read()
