//! The windows of a time, as a function of it: the one where windows do not overlap, else an array of all.
//!
//! Times come from data, and some are so near the ends of their range that a window of theirs reaches beyond it: an
//! error under ANSI mode, else a window that wraps around, both as in Spark. How many windows are looked at says the
//! plan, never a time.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimestampMicrosecondType};
use datafusion::common::exec_err;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::condition::arithmetic_overflow;
use millstream_core::{Error, Reservation, Result};
use millstream_engine::Work;
use millstream_engine::error::to_datafusion;
use millstream_functions::TimeWindow;
use millstream_functions::data_type::array;

use super::window_type;

/// Windows that one time may be in: a day by the second, and more. Each is a row below the operator that asks for
/// them, so that a row of the input cannot become millions.
const WINDOWS_MAX: i64 = 100_000;

/// Windows of sliding times that are made between two looks at the ledger, and at whether anybody waits for them.
const STEP: usize = 1 << 16;

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WindowsOf {
    window_us: i64,
    slide_us: i64,
    start_us: i64,
    time_type: DataType,
    ansi: bool,
    signature: Signature,
}

impl Hash for WindowsOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.window_us, self.slide_us, self.start_us, &self.time_type, self.ansi).hash(state);
    }
}

impl WindowsOf {
    /// The function for these windows, or an error if a time would be in too many of them.
    pub(super) fn try_new(window: &TimeWindow, ansi: bool) -> Result<Self> {
        let function = Self {
            window_us: window.window_us,
            slide_us: window.slide_us,
            start_us: window.start_us,
            time_type: window.time.data_type.clone(),
            ansi,
            signature: Signature::any(1, Volatility::Immutable),
        };
        match function.overlapping() {
            ..=WINDOWS_MAX => Ok(function),
            windows => Err(Error::unsupported(format!(
                "A row in {windows} windows at a time is not supported: a window of {} μs that slides by {} μs.",
                window.window_us, window.slide_us
            ))
            .with_hint(format!("at most {WINDOWS_MAX} windows overlap: shorter windows, or a longer slide"))),
        }
    }

    pub(super) fn is_tumbling(&self) -> bool {
        self.window_us == self.slide_us
    }

    /// The number of windows that a time is in at the most.
    fn overlapping(&self) -> i64 {
        self.window_us / self.slide_us + i64::from(self.window_us % self.slide_us != 0)
    }

    fn minus(&self, left: i64, right: i64) -> Result<i64> {
        match left.checked_sub(right) {
            None if self.ansi => Err(arithmetic_overflow("overflow", "try_subtract")),
            difference => Ok(difference.unwrap_or_else(|| left.wrapping_sub(right))),
        }
    }

    fn plus(&self, left: i64, right: i64) -> Result<i64> {
        match left.checked_add(right) {
            None if self.ansi => Err(arithmetic_overflow("overflow", "try_add")),
            sum => Ok(sum.unwrap_or_else(|| left.wrapping_add(right))),
        }
    }

    /// The start of the last window that a time is in, by the steps in which Spark computes it.
    fn last_start(&self, time_us: i64) -> Result<i64> {
        let remainder = self.minus(time_us, self.start_us)? % self.slide_us;
        let start = self.minus(time_us, remainder)?;
        if remainder < 0 { self.minus(start, self.slide_us) } else { Ok(start) }
    }

    fn fields(&self) -> Fields {
        Fields::from(vec![
            Field::new("start", self.time_type.clone(), true),
            Field::new("end", self.time_type.clone(), true),
        ])
    }

    fn columns(&self, starts: Vec<i64>, ends: Vec<i64>) -> Vec<ArrayRef> {
        let column = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_data_type(self.time_type.clone()))
        };
        vec![column(starts), column(ends)]
    }

    fn tumbling(&self, times: &TimestampMicrosecondArray) -> Result<ArrayRef> {
        let mut starts = vec![0; times.len()];
        let mut ends = vec![0; times.len()];
        for (row, time) in times.iter().enumerate() {
            if let Some(time) = time {
                starts[row] = self.last_start(time)?;
                ends[row] = self.plus(starts[row], self.window_us)?;
            }
        }
        Ok(Arc::new(StructArray::new(self.fields(), self.columns(starts, ends), times.nulls().cloned())))
    }

    fn sliding(&self, times: &TimestampMicrosecondArray, work: Option<&Work>) -> Result<ArrayRef> {
        let (mut starts, mut ends) = (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
        let mut offsets = Vec::with_capacity(times.len() + 1);
        offsets.push(0_i32);
        // Spark looks whether the time is in a window only where the slide does not divide its length.
        let all = self.window_us % self.slide_us == 0;
        let mut room = WindowRoom::new(work);
        for time in times {
            if let Some(time) = time {
                let last = self.last_start(time)?;
                for index in 0..self.overlapping() {
                    let start = self.minus(last, index * self.slide_us)?;
                    let end = self.plus(start, self.window_us)?;
                    if all || (start <= time && time < end) {
                        room.take(starts.len())?;
                        starts.push(start);
                        ends.push(end);
                    }
                }
            }
            offsets.push(i32::try_from(starts.len()).map_err(|_| too_many(starts.len()))?);
        }
        let element = Arc::new(Field::new_list_field(DataType::Struct(self.fields()), false));
        let windows = StructArray::new(self.fields(), self.columns(starts, ends), None);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::new(element, offsets, Arc::new(windows), None)))
    }
}

fn too_many(windows: usize) -> Error {
    Error::data(format!("the rows of one batch are in {windows} windows, and {} are the most", i32::MAX))
        .with_hint("fewer rows to a batch, or a longer slide")
}

/// Counts the windows of a batch in the ledger while they are made.
struct WindowRoom<'a> {
    work: Option<&'a Work>,
    reservation: Option<Reservation>,
    /// The number of windows for which nobody has to be asked.
    known: usize,
}

impl<'a> WindowRoom<'a> {
    fn new(work: Option<&'a Work>) -> Self {
        Self { work, reservation: None, known: STEP }
    }

    /// Takes room for one more window beside so many.
    fn take(&mut self, windows: usize) -> Result<()> {
        let Some(work) = self.work else { return Ok(()) };
        if windows < self.known {
            return Ok(());
        }
        work.check()?;
        self.known += STEP;
        // A vector that grows is there twice for a moment, the larger one with half of it empty.
        let bytes = self.known * 2 * size_of::<i64>() * 3;
        self.reservation.get_or_insert_with(|| work.reservation("the windows of a batch")).resize(bytes)
    }
}

impl ScalarUDFImpl for WindowsOf {
    fn name(&self) -> &str {
        "window"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        let window = window_type(&self.time_type);
        Ok(if self.is_tumbling() { window } else { array(window, false) })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> datafusion::error::Result<Arc<Field>> {
        let nullable = self.is_tumbling() && arguments.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&[])?, nullable)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [time] = arguments.args.as_slice() else { return exec_err!("window is computed of one time") };
        let column = time.to_array(rows)?;
        let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
            return exec_err!("window is computed of a timestamp, not {}", column.data_type());
        };
        let windows = if self.is_tumbling() {
            self.tumbling(times)
        } else {
            self.sliding(times, Work::of(&arguments.config_options))
        };
        windows.map(ColumnarValue::Array).map_err(to_datafusion)
    }
}
