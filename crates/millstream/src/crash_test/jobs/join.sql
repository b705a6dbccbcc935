-- Each row with the one that comes seven seconds of event time after it, or with none once that cannot come any more.
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
SELECT event.n AS n, event.time AS time
FROM (SELECT from_json(CAST(value AS STRING), 'n BIGINT, time TIMESTAMP') AS event FROM STREAM input);
INSERT INTO output
SELECT CAST(earlier.n AS STRING) AS key, coalesce(CAST(later.n AS STRING), 'none') AS value
FROM (SELECT * FROM events WATERMARK time DELAY OF INTERVAL 5 SECONDS) earlier
LEFT JOIN (SELECT * FROM events WATERMARK time DELAY OF INTERVAL 5 SECONDS) later
ON earlier.n + 700 = later.n AND later.time BETWEEN earlier.time AND earlier.time + INTERVAL 10 SECONDS;
