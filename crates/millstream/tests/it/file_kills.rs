//! A stream of files into files, killed for real: `kill -9` of the binary at moments drawn from a seed, while files
//! come. Each line of the input is in the output once, for readers that heed `_spark_metadata`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_connectors::register_all;
use millstream_core::{ConnectorRegistry, SourceConfig};
use millstream_testing::{read_request, source_config, system_clock};
use tempfile::TempDir;

const KILLS: usize = 12;

/// What shows from outside how far a query is: its batches that are done, files that it has found, batches that it has
/// begun, and files that it has written.
const PLACES: [&str; 4] = ["out/_spark_metadata", "checkpoint/sources/0", "checkpoint/offsets", "out"];

/// Numbers from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// When a process is killed.
#[derive(Debug)]
struct Moment {
    place: &'static str,
    /// After so many new names in the place,
    names: usize,
    /// and so many more looks at it.
    looks: u64,
}

impl Moment {
    fn drawn(chance: &mut Chance) -> Self {
        let place = PLACES[chance.below(PLACES.len() as u64) as usize];
        let names = 1 + chance.below(3) as usize;
        // A look takes some microseconds, a batch some milliseconds.
        let most = [1, 100, 3000][chance.below(3) as usize];
        Self { place, names, looks: chance.below(most) }
    }
}

/// A folder of files, and a query that writes their rows into another one.
struct Job {
    folder: TempDir,
    input: &'static str,
    output: &'static str,
    chance: Chance,
    files: u64,
    rows: i64,
}

impl Job {
    fn new(input: &'static str, output: &'static str, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder, input, output, chance: Chance(seed), files: 0, rows: 0 }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A file of some rows, which is there as a whole.
    fn add_file(&mut self) {
        let rows = self.rows..self.rows + 1 + self.chance.below(40) as i64;
        self.rows = rows.end;
        let line = |row| match self.input {
            "csv" => format!("{row},row {row}\n"),
            _ => format!("{{\"n\": {row}, \"name\": \"row {row}\"}}\n"),
        };
        fs::write(self.path("next"), rows.map(line).collect::<String>()).unwrap();
        fs::rename(self.path("next"), self.path(&format!("in/{}.{}", self.files, self.input))).unwrap();
        self.files += 1;
    }

    /// The program; each of its lives makes the same tables in a warehouse of its own.
    fn program(&self, life: usize, trigger: &str) -> Command {
        let text = format!(
            "CREATE TABLE input (n BIGINT, name STRING) USING {} OPTIONS (path = '{}', maxFilesPerTrigger = '2');
             CREATE TABLE output (n BIGINT, name STRING) USING {} OPTIONS (path = '{}',
                checkpointLocation = '{}', trigger = '{trigger}');
             INSERT INTO output SELECT n, name FROM STREAM input;",
            self.input,
            self.path("in"),
            self.output,
            self.path("out"),
            self.path("checkpoint"),
        );
        let file = self.path(&format!("life-{life}.sql"));
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(["run", "--log", "error", "--warehouse"]).arg(self.path(&format!("warehouse-{life}"))).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        command
    }

    fn names(&self, place: &str) -> BTreeSet<String> {
        let Ok(listed) = fs::read_dir(self.folder.path().join(place)) else { return BTreeSet::new() };
        listed.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Starts the query and kills it at a moment. Whenever a batch is done, another file comes.
    fn live_and_die(&mut self, life: usize, moment: &Moment) {
        let (before, mut done) = (self.names(moment.place), self.names(PLACES[0]).len());
        self.add_file();
        let mut process = self.program(life, "10 milliseconds").spawn().expect("the binary can be started");
        while self.names(moment.place).difference(&before).count() < moment.names {
            let batches = self.names(PLACES[0]).len();
            if batches > done {
                done = batches;
                self.add_file();
            }
            assert!(process.try_wait().unwrap().is_none(), "it ended before {moment:?}");
            thread::yield_now();
        }
        self.add_file();
        for _ in 0..moment.looks {
            self.names(moment.place);
        }
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(9), "it ended before {moment:?}");
    }

    /// The rows of the output, sorted.
    async fn seen(&self) -> Vec<(i64, String)> {
        let mut registry = ConnectorRegistry::default();
        register_all(&mut registry);
        let fields = vec![Field::new("n", DataType::Int64, true), Field::new("name", DataType::Utf8, true)];
        let config = SourceConfig {
            user_schema: Some(Arc::new(Schema::new(fields))),
            clock: system_clock(),
            ..source_config(&[("path", &self.path("out"))])
        };
        let reader = registry.get(self.output).unwrap().open_batch(config).unwrap();
        let streams = reader.scan(read_request(2)).await.unwrap();
        let batches: Vec<_> = stream::iter(streams).flatten().try_collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in batches {
            let numbers = batch.column(0).as_primitive::<Int64Type>().values();
            let names = batch.column(1).as_string::<i32>().iter();
            rows.extend(numbers.iter().copied().zip(names.map(|name| name.unwrap_or_default().to_owned())));
        }
        rows.sort();
        rows
    }
}

async fn killed(input: &'static str, output: &'static str, seed: u64) {
    let mut job = Job::new(input, output, seed);
    let mut moments = Vec::new();
    for life in 0..KILLS {
        let moment = Moment::drawn(&mut job.chance);
        job.live_and_die(life, &moment);
        moments.push(moment);
    }
    let ended = job.program(KILLS, "availableNow").status().unwrap();
    assert!(ended.success(), "{ended} after {moments:?}");
    let all: Vec<_> = (0..job.rows).map(|row| (row, format!("row {row}"))).collect();
    assert_eq!(job.seen().await, all, "seed {seed}, killed at {moments:?}");
    assert!(!job.names("out").contains("_temporary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_into_json_killed_at_any_moment_is_there_once() {
    killed("csv", "json", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_into_parquet_killed_at_any_moment_is_there_once() {
    killed("json", "parquet", 2).await;
}
