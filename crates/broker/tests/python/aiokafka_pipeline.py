"""aiokafka: copies a topic in transactions that carry the offsets, is stopped in the middle, and goes on: each record once."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

SERVERS = sys.argv[1]
COUNT = 300


async def fill():
    producer = AIOKafkaProducer(bootstrap_servers=SERVERS, compression_type="lz4", enable_idempotence=True)
    await producer.start()
    for i in range(COUNT):
        await producer.send("raw", key=str(i % 7).encode(), value=str(i).encode())
    await producer.flush()
    await producer.stop()


async def copy(limit, abort_after):
    """Copies until `limit` records are done; one transaction after `abort_after` is aborted."""
    consumer = AIOKafkaConsumer("raw", bootstrap_servers=SERVERS, group_id="copier", auto_offset_reset="earliest",
                                enable_auto_commit=False, isolation_level="read_committed")
    producer = AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id="copier", compression_type="gzip")
    await consumer.start()
    await producer.start()
    done = 0
    while done < limit:
        polled = await consumer.getmany(timeout_ms=1000, max_records=20)
        if not polled:
            continue
        await producer.begin_transaction()
        offsets = {}
        for partition, messages in polled.items():
            for message in messages:
                await producer.send("copied", key=message.key, value=b"<" + message.value + b">")
            offsets[TopicPartition(partition.topic, partition.partition)] = messages[-1].offset + 1
        if abort_after is not None and done >= abort_after:
            abort_after = None
            await producer.abort_transaction()
            for partition in polled:
                committed = await consumer.committed(partition)
                consumer.seek(partition, committed or 0)
            continue
        await producer.send_offsets_to_transaction(offsets, "copier")
        await producer.commit_transaction()
        done += sum(len(messages) for messages in polled.values())
    await consumer.stop()
    await producer.stop()
    return done


async def main():
    await fill()
    first = await copy(100, abort_after=40)
    await copy(COUNT - first, abort_after=None)
    reader = AIOKafkaConsumer("copied", bootstrap_servers=SERVERS, auto_offset_reset="earliest",
                              isolation_level="read_committed", group_id=None)
    await reader.start()
    values = []
    while len(values) < COUNT:
        polled = await asyncio.wait_for(reader.getmany(timeout_ms=1000), 20)
        values += [message.value for messages in polled.values() for message in messages]
    assert values == [f"<{i}>".encode() for i in range(COUNT)], values[:5]
    await reader.stop()


asyncio.run(main())
print("ok")
