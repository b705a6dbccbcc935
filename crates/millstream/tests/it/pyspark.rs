//! PySpark's own client on the binary, without Kafka: what a person types into a notebook, and what a script does.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use millstream_test_servers::require_or_skip;

/// Makes the interpreter ready once, as `millstream run` would at its first use; asks it for nothing but its status.
fn client_available() -> Result<(), String> {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let ready = READY.get_or_init(|| {
        let output = run("pass");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    });
    ready.clone()
}

fn command(folder: &Path, program: &str) -> Command {
    let path = folder.join("program.py");
    std::fs::write(&path, program).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("run").arg(path).stdin(Stdio::null()).env("TZ", "UTC").env("PYTHONUNBUFFERED", "1");
    command
}

fn run(program: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    command(folder.path(), program).args(["one", "--two"]).output().unwrap()
}

/// Runs statements after the usual first lines, and expects this output.
fn check(statements: &str, expected: &str) {
    let program = format!(
        "import sys\nfrom pyspark.sql import SparkSession, Row, functions as F\n\
         spark = SparkSession.builder.getOrCreate()\n{statements}"
    );
    let output = run(&program);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert_eq!(out, expected, "{err}");
}

#[test]
fn interactive_use() {
    require_or_skip!(client_available());
    check(
        "print(spark.version)\n\
         print(spark.range(5).collect())\n\
         spark.range(2).show()\n\
         print(spark.range(2).toPandas()['id'].tolist(), spark.range(7).count(), spark.range(9).tail(2))\n\
         df = spark.createDataFrame([(1, 'a', [1.5]), (2, None, None)], 'x INT, y STRING, z ARRAY<DOUBLE>')\n\
         df.printSchema()\n\
         print(df.collect())\n\
         df.createOrReplaceTempView('v')\n\
         spark.sql('SELECT sum(x) AS s FROM v').show()\n\
         print(spark.sql('SELECT x FROM v WHERE y = :y', args={'y': 'a'}).collect(), df.isStreaming)\n\
         print(spark.catalog.dropTempView('v'), spark.catalog.dropTempView('v'), spark.catalog.currentDatabase())\n",
        "4.2.0\n\
         [Row(id=0), Row(id=1), Row(id=2), Row(id=3), Row(id=4)]\n\
         +---+\n| id|\n+---+\n|  0|\n|  1|\n+---+\n\n\
         [0, 1] 7 [Row(id=7), Row(id=8)]\n\
         root\n |-- x: integer (nullable = true)\n |-- y: string (nullable = true)\n \
         |-- z: array (nullable = true)\n |    |-- element: double (containsNull = true)\n\n\
         [Row(x=1, y='a', z=[1.5]), Row(x=2, y=None, z=None)]\n\
         +---+\n|  s|\n+---+\n|  3|\n+---+\n\n\
         [Row(x=1)] False\n\
         True False default\n",
    );
}

#[test]
fn a_large_local_relation_is_uploaded_and_a_large_result_comes_back() {
    require_or_skip!(client_available());
    check(
        "df = spark.createDataFrame([(i, 'x' * 100) for i in range(30000)], 'i INT, t STRING')\n\
         rows = df.collect()\n\
         print(sorted(row.i for row in rows) == list(range(30000)), {len(row.t) for row in rows})\n",
        "True {100}\n",
    );
}

#[test]
fn explain_prints_a_plan() {
    require_or_skip!(client_available());
    let output = run("from pyspark.sql import SparkSession\n\
                      SparkSession.builder.getOrCreate().range(3).filter('id > 1').explain()\n");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.starts_with("== Physical Plan ==\n"), "{out}");
}

#[test]
fn timestamps_are_in_the_sessions_zone() {
    require_or_skip!(client_available());
    check(
        "spark.conf.set('spark.sql.session.timeZone', 'Asia/Tokyo')\n\
         df = spark.sql(\"SELECT TIMESTAMP '2026-01-01 00:00:00Z' AS t\")\n\
         df.show()\n\
         print(df.toPandas()['t'][0])\n",
        "+-------------------+\n|                  t|\n+-------------------+\n|2026-01-01 09:00:00|\n\
         +-------------------+\n\n2026-01-01 09:00:00\n",
    );
}

#[test]
fn errors_are_sparks_exceptions() {
    require_or_skip!(client_available());
    check(
        "def show(action):\n    \
             try:\n        action()\n    \
             except Exception as e:\n        \
                 print(type(e).__name__, e.getCondition(), e.getSqlState())\n\
         show(lambda: spark.range(1).select('nono').collect())\n\
         show(lambda: spark.sql('SELEC 1'))\n\
         show(lambda: spark.sql('SELECT 1 / 0').collect())\n\
         show(lambda: spark.conf.get('spark.nono'))\n\
         show(lambda: spark.table('nono').collect())\n\
         show(lambda: spark.readStream.format('rate').load().collect())\n\
         show(lambda: spark.range(1).writeStream.format('console').start())\n\
         show(lambda: spark.range(1).select(F.udf(lambda x: x)('id')).collect())\n",
        "AnalysisException UNRESOLVED_COLUMN.WITH_SUGGESTION 42703\n\
         ParseException PARSE_SYNTAX_ERROR 42601\n\
         ArithmeticException DIVIDE_BY_ZERO 22012\n\
         SparkNoSuchElementException SQL_CONF_NOT_FOUND 42K0I\n\
         AnalysisException TABLE_OR_VIEW_NOT_FOUND 42P01\n\
         AnalysisException _LEGACY_ERROR_TEMP_3102 None\n\
         AnalysisException WRITE_STREAM_NOT_ALLOWED 42601\n\
         UnsupportedOperationException UNSUPPORTED_FEATURE 0A000\n",
    );
}

#[test]
fn a_query_is_watched_stopped_and_read() {
    require_or_skip!(client_available());
    check(
        "rows = spark.readStream.format('rate').option('rowsPerSecond', 1000).load().selectExpr('value AS v')\n\
         q = rows.writeStream.format('memory').queryName('m').start()\n\
         print(q.name, q.isActive, [one.name for one in spark.streams.active], spark.streams.get(q.id).runId == q.runId)\n\
         while not (q.lastProgress and q.lastProgress['batchId'] > 0):\n    q.awaitTermination(1)\n\
         q.processAllAvailable()\n\
         print(sorted(q.status), q.lastProgress.numInputRows >= 0, len(q.recentProgress) > 1, q.exception())\n\
         q.stop()\n\
         n = spark.table('m').count()\n\
         print(q.isActive, q.awaitTermination(1), spark.streams.active, n >= 1000)\n\
         print([row.v for row in spark.sql('SELECT v FROM m ORDER BY v').collect()] == list(range(n)))\n",
        "m True ['m'] True\n\
         ['isDataAvailable', 'isTriggerActive', 'message'] True True None\n\
         False True [] True\n\
         True\n",
    );
}

#[test]
fn a_failed_query_raises_where_it_is_awaited() {
    require_or_skip!(client_available());
    check(
        "rows = spark.readStream.format('rate').option('rowsPerSecond', 10).load().selectExpr(\"raise_error('no')\")\n\
         q = rows.writeStream.format('noop').start()\n\
         try:\n    q.awaitTermination()\n\
         except Exception as e:\n    print(type(e).__name__, e.getCondition())\n\
         print(type(q.exception()).__name__, q.isActive)\n",
        "StreamingQueryException STREAM_FAILED\nStreamingQueryException False\n",
    );
}

#[test]
fn an_option_that_nobody_knows_is_in_the_log_with_the_one_that_was_meant() {
    require_or_skip!(client_available());
    let output = run("from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
rows = spark.readStream.format('rate-micro-batch').option('rowsPerBatch', 3).option('numPartition', 2).load()
query = rows.writeStream.format('console').option('numrows', 1).option('truncat', False)
query.option('checkpoint.sync', 'never').trigger(availableNow=True).start().awaitTermination()
");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("an unknown option has no effect")).collect();
    let [source, sink] = warnings[..] else { panic!("{said}") };
    let (sink, source) = if sink.contains("console") { (sink, source) } else { (source, sink) };
    assert!(
        source.ends_with("format=\"rate-micro-batch\" option=\"numPartition\" did_you_mean=\"numPartitions\""),
        "{source}"
    );
    assert!(sink.ends_with("format=\"console\" option=\"truncat\" did_you_mean=\"truncate\""), "{sink}");
}

#[test]
fn listeners_hear_of_start_progress_and_end() {
    require_or_skip!(client_available());
    check(
        "from threading import Event\n\
         from pyspark.sql.streaming import StreamingQueryListener\n\
         class Listener(StreamingQueryListener):\n    \
             progressed, ended = Event(), Event()\n    \
             def onQueryStarted(self, event): print('started', event.name)\n    \
             def onQueryProgress(self, event): self.progressed.set()\n    \
             def onQueryIdle(self, event): pass\n    \
             def onQueryTerminated(self, event):\n        print('ended', event.exception)\n        self.ended.set()\n\
         listener = Listener()\n\
         spark.streams.addListener(listener)\n\
         rows = spark.readStream.format('rate').option('rowsPerSecond', 10).load()\n\
         q = rows.writeStream.format('noop').queryName('heard').start()\n\
         print(listener.progressed.wait(60))\n\
         q.stop()\n\
         print(listener.ended.wait(60))\n\
         spark.streams.removeListener(listener)\n",
        "started heard\nTrue\nended None\nTrue\n",
    );
}

#[test]
fn a_script_for_spark_submit_runs_as_it_is() {
    require_or_skip!(client_available());
    let output = run("import sys\nfrom pyspark.sql import SparkSession\n\
         spark = (SparkSession.builder.master('local[*]').appName('app').config('spark.submit.deployMode', 'client')\n\
             .config('spark.jars.packages', 'org.apache.spark:spark-sql-kafka').getOrCreate())\n\
         sc = spark.sparkContext\n\
         sc.setLogLevel('WARN')\n\
         print(sc.appName, sc.version, sc.defaultParallelism > 0, sys.argv[1:])\n\
         try:\n    sc.parallelize([1])\n\
         except AttributeError as e:\n    print(e.getCondition())\n\
         spark.stop()\n\
         sys.exit(7)\n");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "app 4.2.0 True ['one', '--two']\nJVM_ATTRIBUTE_NOT_SUPPORTED\n", "{err}");
    assert_eq!(output.status.code(), Some(7), "the program's own status");
}

/// A program that waits for its query for ever, once it has said that it does.
fn waiting(folder: &Path) -> Child {
    let program = "from pyspark.sql import SparkSession\n\
         spark = SparkSession.builder.getOrCreate()\n\
         q = spark.readStream.format('rate').load().writeStream.format('noop').start()\n\
         print('waiting')\n\
         q.awaitTermination()\n\
         print('over')\n";
    let mut child = command(folder, program).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "waiting\n");
    child
}

#[test]
fn sigterm_ends_the_query_and_lets_the_program_finish() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let mut child = waiting(folder.path());
    let asked = Instant::now();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), status.code()), ("over\n", Some(0)));
}

#[test]
fn ctrl_c_ends_a_program_without_a_traceback() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let program = "import time\nfrom pyspark.sql import SparkSession\n\
         spark = SparkSession.builder.getOrCreate()\n\
         q = spark.readStream.format('rate').load().writeStream.format('noop').start()\n\
         print('waiting')\n";
    for wait in [
        "q.awaitTermination()",
        "while True:\n    time.sleep(0.01)",
        "try:\n    q.awaitTermination()\nfinally:\n    q.stop()",
    ] {
        let mut command = command(folder.path(), &format!("{program}{wait}\n"));
        // Of its own group, which gets the signal as from a terminal.
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env("MILLSTREAM_LOG", "warn").spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "waiting\n");
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{wait}");
        assert!(matches!(output.status.code(), Some(0 | 130)), "{wait}: {}", output.status);
    }
}

#[test]
fn ctrl_c_waits_for_the_end_of_a_step_of_grpc_that_may_hold_a_lock() {
    require_or_skip!(client_available());
    let output = run("import signal, time\n\
         def interrupted_in(name):\n\
         \x20   done = []\n\
         \x20   inside = {'__name__': 'grpc._channel', 'done': done, 'raise_signal': signal.raise_signal}\n\
         \x20   exec(f'def {name}():\\n    raise_signal({int(signal.SIGINT)})\\n    done.append(name)\\nname = \"{name}\"', inside)\n\
         \x20   try:\n\
         \x20       inside[name]()\n\
         \x20       while True:\n\
         \x20           time.sleep(0.01)\n\
         \x20   except KeyboardInterrupt:\n\
         \x20       print(done)\n\
         interrupted_in('create')\n\
         interrupted_in('_wait_once')\n");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "['create']\n[]\n", "{err}");
}

#[test]
fn a_traceback_has_the_users_lines_alone() {
    require_or_skip!(client_available());
    let output = run("from pyspark.sql import SparkSession\n\
                      spark = SparkSession.builder.getOrCreate()\n\
                      print('before')\n\
                      def nested(df):\n    return df.select('nope').collect()\n\
                      spark.range(3).transform(nested)\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("  File \"").count(), 2, "{said}");
    assert!(
        said.starts_with("Traceback (most recent call last):\n  File \"") && said.contains("in nested\n"),
        "{said}"
    );
    assert!(said.contains("UNRESOLVED_COLUMN.WITH_SUGGESTION"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn prints_and_tables_keep_their_order_in_a_file() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let program = "from pyspark.sql import SparkSession\n\
         spark = SparkSession.builder.getOrCreate()\n\
         print('one')\n\
         rows = spark.readStream.format('rate-micro-batch').option('rowsPerBatch', 1).load().selectExpr(\"'two' AS x\")\n\
         rows.writeStream.format('console').trigger(availableNow=True).start().awaitTermination()\n\
         print('three')\n\
         raise ValueError('four')\n";
    let both = folder.path().join("both");
    let file = std::fs::File::create(&both).unwrap();
    let mut command = command(folder.path(), program);
    // As a user has it, who does not set this.
    command.env_remove("PYTHONUNBUFFERED").stdout(file.try_clone().unwrap()).stderr(file);
    assert_eq!(command.status().unwrap().code(), Some(1));
    let text = std::fs::read_to_string(&both).unwrap();
    let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(place("one\n") < place("|two|") && place("|two|") < place("three\n"), "{text}");
    assert!(place("three\n") < place("Traceback"), "{text}");
}

#[test]
fn a_python_without_the_client_says_what_it_lacks() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare");
    assert!(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&bare).status().unwrap().success());
    let mut command = command(folder.path(), "import pyspark\n");
    let output = command.env("MILLSTREAM_PYTHON", bare.join("bin/python")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("ModuleNotFoundError: No module named 'pyspark'\nmillstream: hint: "), "{said}");
    assert!(
        said.contains("bin/python lacks a part of PySpark's client; pip install \"pyspark-client==4.2.0\""),
        "{said}"
    );
}

#[test]
fn an_engine_that_is_gone_takes_its_program_with_it_though_nobody_reads_standard_error() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let program = "import os, time\n\
         print(os.getpid(), flush=True)\n\
         while True:\n    time.sleep(0.01)\n";
    let mut child = command(folder.path(), program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    printed.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Standard output is the program's too: its end is the program's.
    let mut rest = String::new();
    printed.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_program_has_what_its_header_asks_for() {
    require_or_skip!(client_available());
    let folder = tempfile::tempdir().unwrap();
    let program = "# /// script\n# requires-python = \">=3.9\"\n# dependencies = [\"iniconfig==2.0.0\"]\n# ///\n\
                   import iniconfig\nfrom importlib.metadata import version\nfrom pyspark.sql import SparkSession\n\
                   print(version('iniconfig'), SparkSession.builder.getOrCreate().range(3).count())\n";
    // The user's own choice would be taken as it is.
    let output = command(folder.path(), program).env_remove("MILLSTREAM_PYTHON").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2.0.0 3\n", "{said}");

    let program = "# /// script\n# requires-python = \">=99\"\n# ///\n";
    let mut command = command(folder.path(), program);
    let output = command.env_remove("MILLSTREAM_PYTHON").env("XDG_CACHE_HOME", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("the program asks for another Python in its header: python3 is 3."), "{said}");
}

/// The first program of Spark's own guide to streams; a thread of it plays `nc`.
#[test]
fn words_from_a_socket_are_counted() {
    require_or_skip!(client_available());
    check(
        "import socket, threading\n\
         server = socket.create_server(('127.0.0.1', 0))\n\
         def serve():\n\
         \x20   client, _ = server.accept()\n\
         \x20   client.sendall(b'apache spark\\napache hadoop\\r\\nlast apache')\n\
         \x20   client.close()\n\
         threading.Thread(target=serve, daemon=True).start()\n\
         lines = spark.readStream.format('socket').option('host', 'localhost')\n\
         lines = lines.option('port', server.getsockname()[1]).load()\n\
         words = lines.select(F.explode(F.split(lines.value, ' ')).alias('word'))\n\
         query = words.groupBy('word').count().writeStream.outputMode('complete')\n\
         query = query.format('memory').queryName('counts').start()\n\
         counts = spark.table('counts')\n\
         while counts.agg(F.sum('count')).first()[0] != 6:\n\
         \x20   query.processAllAvailable()\n\
         counts.orderBy('word').show()\n\
         query.stop()\n",
        "+------+-----+\n\
         |  word|count|\n\
         +------+-----+\n\
         |apache|    3|\n\
         |hadoop|    1|\n\
         |  last|    1|\n\
         | spark|    1|\n\
         +------+-----+\n\n",
    );
}
