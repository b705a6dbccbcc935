//! `socket`: the lines that a TCP server sends, for trying things out (Spark: `TextSocketSourceProvider`).
//!
//! Options: `host`, `port`, `includeTimestamp` (false). An offset is the number of a line, from 0 on. A line that was
//! read is nowhere else: it is kept until its batch is committed, and a query that ends before that cannot go on from
//! its checkpoint.

mod lines;
mod receiver;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, Error, KnownOptions, Offset, Options, ReadLimit, Result, ScanColumn, ScanRequest, Source,
    SourceConfig, spark_error,
};

use self::receiver::{Line, Receiver};

/// `format("socket")`.
#[derive(Debug, Clone, Copy)]
pub struct Socket;

impl Connector for Socket {
    fn names(&self) -> &'static [&'static str] {
        &["socket"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&["host", "port", "includeTimestamp", "numPartitions"]))
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        let address = Address::parse(&config.options)?;
        if config.user_schema.is_some() {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_2242", provider = "TextSocketSourceProvider"));
        }
        Ok(address.schema())
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        let address = Address::parse(&config.options)?;
        let receiver = Receiver::new(address.host.clone(), address.port, config);
        Ok(Arc::new(SocketSource { address, receiver }))
    }
}

/// The options.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    with_timestamp: bool,
}

impl Address {
    fn parse(options: &Options) -> Result<Self> {
        let host = options.get("host").ok_or_else(|| spark_error!("_LEGACY_ERROR_TEMP_1295"))?;
        let port = options.get("port").ok_or_else(|| spark_error!("_LEGACY_ERROR_TEMP_1296"))?;
        let with_timestamp = match options.get("includeTimestamp").map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(spark_error!("_LEGACY_ERROR_TEMP_1297")),
        };
        let not_a_number = |_| Error::number_format(port).with_hint("the option 'port' must be a number");
        let number: i32 = port.parse().map_err(not_a_number)?;
        let port = u16::try_from(number).map_err(|_| {
            Error::illegal_argument(format!("port out of range:{number}")).with_hint("ports go from 0 to 65535")
        })?;
        Ok(Self { host: host.to_owned(), port, with_timestamp })
    }

    fn schema(&self) -> SchemaRef {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![Field::new("value", DataType::Utf8, true)];
        fields.extend(self.with_timestamp.then(|| Field::new("timestamp", time, true)));
        Arc::new(Schema::new(fields))
    }
}

#[derive(Debug)]
struct SocketSource {
    address: Address,
    receiver: Receiver,
}

impl SocketSource {
    fn batch(&self, lines: &[Line], columns: &[ScanColumn]) -> Result<RecordBatch> {
        let array = |column: &ScanColumn| -> Result<ArrayRef> {
            match column {
                ScanColumn::Plain(0) => {
                    Ok(Arc::new(StringArray::from_iter_values(lines.iter().map(|line| &line.text))))
                }
                ScanColumn::Plain(1) if self.address.with_timestamp => {
                    let times = lines.iter().map(|line| line.arrived_ms.saturating_mul(1000));
                    Ok(Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")))
                }
                other => Err(Error::internal(format!("a socket source has no column {other:?}"))),
            }
        };
        let arrays = columns.iter().map(array).collect::<Result<Vec<_>>>()?;
        let schema = self.address.schema();
        let fields: Vec<_> = columns.iter().map(|column| column.field(&schema)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }
}

#[async_trait]
impl Source for SocketSource {
    fn schema(&self) -> SchemaRef {
        self.address.schema()
    }

    fn description(&self) -> String {
        format!("TextSocketV2[host: {}, port: {}]", self.address.host, self.address.port)
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(offset(-1))
    }

    async fn latest_offset(&self, start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        let end = offset(self.receiver.newest(number(start)?).await?);
        Ok(LatestOffset { latest: end.clone(), end })
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        let end = offset(self.receiver.next(number(start)?).await?);
        Ok(LatestOffset { latest: end.clone(), end })
    }

    async fn prepare_available_now(&self) -> Result<()> {
        self.receiver.pin();
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let (start, end) = (number(&request.range.start)?, number(&request.range.end)?);
        let lines = self.receiver.lines(start, end)?;
        let batches = lines.chunks(request.batch_rows.max(1)).map(|lines| self.batch(lines, &request.columns));
        Ok(vec![stream::iter(batches.collect::<Vec<_>>()).boxed()])
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        self.receiver.forget(number(end)?);
        Ok(())
    }

    fn check_offset(&self, offset: &Offset) -> Result<()> {
        number(offset).map(|_| ())
    }
}

fn offset(newest: i64) -> Offset {
    Offset::new(newest.into())
}

/// The number of the newest line that an offset has; -1 before the first.
fn number(offset: &Offset) -> Result<i64> {
    let number = offset.json().as_i64().filter(|number| (-1..i64::MAX).contains(number));
    number.ok_or_else(|| Error::data(format!("'{offset}' is no offset of a socket source")))
}

#[cfg(test)]
mod tests;
