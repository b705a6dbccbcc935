"""Asks Apache Spark (SPARK_REMOTE, 4.2) in which type values of two types meet, under ANSI rules and without, and writes
spark/common_types.txt: `left | right | ansi | legacy`, `-` where they do not meet."""
from pyspark.sql import SparkSession
import logging, os; logging.disable(logging.CRITICAL)
s=SparkSession.builder.getOrCreate()
T="VOID BOOLEAN TINYINT SMALLINT INT BIGINT FLOAT DOUBLE DECIMAL(10,2) DECIMAL(38,10) STRING BINARY DATE TIMESTAMP TIMESTAMP_NTZ ARRAY<INT> ARRAY<BIGINT> ARRAY<STRING> MAP<STRING,INT> MAP<STRING,DOUBLE> STRUCT<a:INT> STRUCT<a:DOUBLE> INTERVAL_YM INTERVAL_DT".split()
def ddl(t): return {"INTERVAL_YM":"INTERVAL YEAR TO MONTH","INTERVAL_DT":"INTERVAL DAY TO SECOND"}.get(t,t)
out=[]
res={}
for ansi in ("true","false"):
    s.conf.set("spark.sql.ansi.enabled",ansi)
    pairs=[(a,b) for i,a in enumerate(T) for b in T[i+1:]]
    for a,b in pairs:
        try:
            df=s.sql(f"select coalesce(cast(null as {ddl(a)}), cast(null as {ddl(b)})) as x")
            r=df.schema.fields[0].dataType.simpleString()
        except Exception: r="-"
        res.setdefault((a,b),{})[ansi]=r
s.conf.set("spark.sql.ansi.enabled","true")
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "spark", "common_types.txt"), "w") as f:
    for (a,b),r in res.items(): f.write(f"{ddl(a)} | {ddl(b)} | {r['true']} | {r['false']}\n")
print(len(res))
