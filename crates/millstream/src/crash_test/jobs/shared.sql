-- Two queries on one table, which is read once for both: each row as it is, and how many rows each key has.
SET millstream.checkpoint.snapshotBytes = 4096;
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
CREATE TABLE rows USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}/rows', trigger = '${env:TRIGGER}', outputMode = 'append'
);
CREATE TABLE counts USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}/counts', trigger = '${env:TRIGGER}', outputMode = 'update'
);
INSERT INTO rows SELECT key, value FROM STREAM input;
INSERT INTO counts
SELECT concat('count of ', CAST(key AS STRING)) AS key, CAST(count(*) AS STRING) AS value FROM STREAM input GROUP BY key;
