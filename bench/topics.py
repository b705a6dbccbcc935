"""Fills the benchmark's topics: the same rows at every call, so that every engine and every run reads the same."""
import datetime
import random

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

ACTIONS = ["payment", "payment", "login", "view", "click"]
START = datetime.datetime(2026, 11, 21, 8, 0, 0)


def plain(rng, index, count):
    """A payment event of about 94 bytes; two of five are payments, spread over one hour of event time."""
    moment = START + datetime.timedelta(milliseconds=3_600_000 * index // count)
    return (
        rng.randrange(10_000), ACTIONS[index % 5], rng.random() * 500, moment.isoformat(timespec="milliseconds"),
    )


def in_schema_order(event):
    return '{"user_id": %d, "action": "%s", "amount": %.2f, "timestamp": "%s"}' % event


def out_of_order(event, variant):
    """The same event as other producers would write it; the answer stays the same."""
    user, action, amount, moment = event
    return [
        '{"timestamp": "%s", "amount": %.2f, "action": "%s", "user_id": %d}' % (moment, amount, action, user),
        '{"user_id": %d, "action": "%s\\u00%02x%s", "amount": %.2f, "timestamp": "%s"}'
        % (user, action[:2], ord(action[2]), action[3:], amount, moment),
        '{ "user_id" : %d , "action" : "%s" ,\n "amount" : %.2f , "timestamp" : "%s" }' % (user, action, amount, moment),
        '{"id": {"a": [1, 2, {"b": null}]}, "user_id": %d, "action": "%s", "note": "x", "amount": %.2f, "timestamp": "%s"}'
        % (user, action, amount, moment),
        '{"user_id": %d, "action": "%s", "amount": "%.2f", "timestamp": "%s"}' % (user, action, amount, moment),
    ][variant]


def fill(bootstrap, topic, count, partitions=4, odd_share=0.0):
    """Creates `topic` and writes `count` rows; returns how many payments each run must count."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
    producer = Producer({
        "bootstrap.servers": bootstrap, "linger.ms": 50, "batch.size": 256 << 10,
        "queue.buffering.max.messages": 500_000, "enable.idempotence": True,
    })
    rng, shape = random.Random(7), random.Random(8)
    for index in range(count):
        event = plain(rng, index, count)
        odd = odd_share > 0 and shape.random() < odd_share
        value = out_of_order(event, index % 5) if odd else in_schema_order(event)
        while True:
            try:
                producer.produce(topic, value, str(event[0]))
                break
            except BufferError:
                producer.poll(0.1)
        if index % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    return sum(1 for index in range(count) if ACTIONS[index % 5] == "payment")
