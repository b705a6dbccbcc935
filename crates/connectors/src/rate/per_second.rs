//! `rate`: so many rows a second (Spark: `RateStreamProvider`).
//!
//! Options: `rowsPerSecond` (1), `rampUpTime` (0s; `10s`, `1m` …), `numPartitions`.
//!
//! An offset is a number of whole seconds since the query first started, and that moment with it: `{"seconds":5,
//! "startMs":1767225600000}`. Spark's is the number alone, the moment being in a file beside the log; here it must
//! travel with the offset, so that a range gives the same timestamps after a restart.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::error::SparkException;
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Clock, Connector, Error, KnownOptions, Offset, Options, ReadLimit, Result, ScanRequest, Source,
    SourceConfig, spark_error,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::rows::{self, Rows};
use super::{number, refuse_user_schema};

/// `format("rate")`.
#[derive(Debug, Clone, Copy)]
pub struct RatePerSecond;

impl Connector for RatePerSecond {
    fn names(&self) -> &'static [&'static str] {
        &["rate"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&["rowsPerSecond", "rampUpTime", "numPartitions"]))
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        refuse_user_schema(config, "RateStreamProvider")?;
        Speed::parse(&config.options)?;
        Ok(rows::schema())
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        let speed = Speed::parse(&config.options)?;
        Ok(Arc::new(RateSource { speed, clock: config.clock, pinned: Mutex::new(None) }))
    }
}

/// The options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speed {
    rows_per_second: i64,
    ramp_up_s: i64,
    partitions: Option<u64>,
}

impl Speed {
    fn parse(options: &Options) -> Result<Self> {
        let partitions = match options.contains("numPartitions") {
            true => Some(number(options, "numPartitions", 1, 1)?),
            false => None,
        };
        let speed = Self {
            rows_per_second: number(options, "rowsPerSecond", 1, 1)? as i64,
            ramp_up_s: options.get("rampUpTime").map_or(Ok(0), parse_seconds)?,
            partitions,
        };
        if speed.ramp_up_s > speed.seconds_max() {
            return Err(spark_error!(
                "INCORRECT_RAMP_UP_RATE",
                rowsPerSecond = speed.rows_per_second,
                maxSeconds = speed.seconds_max(),
                rampUpTimeSeconds = speed.ramp_up_s,
            ));
        }
        Ok(speed)
    }

    /// After so many seconds the values would leave their type.
    fn seconds_max(&self) -> i64 {
        i64::MAX / self.rows_per_second
    }

    /// The value that the second number `seconds`, which is not above [`Speed::seconds_max`], begins with.
    pub(super) fn value_at(&self, seconds: i64) -> i64 {
        let ramp = seconds.min(self.ramp_up_s);
        // The speed grows by the same amount each second: the sum over a triangle.
        let growth = self.rows_per_second / (self.ramp_up_s + 1);
        let climbed = if ramp % 2 == 1 { (ramp + 1) / 2 * growth * ramp } else { ramp / 2 * growth * (ramp + 1) };
        climbed + (seconds - ramp) * self.rows_per_second
    }
}

impl Speed {
    /// Refuses a position that no value of a BIGINT belongs to.
    fn check(&self, position: Position) -> Result<Position> {
        let (speed, most, seconds) = (self.rows_per_second, self.seconds_max(), position.seconds);
        if !(0..=most).contains(&seconds) {
            let message = format!("Max offset with {speed} rowsPerSecond is {most}, but it's {seconds} now.");
            return Err(Error::data(message));
        }
        Ok(position)
    }
}

/// Spark's `JavaUtils.timeStringAsSec`: a number and a unit without a blank; no unit means seconds.
fn parse_seconds(text: &str) -> Result<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(lower.len());
    let (amount, unit) = lower.split_at(digits);
    let per_unit = match unit {
        "us" => Some((1, 1_000_000)),
        "ms" => Some((1, 1000)),
        "" | "s" => Some((1, 1)),
        "m" | "min" => Some((60, 1)),
        "h" => Some((3600, 1)),
        "d" => Some((86_400, 1)),
        _ => None,
    };
    let (Some((times, parts)), Ok(amount)) = (per_unit, amount.parse::<i64>()) else {
        return Err(Error::illegal_argument(format!(
            "Time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), hour (h), \
             or day (d). E.g. 50s, 100ms, or 250us.\nFailed to parse time string: {text}"
        ))
        .with_exception(SparkException::NumberFormat));
    };
    let seconds = amount.saturating_mul(times) / parts;
    if seconds < 0 {
        return Err(Error::illegal_argument(format!(
            "Invalid value '{seconds}'. The option 'rampUpTime' must not be negative"
        )));
    }
    Ok(seconds)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    seconds: i64,
    start_ms: i64,
}

impl Position {
    fn read(offset: &Offset) -> Result<Self> {
        serde_json::from_value(offset.json().clone())
            .map_err(|error| Error::data(format!("'{offset}' is no offset of a rate source")).with_source(error))
    }

    fn offset(self) -> Offset {
        Offset::new(serde_json::json!({ "seconds": self.seconds, "startMs": self.start_ms }))
    }
}

#[derive(Debug)]
struct RateSource {
    speed: Speed,
    clock: Arc<dyn Clock>,
    /// The last moment that an available-now run looks at.
    pinned: Mutex<Option<i64>>,
}

impl RateSource {
    fn latest(&self, start: Position) -> Result<Position> {
        let now_ms = self.pinned.lock().unwrap_or_else(|| self.clock.now_ms());
        // A clock that goes back makes no negative seconds.
        let seconds = (now_ms.saturating_sub(start.start_ms) / 1000).max(start.seconds);
        self.speed.check(Position { seconds, ..start })
    }
}

#[async_trait]
impl Source for RateSource {
    fn schema(&self) -> SchemaRef {
        rows::schema()
    }

    fn description(&self) -> String {
        let partitions = self.speed.partitions.map_or("default".to_owned(), |partitions| partitions.to_string());
        // Spark's text has no closing bracket either.
        format!(
            "RateStreamV2[rowsPerSecond={}, rampUpTimeSeconds={}, numPartitions={partitions}",
            self.speed.rows_per_second, self.speed.ramp_up_s
        )
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(Position { seconds: 0, start_ms: self.clock.now_ms() }.offset())
    }

    async fn latest_offset(&self, start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        let end = self.latest(Position::read(start)?)?.offset();
        Ok(LatestOffset { end: end.clone(), latest: end })
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        let position = self.speed.check(Position::read(start)?)?;
        loop {
            let latest = self.latest(position)?;
            if self.speed.value_at(latest.seconds) > self.speed.value_at(position.seconds) {
                return Ok(LatestOffset { end: latest.offset(), latest: latest.offset() });
            }
            let next_ms = latest.start_ms.saturating_add(latest.seconds.saturating_add(1).saturating_mul(1000));
            let wait_ms = next_ms.saturating_sub(self.clock.now_ms()).max(1);
            self.clock.sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
        }
    }

    async fn prepare_available_now(&self) -> Result<()> {
        *self.pinned.lock() = Some(self.clock.now_ms());
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let (start, end) = (Position::read(&request.range.start)?, Position::read(&request.range.end)?);
        if start.start_ms != end.start_ms || end.seconds < start.seconds {
            return Err(Error::data(format!("a rate source cannot read from {start:?} to {end:?}")));
        }
        let (start, end) = (self.speed.check(start)?, self.speed.check(end)?);
        let (first, last) = (self.speed.value_at(start.seconds), self.speed.value_at(end.seconds));
        let span_ms = (end.seconds - start.seconds) as f64 * 1000.0;
        let rows = Rows {
            first,
            count: last - first,
            start_ms: start.start_ms.saturating_add(start.seconds.saturating_mul(1000)),
            step_ms: if last > first { span_ms / (last - first) as f64 } else { 0.0 },
        };
        let partitions = usize::try_from(self.speed.partitions.unwrap_or(1)).unwrap_or(usize::MAX);
        rows.streams(&request, partitions)
    }

    async fn commit(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }

    fn check_offset(&self, offset: &Offset) -> Result<()> {
        Position::read(offset).map(|_| ())
    }
}
