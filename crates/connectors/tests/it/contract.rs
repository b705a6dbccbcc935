//! What the engine may expect of every source, reader and sink.
//!
//! A source: the same range gives the same rows, also from another instance unless it is a socket; offsets outlive
//! their text; a pinned end stays. A reader: it gives its columns in any choice, keeps to the sizes it is asked for,
//! and reads the same again. A sink: it drains every stream, and a batch written twice is there once, or the sink keeps
//! nothing to look at.
//!
//! The connectors are those that are registered: one that [`kit`] does not know fails, and what a connector is not
//! tried with it must refuse in Spark's words. Kafka is the embedded broker.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_broker::{Broker, BrokerConfig};
use millstream_connectors::console::Console;
use millstream_connectors::register_all;
use millstream_core::{
    BatchId, BatchReader, BatchStream, Clock, Connector, ConnectorRegistry, ErrorKind, LoggedBatch, Offset,
    OffsetRange, OutputMode, ReadLimit, ReadRequest, SaveMode, ScanColumn, ScanRequest, Sink, SinkBatch, SinkConfig,
    SinkStart, Source, SourceConfig, SourceLog, WriteKind,
};
use millstream_testing::{ManualClock, read_request, sink_config, source_config, system_clock};
use parking_lot::Mutex;
use tempfile::TempDir;

type Options = Vec<(&'static str, String)>;

/// What a connector is tried with. What is absent it must refuse.
#[derive(Default)]
struct Kit {
    /// The options of a source. It gets new rows when time passes, unless [`Kit::broker`] has to be written to.
    source: Option<Options>,
    /// The options of a batch read that gives at least two rows.
    reader: Option<Options>,
    /// The options of a sink of one STRING column `value`.
    sink: Option<Options>,
    /// Whether it writes files, each batch exactly once.
    file_sink: bool,
    /// The columns that are read, from connectors that must be told.
    user_schema: Option<SchemaRef>,
    broker: Option<Broker>,
    folder: Option<Folder>,
    /// Who reads lines from a server of the test. Those that were read are nowhere else.
    line_clients: Option<Arc<Mutex<Vec<TcpStream>>>>,
    log: Arc<MemoryLog>,
}

impl Kit {
    /// Rows come from somewhere else, and time alone brings none.
    fn is_outside(&self) -> bool {
        self.broker.is_some() || self.folder.is_some() || self.line_clients.is_some()
    }
}

/// A folder of files, which gets another one where a source is to have new rows.
struct Folder {
    path: TempDir,
    name: &'static str,
    content: Vec<u8>,
    files: AtomicUsize,
}

impl Folder {
    /// Adds a file of the same content.
    fn grow(&self) {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        std::fs::write(self.path.path().join(format!("{number}-{}", self.name)), &self.content).unwrap();
    }
}

/// The log of a source, as long as the test runs.
#[derive(Debug, Default)]
struct MemoryLog(Mutex<Vec<Vec<String>>>);

#[async_trait]
impl SourceLog for MemoryLog {
    async fn newest(&self) -> millstream_core::Result<Option<u64>> {
        Ok((self.0.lock().len() as u64).checked_sub(1))
    }

    async fn lines_until(&self, entry: u64) -> millstream_core::Result<Vec<String>> {
        Ok(self.0.lock()[..=usize::try_from(entry).unwrap()].concat())
    }

    async fn add(&self, entry: u64, lines: &[String]) -> millstream_core::Result<()> {
        let mut entries = self.0.lock();
        assert_eq!(entries.len() as u64, entry, "entries follow each other");
        entries.push(lines.to_vec());
        Ok(())
    }
}

/// The kit of the connector with this name.
async fn kit(name: &str) -> Kit {
    match name {
        "rate" => Kit { source: Some(vec![("rowsPerSecond", "10".to_owned())]), ..Kit::default() },
        "rate-micro-batch" => Kit { source: Some(vec![("rowsPerBatch", "10".to_owned())]), ..Kit::default() },
        "memory" | "noop" | "console" => Kit { sink: Some(vec![]), ..Kit::default() },
        "text" => files("lines.txt", "one\ntwo\nthree\n", None),
        "csv" => files("rows.csv", "1\n2\n3\n", Some(DataType::Int64)),
        "json" => files("records.json", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", Some(DataType::Int64)),
        "parquet" => files("rows.parquet", parquet_file().await, Some(DataType::Utf8)),
        "binaryFile" => Kit {
            file_sink: false,
            user_schema: Some(Arc::new(Schema::new(vec![
                Field::new("path", DataType::Utf8, true),
                Field::new("modificationTime", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
                Field::new("length", DataType::Int64, true),
                Field::new("content", DataType::Binary, true),
            ]))),
            ..files("bytes.bin", "one", None)
        },
        "kafka" => kafka().await,
        "socket" => socket(),
        other => panic!("connector '{other}' is under no contract: give it a kit"),
    }
}

/// A server that sends two lines to whoever connects, and more when the source is to grow.
fn socket() -> Kit {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let clients = Arc::new(Mutex::new(Vec::new()));
    let accepted = Arc::clone(&clients);
    // It ends with the test, as its listener does.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            client.write_all(b"one\ntwo\n").unwrap();
            accepted.lock().push(client);
        }
    });
    let source = Some(vec![("host", "127.0.0.1".to_owned()), ("port", port)]);
    Kit { source, line_clients: Some(clients), ..Kit::default() }
}

/// A folder of two files, and the column `a` of this type where a schema is asked for.
fn files(name: &'static str, content: impl Into<Vec<u8>>, column: Option<DataType>) -> Kit {
    let path = tempfile::tempdir().unwrap();
    let options = Some(vec![("path", path.path().to_str().unwrap().to_owned())]);
    let folder = Folder { path, name, content: content.into(), files: AtomicUsize::new(0) };
    folder.grow();
    folder.grow();
    let user_schema = column.map(|column| Arc::new(Schema::new(vec![Field::new("a", column, true)])));
    let (source, reader, folder) = (options.clone(), options, Some(folder));
    Kit { source, reader, file_sink: true, user_schema, folder, ..Kit::default() }
}

/// A file of three rows, with the column that a sink is given under the name that readers ask for.
async fn parquet_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let column: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", "3"]));
    let rows = RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap();
    let path = [("path", folder.path().to_str().unwrap())];
    let parquet = registry().get("parquet").unwrap();
    let config = SinkConfig { clock: system_clock(), ..sink_config(rows.schema(), &path) };
    let sink = parquet.open_sink(config).unwrap();
    sink.open(SinkStart::batch_write()).await.unwrap();
    let (schema, kind) = (rows.schema(), WriteKind::Append);
    let rows: BatchStream = stream::iter([Ok(rows)]).boxed();
    let batch = SinkBatch { id: BatchId(0), kind, upsert_key: None, schema, rows: vec![rows] };
    sink.write(batch, LoggedBatch::none()).await.unwrap();
    let mut names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let written = names.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("part-")).unwrap();
    std::fs::read(written).unwrap()
}

async fn kafka() -> Kit {
    let broker = Broker::start(BrokerConfig::default()).await.unwrap();
    let servers = ("kafka.bootstrap.servers", broker.address().to_string());
    let (subscribe, topic) = (("subscribe", "contract".to_owned()), ("topic", "contract".to_owned()));
    let kit = Kit {
        source: Some(vec![servers.clone(), subscribe.clone(), ("startingOffsets", "earliest".to_owned())]),
        reader: Some(vec![servers.clone(), subscribe]),
        sink: Some(vec![servers, topic]),
        broker: Some(broker),
        ..Kit::default()
    };
    produce(&kit).await;
    kit
}

/// Some more rows in the topic that the source of the kit reads.
async fn produce(kit: &Kit) {
    let kafka = registry().get("kafka").unwrap();
    let sink = open_sink(&*kafka, kit.sink.as_ref().unwrap());
    sink.open(SinkStart::batch_write()).await.unwrap();
    write(&*sink, 0, WriteKind::Append, &["a", "b", "c"]).await;
    sink.close().await.unwrap();
}

/// All connectors, the console's output being nobody's.
fn registry() -> ConnectorRegistry {
    let mut registry = ConnectorRegistry::default();
    register_all(&mut registry);
    registry.register(Arc::new(Console::new(Arc::new(Mutex::new(Vec::new())))));
    registry
}

fn config(options: &Options) -> SourceConfig {
    source_config(&options.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

/// More rows for the source of the kit, where time alone brings none.
async fn grow(kit: &Kit) {
    if let Some(folder) = &kit.folder {
        folder.grow();
    } else if let Some(clients) = &kit.line_clients {
        clients.lock().iter_mut().for_each(|client| client.write_all(b"more\n").unwrap());
    } else if kit.broker.is_some() {
        produce(kit).await;
    }
}

fn open_source(connector: &dyn Connector, kit: &Kit, options: &Options, clock: &Arc<dyn Clock>) -> Arc<dyn Source> {
    let log: Option<Arc<dyn SourceLog>> = kit.folder.is_some().then(|| Arc::<MemoryLog>::clone(&kit.log) as _);
    let user_schema = kit.user_schema.clone();
    let config = SourceConfig { clock: Arc::clone(clock), log, user_schema, ..config(options) };
    assert_eq!(connector.open_source(config.clone()).unwrap().schema(), connector.source_schema(&config).unwrap());
    connector.open_source(config).unwrap()
}

async fn rows(source: &dyn Source, start: &Offset, end: &Offset) -> RecordBatch {
    let columns = (0..source.schema().fields().len()).map(ScanColumn::Plain).collect();
    let range = OffsetRange { start: start.clone(), end: end.clone() };
    let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 7, max_streams: 1 };
    let batches = collect(source.scan(request).await.unwrap()).await;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 7));
    concat_batches(&source.schema(), &batches).unwrap()
}

async fn collect(streams: Vec<BatchStream>) -> Vec<RecordBatch> {
    stream::iter(streams).flatten().try_collect().await.unwrap()
}

async fn check_source(connector: &dyn Connector, kit: &Kit, options: &Options) {
    // A server's answers take real time.
    let clock = |start_us| -> Arc<dyn Clock> {
        if kit.is_outside() { system_clock() } else { ManualClock::skipping_sleeps(start_us) }
    };
    let now = clock(0);
    let source = open_source(connector, kit, options, &now);
    let start = source.initial_offset().await.unwrap();
    let first = source.ready(&start).await.unwrap();
    assert_ne!(first.end, start, "ready means that there is something");
    grow(kit).await;
    let next = source.ready(&first.end).await.unwrap();
    let whole = rows(&*source, &start, &next.end).await.num_rows();
    let parts = [rows(&*source, &start, &first.end).await, rows(&*source, &first.end, &next.end).await];
    assert!(parts.iter().all(|part| part.num_rows() > 0));
    assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), whole);

    // Another run, another time, offsets read back from their text.
    let again = open_source(connector, kit, options, &clock(987_654_321_000));
    let (from, to) = (Offset::parse(&start.to_string()).unwrap(), Offset::parse(&first.end.to_string()).unwrap());
    again.check_offset(&to).unwrap();
    if kit.line_clients.is_none() {
        assert_eq!(rows(&*again, &from, &to).await, parts[0]);
    }
    assert_eq!(again.check_offset(&Offset::new("nonsense".into())).unwrap_err().kind(), ErrorKind::Data);

    source.commit(&first.end).await.unwrap();
    source.prepare_available_now().await.unwrap();
    let pinned = source.latest_offset(&next.end, ReadLimit::Options).await.unwrap().end;
    if kit.is_outside() {
        grow(kit).await;
    } else {
        now.sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(source.latest_offset(&pinned, ReadLimit::AllAvailable).await.unwrap().end, pinned);
}

async fn check_reader(connector: &dyn Connector, kit: &Kit, options: &Options) {
    let user_schema = kit.user_schema.clone();
    let reader = connector.open_batch(SourceConfig { user_schema, clock: system_clock(), ..config(options) }).unwrap();
    let width = reader.schema().fields().len();
    let whole = read(&*reader, read_request(width)).await;
    assert!(whole.num_rows() > 1);
    assert_eq!(read(&*reader, read_request(width)).await, whole, "read again");
    let single_rows = reader.scan(ReadRequest { batch_rows: 1, ..read_request(width) }).await.unwrap();
    assert!(collect(single_rows).await.iter().all(|batch| batch.num_rows() == 1));
    assert_eq!(read(&*reader, read_request(1)).await.columns(), &whole.columns()[..1]);
    let counted = collect(reader.scan(read_request(0)).await.unwrap()).await;
    assert_eq!(counted.iter().map(RecordBatch::num_rows).sum::<usize>(), whole.num_rows(), "without a column");
    assert!(reader.scan(read_request(width)).await.unwrap().len() <= 1);
}

async fn read(reader: &dyn BatchReader, request: ReadRequest) -> RecordBatch {
    let fields: Vec<_> = request.columns.iter().map(|column| column.field(&reader.schema())).collect();
    let batches = collect(reader.scan(request).await.unwrap()).await;
    concat_batches(&Arc::new(Schema::new(fields)), &batches).unwrap()
}

fn values(values: &[&str]) -> RecordBatch {
    let values = StringArray::from(values.to_vec());
    RecordBatch::try_from_iter_with_nullable([("value", Arc::new(values) as ArrayRef, true)]).unwrap()
}

fn open_sink(connector: &dyn Connector, options: &Options) -> Arc<dyn Sink> {
    let options: Vec<_> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let config = SinkConfig {
        query_name: Some("contract".to_owned()),
        clock: system_clock(),
        ..sink_config(values(&[]).schema(), &options)
    };
    connector.open_sink(config).unwrap()
}

/// A batch of two streams; the flag says that the second has been drained.
fn batch(id: u64, kind: WriteKind, rows: &[&str]) -> (SinkBatch, Arc<AtomicBool>) {
    let drained = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&drained);
    let end = stream::once(async move {
        flag.store(true, Ordering::Relaxed);
        Ok(values(&[]))
    });
    let first: BatchStream = stream::iter([Ok(values(rows))]).boxed();
    let schema = values(&[]).schema();
    (SinkBatch { id: BatchId(id), kind, upsert_key: None, schema, rows: vec![first, end.boxed()] }, drained)
}

async fn write(sink: &dyn Sink, id: u64, kind: WriteKind, rows: &[&str]) {
    let (batch, drained) = batch(id, kind, rows);
    let progress = sink.write(batch, LoggedBatch::none()).await.unwrap();
    assert_eq!(progress.rows_written, rows.len() as u64);
    assert!(drained.load(Ordering::Relaxed), "every stream must be drained");
}

/// What the sink holds, in ascending order; `None` from sinks that do not show it.
async fn held(sink: &dyn Sink) -> Option<Vec<String>> {
    let batches = collect(sink.table()?.scan(read_request(1)).await.unwrap()).await;
    let texts = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter());
    let mut texts: Vec<_> = texts.map(|text| text.unwrap().to_owned()).collect();
    texts.sort_unstable();
    Some(texts)
}

async fn check_sink(connector: &dyn Connector, options: &Options) {
    let sink = open_sink(connector, options);
    assert!(sink.exactly_once().is_none(), "what a marker promises is tested elsewhere");
    sink.open(SinkStart::batch_write()).await.unwrap();
    write(&*sink, 0, WriteKind::Append, &["1", "2"]).await;
    write(&*sink, 1, WriteKind::Append, &["3"]).await;
    write(&*sink, 1, WriteKind::Append, &["3"]).await;
    assert!(held(&*sink).await.is_none_or(|held| held == ["1", "2", "3"]));

    let (mut failing, _) = batch(2, WriteKind::Append, &["4"]);
    failing.rows.push(stream::iter([Err(millstream_core::Error::data("broken"))]).boxed());
    assert_eq!(sink.write(failing, LoggedBatch::none()).await.unwrap_err().kind(), ErrorKind::Data);
    assert!(held(&*sink).await.is_none_or(|held| held == ["1", "2", "3"]), "of a failed batch nothing shows");

    write(&*sink, 2, WriteKind::Complete, &["9"]).await;
    assert!(held(&*sink).await.is_none_or(|held| held == ["9"]));
    write(&*sink, 3, WriteKind::Complete, &[]).await;
    assert!(held(&*sink).await.is_none_or(|held| held.is_empty()));
    sink.close().await.unwrap();
}

/// A sink of files takes appended rows alone. Its log says what it holds, and outlives it.
async fn check_file_sink(connector: &dyn Connector) {
    let folder = tempfile::tempdir().unwrap();
    let options = vec![("path", folder.path().to_str().unwrap().to_owned())];
    let files = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("part-")).count()
    };
    let sink = open_sink(connector, &options);
    assert!(sink.exactly_once().is_some());
    assert_eq!(sink.open(SinkStart::batch_write()).await.unwrap(), None);
    write(&*sink, 0, WriteKind::Append, &["1", "2"]).await;
    write(&*sink, 1, WriteKind::Append, &["3"]).await;
    assert_eq!(files(), 2);
    let (again, drained) = batch(1, WriteKind::Append, &["3"]);
    sink.write(again, LoggedBatch::none()).await.unwrap();
    assert!(drained.load(Ordering::Relaxed), "every stream must be drained");
    let (mut failing, _) = batch(2, WriteKind::Append, &["4"]);
    failing.rows.push(stream::iter([Err(millstream_core::Error::data("broken"))]).boxed());
    assert_eq!(sink.write(failing, LoggedBatch::none()).await.unwrap_err().kind(), ErrorKind::Data);
    assert_eq!(files(), 2, "of a failed batch nothing shows");
    sink.close().await.unwrap();
    let next = open_sink(connector, &options);
    assert_eq!(next.open(SinkStart::batch_write()).await.unwrap(), Some(BatchId(1)));
    write(&*next, 2, WriteKind::Append, &["4"]).await;
    assert_eq!(files(), 3);
    for output_mode in [OutputMode::Update, OutputMode::Complete] {
        let pairs: Vec<_> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let config = SinkConfig { output_mode, ..sink_config(values(&[]).schema(), &pairs) };
        let error = connector.open_sink(config).unwrap_err();
        assert_eq!(error.class(), Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connector_keeps_the_contract() {
    for connector in registry().connectors() {
        let name = connector.names()[0];
        let kit = kit(name).await;
        let any = [("path", "/".to_owned()), ("rowsPerBatch", "1".to_owned())].to_vec();
        match &kit.source {
            Some(options) => check_source(&**connector, &kit, options).await,
            None => {
                check_no_stream(name, "reading", &connector.open_source(config(&any)).unwrap_err());
            }
        }
        match &kit.reader {
            Some(options) => check_reader(&**connector, &kit, options).await,
            None => {
                let error = connector.open_batch(config(&any)).unwrap_err();
                assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_1135"));
                assert_eq!(error.message(), format!("{name} is not a valid Spark SQL Data Source."));
            }
        }
        match &kit.sink {
            Some(options) => check_sink(&**connector, options).await,
            None if kit.file_sink => check_file_sink(&**connector).await,
            None => {
                let error =
                    connector.open_sink(sink_config(values(&[]).schema(), &[("path", "/nowhere")])).unwrap_err();
                match kit.folder {
                    Some(_) => assert_eq!(error.class(), Some("UNSUPPORTED_FEATURE"), "{error}"),
                    None => check_no_stream(name, "writing", &error),
                }
            }
        }
    }
}

/// What takes no part in streams says so in Spark's words.
fn check_no_stream(name: &str, what: &str, error: &millstream_core::Error) {
    assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_2049"), "{error}");
    assert_eq!(error.message(), format!("Data source {name} does not support streamed {what}."));
}

/// Each connector has its own idea of save modes, and Spark's words for those that it refuses.
#[test]
fn save_modes_are_the_connectors_business() {
    let check = |name: &str, mode: SaveMode| registry().get(name).unwrap().check_save_mode(mode, name);
    let all = [SaveMode::Append, SaveMode::Overwrite, SaveMode::ErrorIfExists, SaveMode::Ignore];
    let taken = |name: &str| all.into_iter().filter(|mode| check(name, *mode).is_ok()).collect::<Vec<_>>();
    assert_eq!(taken("console"), all);
    assert_eq!(taken("noop"), [SaveMode::Append, SaveMode::Overwrite]);
    assert_eq!(taken("kafka"), [SaveMode::Append, SaveMode::ErrorIfExists]);
    assert_eq!(taken("memory"), []);
    let error = check("noop", SaveMode::Ignore).unwrap_err();
    assert_eq!(error.class(), Some("UNSUPPORTED_DATA_SOURCE_SAVE_MODE"));
    assert!(error.message().contains("\"noop\" cannot be written in the \"Ignore\" mode"), "{error}");
    let error = check("kafka", SaveMode::Overwrite).unwrap_err();
    assert_eq!(
        error.message(),
        "Save mode Overwrite not allowed for Kafka. Allowed save modes are Append and ErrorIfExists (default)."
    );
}

#[test]
fn a_name_that_nobody_has_is_not_found() {
    assert_eq!(registry().get("nope").unwrap_err().class(), Some("DATA_SOURCE_NOT_FOUND"));
    let unbuilt = registry().get("Avro").unwrap_err();
    assert_eq!(unbuilt.message(), "The format `Avro` is not supported by Millstream.");
    assert_eq!(unbuilt.class(), Some("UNSUPPORTED_FEATURE"));
}
