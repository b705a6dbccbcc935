"""A consumer that commits now and then is killed again and again: every record is read, and few of them twice."""
import json
import subprocess
import sys

from confluent_kafka import Consumer, Producer

SERVERS = sys.argv[1]
COUNT = 1000


def consume(limit):
    """Prints what it reads; commits after each 50."""
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": "killed", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "session.timeout.ms": 6000, "fetch.min.bytes": 65536,
                         "fetch.wait.max.ms": 100})
    consumer.subscribe(["clicks"])
    seen = 0
    while seen < limit:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        print(json.loads(message.value())["n"], flush=True)
        seen += 1
        if seen % 50 == 0:
            partitions = consumer.assignment()
            consumer.pause(partitions)
            consumer.commit(asynchronous=False)
            consumer.resume(partitions)
    consumer.close()


def main():
    producer = Producer({"bootstrap.servers": SERVERS, "linger.ms": 50, "compression.type": "lz4"})
    for i in range(COUNT):
        producer.produce("clicks", key=str(i % 11), value=json.dumps({"n": i}))
    producer.flush()
    read = []
    for stop_after in [120, 333, COUNT]:
        child = subprocess.Popen([sys.executable, __file__, SERVERS, "consume"], stdout=subprocess.PIPE, text=True)
        lines = 0
        for line in child.stdout:
            read.append(int(line))
            lines += 1
            if lines == stop_after or (set(read) >= {COUNT - 1} and stop_after == COUNT):
                break
        child.kill()
        # What it had written already may be committed.
        read += [int(line) for line in child.stdout]
        child.wait()
    assert sorted(set(read)) == list(range(COUNT)), len(set(read))
    # Each kill repeats what came after the last commit.
    assert len(read) <= COUNT + 2 * 50, len(read)


if len(sys.argv) > 2:
    consume(COUNT)
else:
    main()
    print("ok")
