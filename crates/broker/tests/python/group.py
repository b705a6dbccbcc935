"""Two members share the partitions of a topic, by each strategy; when one leaves or falls silent the other has them all."""
import sys
import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

SERVERS = sys.argv[1]
admin = AdminClient({"bootstrap.servers": SERVERS})


def until(condition, members, what):
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, what
        for member in members:
            member.poll(0.05)


def share(strategy, static):
    topic = f"shared-{strategy}"
    [future] = admin.create_topics([NewTopic(topic, 6, 1)]).values()
    future.result()
    producer = Producer({"bootstrap.servers": SERVERS})
    for partition in range(6):
        producer.produce(topic, partition=partition, value=str(partition))
    producer.flush()

    def member(number):
        made = Consumer({"bootstrap.servers": SERVERS, "group.id": f"group-{strategy}", "auto.offset.reset": "earliest",
                         "partition.assignment.strategy": strategy, "session.timeout.ms": 6000,
                         "heartbeat.interval.ms": 300, "client.id": f"member-{number}",
                         **({"group.instance.id": f"static-{number}"} if static else {})})
        made.subscribe([topic])
        return made

    def numbers(of):
        return sorted(one.partition for one in of.assignment())

    first, second = member(1), member(2)
    until(lambda: len(numbers(first)) == 3 and len(numbers(second)) == 3, [first, second], "they share")
    assert sorted(numbers(first) + numbers(second)) == list(range(6))
    [future] = admin.describe_consumer_groups([f"group-{strategy}"]).values()
    described = future.result()
    assert described.state.name == "STABLE" and described.partition_assignor == strategy, described.state
    assert sorted(one.client_id for one in described.members) == ["member-1", "member-2"]
    assert [len(one.assignment.topic_partitions) for one in described.members] == [3, 3]
    # A static member that closes stays in the group until its session ends.
    second.close()
    until(lambda: len(numbers(first)) == 6, [first], "one takes over")
    first.close()


share("range", static=False)
share("cooperative-sticky", static=False)
share("roundrobin", static=True)
print("ok")
