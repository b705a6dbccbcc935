-- How many rows each key has in each session of event time, once the session is over. The rows of every other second are
-- left out, so that a session lasts for a second, and ends before the next one begins.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}', trigger = '${env:TRIGGER}', outputMode = 'append'
);
CREATE TEMPORARY VIEW events AS
SELECT CAST(key AS STRING) AS key, from_json(CAST(value AS STRING), 'n BIGINT, time TIMESTAMP').time AS time
FROM STREAM input;
INSERT INTO output
SELECT concat(key, ' ', date_format(session_window.start, 'HH:mm:ss')) AS key, CAST(count(*) AS STRING) AS value
FROM (SELECT * FROM events WATERMARK time DELAY OF INTERVAL 5 SECONDS)
WHERE second(time) % 2 = 0
GROUP BY key, session_window(time, '1 second');
