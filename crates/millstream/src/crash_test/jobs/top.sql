-- The keys with the most rows: those that have changed, at each batch. A key that is no longer among them is deleted.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}', trigger = '${env:TRIGGER}', outputMode = 'update'
);
INSERT INTO output SELECT key, CAST(rows AS STRING) AS value
FROM (SELECT CAST(key AS STRING) AS key, count(*) AS rows FROM STREAM input GROUP BY key) ORDER BY rows DESC, key LIMIT 7;
