-- How many rows each key has: all of them, at each batch.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}', trigger = '${env:TRIGGER}', outputMode = 'complete'
);
INSERT INTO output SELECT key, CAST(count(*) AS STRING) AS value FROM STREAM input GROUP BY key;
