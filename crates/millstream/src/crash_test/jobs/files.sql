-- Each row as it is, through a folder of files: one query writes them, the other reads them.
CREATE TABLE input USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', subscribe = '${env:INPUT}', startingOffsets = 'earliest',
  maxOffsetsPerTrigger = '500'
);
DROP TABLE IF EXISTS files;
CREATE TABLE files (key STRING, value STRING) USING json OPTIONS (
  path = '${env:FOLDER}', maxFilesPerTrigger = '3',
  checkpointLocation = '${env:CHECKPOINT}/writes', trigger = '${env:TRIGGER}'
);
CREATE TABLE output USING kafka OPTIONS (
  'kafka.bootstrap.servers' = '${env:KAFKA}', topic = '${env:OUTPUT}', 'delivery.guarantee' = 'exactly-once',
  checkpointLocation = '${env:CHECKPOINT}/reads', trigger = '${env:TRIGGER}'
);
INSERT INTO files SELECT CAST(key AS STRING) AS key, CAST(value AS STRING) AS value FROM STREAM input;
INSERT INTO output SELECT key, value FROM STREAM files;
