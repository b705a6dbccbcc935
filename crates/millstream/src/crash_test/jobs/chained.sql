-- How many keys have so many rows: those that have changed, at each batch. A number that no key has any more is deleted.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}', trigger = '${env:TRIGGER}', outputMode = 'update'
);
INSERT INTO output SELECT CAST(rows AS STRING) AS key, CAST(count(*) AS STRING) AS value
FROM (SELECT key, count(*) AS rows FROM STREAM input GROUP BY key) GROUP BY rows;
