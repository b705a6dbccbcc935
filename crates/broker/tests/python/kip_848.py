"""A consumer with group.protocol=consumer ends with an error, as with a broker of Apache Kafka that has it switched off."""
import sys
import time

from confluent_kafka import Consumer, KafkaError

consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "g", "group.protocol": "consumer"})
consumer.subscribe(["t"])
deadline = time.monotonic() + 60
message = None
while message is None:
    assert time.monotonic() < deadline, "it waits without a word"
    message = consumer.poll(0.2)
error = message.error()
assert error is not None and error.code() == KafkaError._FATAL, error
assert "API version not supported" in error.str() and "ConsumerGroupHeartbeat" in error.str(), error
print("ok")
