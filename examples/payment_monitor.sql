-- How many payments each user makes in every five minutes of event time; the whole table at each batch.
-- The events are JSON on the Kafka topic user_events. KAFKA, STARTING and TRIGGER override what stands here.
CREATE TABLE user_events USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA:-127.0.0.1:9092}',
  'subscribe' = 'user_events',
  'startingOffsets' = '${env:STARTING:-latest}',
  'failOnDataLoss' = 'false'
);

CREATE TABLE counts USING console OPTIONS (
  'truncate' = 'false',
  'outputMode' = 'complete',
  'trigger' = '${env:TRIGGER:-10 seconds}'
);

CREATE TEMPORARY VIEW events AS
SELECT data.* FROM (
  SELECT from_json(CAST(value AS STRING), 'user_id INT, action STRING, amount DOUBLE, timestamp TIMESTAMP') AS data
  FROM STREAM user_events
);

INSERT INTO counts
SELECT window, user_id, count(*) AS count
FROM events
WHERE action = 'payment'
GROUP BY window(timestamp, '5 minutes'), user_id;
