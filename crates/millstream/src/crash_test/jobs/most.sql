-- The keys that have the most rows, with how many: a join of counts with the greatest of them. A key that is overtaken is deleted.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}', trigger = '${env:TRIGGER}', outputMode = 'update'
);
CREATE TEMPORARY VIEW counts AS SELECT key, count(*) AS rows FROM STREAM input GROUP BY key;
INSERT INTO output SELECT counts.key AS key, CAST(counts.rows AS STRING) AS value
FROM counts JOIN (SELECT max(rows) AS most FROM counts) ON counts.rows = most;
