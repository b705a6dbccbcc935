//! The values of one aggregate for all groups of a map: two columns, updated in place.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Decimal128Array, Float64Array, Int64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, i256};
use millstream_core::{Error, Result};
use std::sync::Arc;

use super::aggregate_function::{AggregateFunction, AggregateKind, ValueForm, decimal_overflow, sum_overflow};
use super::codec::{Reader, put_bytes, put_i64};

/// A decimal sum that left its type without ANSI: NULL from then on.
const OVERFLOWED: i64 = -1;

/// The argument of one aggregate for one batch of rows.
#[derive(Debug)]
pub(crate) struct Argument {
    /// In the form that [`AggregateFunction::prepare`] gives; none for count.
    values: Option<ArrayRef>,
    /// The rows that count: not NULL, and let through by FILTER. Absent when all do.
    mask: Option<BooleanBuffer>,
}

impl Argument {
    /// The argument columns of `function` with its FILTER, if it has one.
    pub(crate) fn try_new(
        function: &AggregateFunction,
        columns: &[ArrayRef],
        filter: Option<&ArrayRef>,
    ) -> Result<Self> {
        let mut mask: Option<BooleanBuffer> = None;
        let mut restrict =
            |more: &BooleanBuffer| mask = Some(mask.as_ref().map_or_else(|| more.clone(), |mask| mask & more));
        for column in columns {
            if let Some(nulls) = column.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
                restrict(nulls.inner());
            }
        }
        if let Some(filter) = filter {
            let filter = filter.as_boolean_opt().ok_or_else(|| Error::internal("a FILTER is not a condition"))?;
            restrict(&filter.nulls().map_or_else(|| filter.values().clone(), |nulls| filter.values() & nulls.inner()));
        }
        let values = match function.form {
            ValueForm::None => None,
            _ => Some(
                function.prepare(columns.first().ok_or_else(|| Error::internal("an aggregate without argument"))?)?,
            ),
        };
        Ok(Self { values, mask })
    }
}

/// Rows on their way into groups: `rows[i]` into `groups[i]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) rows: &'a [u32],
    pub(super) groups: &'a [u32],
}

impl Rows<'_> {
    /// Calls `each` with (row, group) for the rows that count.
    #[inline]
    fn for_each(self, argument: &Argument, mut each: impl FnMut(usize, usize)) {
        let pairs = self.rows.iter().zip(self.groups).map(|(&row, &group)| (row as usize, group as usize));
        match &argument.mask {
            None => pairs.for_each(|(row, group)| each(row, group)),
            Some(mask) => pairs.filter(|&(row, _)| mask.value(row)).for_each(|(row, group)| each(row, group)),
        }
    }

    /// The same for what may fail; the first error ends it.
    #[inline]
    fn try_for_each(self, argument: &Argument, mut each: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        let mut pairs = self.rows.iter().zip(self.groups).map(|(&row, &group)| (row as usize, group as usize));
        match &argument.mask {
            None => pairs.try_for_each(|(row, group)| each(row, group)),
            Some(mask) => pairs.filter(|&(row, _)| mask.value(row)).try_for_each(|(row, group)| each(row, group)),
        }
    }
}

#[derive(Debug, Clone)]
enum Values {
    None,
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>),
    Bytes(Vec<Box<[u8]>>),
}

/// One aggregate for groups 0, 1, 2 ….
#[derive(Debug, Clone)]
pub(crate) struct Accumulator {
    /// Values that went in; for min and max 1 as soon as there is one.
    counts: Vec<i64>,
    /// Meaningless where the count is 0.
    values: Values,
    /// Bytes held by the texts.
    text_bytes: usize,
}

impl Accumulator {
    pub(crate) fn new(form: ValueForm) -> Self {
        let values = match form {
            ValueForm::None => Values::None,
            ValueForm::Int64 => Values::Int64(vec![]),
            ValueForm::Float64 => Values::Float64(vec![]),
            ValueForm::Decimal => Values::Decimal(vec![]),
            ValueForm::Bytes => Values::Bytes(vec![]),
        };
        Self { counts: vec![], values, text_bytes: 0 }
    }

    /// Adds a group without values.
    pub(crate) fn push_empty(&mut self) {
        self.counts.push(0);
        match &mut self.values {
            Values::None => {}
            Values::Int64(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(values) => values.push(0),
            Values::Bytes(values) => values.push(Box::default()),
        }
    }

    /// The integer of a group, if it has one.
    #[inline]
    pub(crate) fn int64(&self, group: usize) -> Option<i64> {
        match &self.values {
            Values::Int64(values) if self.counts[group] != 0 => Some(values[group]),
            _ => None,
        }
    }

    /// Adds a group that is a copy of another accumulator's.
    pub(crate) fn push_from(&mut self, other: &Self, group: usize) {
        self.push_empty();
        let last = self.counts.len() - 1;
        self.copy_from(last, other, group);
    }

    /// Makes a group equal to one of another accumulator of the same function.
    pub(crate) fn copy_from(&mut self, to: usize, other: &Self, from: usize) {
        self.counts[to] = other.counts[from];
        match (&mut self.values, &other.values) {
            (Values::Int64(mine), Values::Int64(theirs)) => mine[to] = theirs[from],
            (Values::Float64(mine), Values::Float64(theirs)) => mine[to] = theirs[from],
            (Values::Decimal(mine), Values::Decimal(theirs)) => mine[to] = theirs[from],
            (Values::Bytes(mine), Values::Bytes(theirs)) => {
                self.text_bytes = self.text_bytes - mine[to].len() + theirs[from].len();
                mine[to].clone_from(&theirs[from]);
            }
            _ => {}
        }
    }

    /// Forgets all groups from this one on.
    pub(crate) fn truncate(&mut self, groups: usize) {
        self.counts.truncate(groups);
        match &mut self.values {
            Values::None => {}
            Values::Int64(values) => values.truncate(groups),
            Values::Float64(values) => values.truncate(groups),
            Values::Decimal(values) => values.truncate(groups),
            Values::Bytes(values) => {
                self.text_bytes -= values.iter().skip(groups).map(|text| text.len()).sum::<usize>();
                values.truncate(groups);
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::None => 0,
            Values::Int64(values) => 8 * values.capacity(),
            Values::Float64(values) => 8 * values.capacity(),
            Values::Decimal(values) => 16 * values.capacity(),
            Values::Bytes(values) => 16 * values.capacity() + self.text_bytes,
        };
        8 * self.counts.capacity() + values
    }

    /// Takes rows in.
    pub(super) fn update(&mut self, function: &AggregateFunction, argument: &Argument, rows: Rows<'_>) -> Result<()> {
        let counts = &mut self.counts;
        let is_sum = matches!(function.kind, AggregateKind::Sum | AggregateKind::Avg);
        let is_min = function.kind == AggregateKind::Min;
        match (&mut self.values, &argument.values) {
            (Values::None, _) => rows.for_each(argument, |_, group| counts[group] += 1),
            (Values::Int64(kept), Some(values)) => {
                let values = values.as_primitive::<Int64Type>().values();
                if is_sum {
                    return sum_ints((kept, counts), values, (function, argument, rows));
                }
                let better = |new: i64, old: i64| if is_min { new < old } else { new > old };
                keep_better((kept, counts), values, (argument, rows), better);
            }
            (Values::Float64(kept), Some(values)) => {
                let values = values.as_primitive::<Float64Type>().values();
                if is_sum {
                    rows.for_each(argument, |row, group| {
                        kept[group] += values[row];
                        counts[group] += 1;
                    });
                    return Ok(());
                }
                let better = |new: f64, old: f64| if is_min { is_less(new, old) } else { is_less(old, new) };
                keep_better((kept, counts), values, (argument, rows), better);
            }
            (Values::Decimal(kept), Some(values)) => {
                let values = values.as_primitive::<Decimal128Type>().values();
                if is_sum {
                    let limit = function.decimal_limit();
                    return rows.try_for_each(argument, |row, group| {
                        add_decimal((&mut kept[group], &mut counts[group]), values[row], (limit, function))
                    });
                }
                let better = |new: i128, old: i128| if is_min { new < old } else { new > old };
                keep_better((kept, counts), values, (argument, rows), better);
            }
            (Values::Bytes(kept), Some(values)) => {
                let (values, text_bytes) = (values.as_binary::<i32>(), &mut self.text_bytes);
                rows.for_each(argument, |row, group| {
                    let (new, old) = (values.value(row), &*kept[group]);
                    if counts[group] == 0 || if is_min { new < old } else { new > old } {
                        *text_bytes = *text_bytes - old.len() + new.len();
                        (kept[group], counts[group]) = (new.into(), 1);
                    }
                });
            }
            (_, None) => return Err(Error::internal("an aggregate has no argument")),
        }
        Ok(())
    }

    /// The results of these groups.
    pub(crate) fn results(&self, function: &AggregateFunction, groups: &[u32]) -> Result<ArrayRef> {
        let pick = |group: &u32| *group as usize;
        let nulls = || NullBuffer::from_iter(groups.iter().map(|group| self.counts[pick(group)] > 0));
        let kept: ArrayRef = match &self.values {
            Values::None => Arc::new(Int64Array::from_iter_values(groups.iter().map(|group| self.counts[pick(group)]))),
            Values::Int64(values) => {
                Arc::new(Int64Array::new(groups.iter().map(|group| values[pick(group)]).collect(), Some(nulls())))
            }
            Values::Float64(values) if function.kind == AggregateKind::Avg => {
                let mean = |group: &u32| values[pick(group)] / self.counts[pick(group)] as f64;
                Arc::new(Float64Array::new(groups.iter().map(mean).collect(), Some(nulls())))
            }
            Values::Float64(values) => {
                Arc::new(Float64Array::new(groups.iter().map(|group| values[pick(group)]).collect(), Some(nulls())))
            }
            Values::Decimal(values) => self.decimal_results(function, values, groups)?,
            Values::Bytes(values) => {
                let value = |group: &u32| (self.counts[pick(group)] > 0).then(|| &*values[pick(group)]);
                Arc::new(BinaryArray::from_iter(groups.iter().map(value)))
            }
        };
        function.present(kept)
    }

    fn decimal_results(&self, function: &AggregateFunction, values: &[i128], groups: &[u32]) -> Result<ArrayRef> {
        let (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) = (&function.input, &function.output)
        else {
            return Err(Error::internal("an aggregate of decimals gives no decimal"));
        };
        let result = |group: &u32| -> Result<Option<i128>> {
            let (count, value) = (self.counts[*group as usize], values[*group as usize]);
            match function.kind {
                _ if count <= 0 => Ok(None),
                AggregateKind::Avg => mean_decimal((value, count), (*from, *to), function),
                _ => Ok(Some(value)),
            }
        };
        let results = groups.iter().map(result).collect::<Result<Decimal128Array>>()?;
        Ok(Arc::new(results.with_precision_and_scale(*precision, *to)?))
    }

    /// Appends one group to a delta or snapshot.
    pub(super) fn write(&self, group: usize, out: &mut Vec<u8>) {
        put_i64(out, self.counts[group]);
        if self.counts[group] == 0 {
            return;
        }
        match &self.values {
            Values::None => {}
            Values::Int64(values) => put_i64(out, values[group]),
            Values::Float64(values) => out.extend_from_slice(&values[group].to_le_bytes()),
            Values::Decimal(values) => out.extend_from_slice(&values[group].to_le_bytes()),
            Values::Bytes(values) => put_bytes(out, &values[group]),
        }
    }

    /// Adds a group from a delta or snapshot.
    pub(super) fn push_read(&mut self, reader: &mut Reader<'_>, function: &AggregateFunction) -> Result<()> {
        let count = reader.i64()?;
        self.push_empty();
        let group = self.counts.len() - 1;
        self.counts[group] = count;
        if count == 0 {
            return Ok(());
        }
        match &mut self.values {
            Values::None => {}
            Values::Int64(values) => values[group] = reader.i64()?,
            Values::Float64(values) => values[group] = f64::from_le_bytes(reader.array()?),
            Values::Decimal(values) => values[group] = i128::from_le_bytes(reader.array()?),
            Values::Bytes(values) => {
                let bytes = reader.bytes()?;
                if function.input == DataType::Utf8 && std::str::from_utf8(bytes).is_err() {
                    return Err(Error::data("a value in the state is not text"));
                }
                self.text_bytes += bytes.len();
                values[group] = bytes.into();
            }
        }
        Ok(())
    }
}

/// Spark's order of floats: −0.0 equals 0.0, NaN equals NaN and is greater than everything else.
#[inline]
fn is_less(left: f64, right: f64) -> bool {
    left < right || (right.is_nan() && !left.is_nan())
}

/// Keeps the better of what is there and what comes; the first of equals stays, as in Spark.
#[inline]
fn keep_better<T: Copy>(
    (kept, counts): (&mut [T], &mut [i64]),
    values: &[T],
    (argument, rows): (&Argument, Rows<'_>),
    better: impl Fn(T, T) -> bool,
) {
    rows.for_each(argument, |row, group| {
        if counts[group] == 0 || better(values[row], kept[group]) {
            (kept[group], counts[group]) = (values[row], 1);
        }
    });
}

fn sum_ints(
    (kept, counts): (&mut [i64], &mut [i64]),
    values: &[i64],
    (function, argument, rows): (&AggregateFunction, &Argument, Rows<'_>),
) -> Result<()> {
    if !function.ansi {
        rows.for_each(argument, |row, group| {
            kept[group] = kept[group].wrapping_add(values[row]);
            counts[group] += 1;
        });
        return Ok(());
    }
    rows.try_for_each(argument, |row, group| {
        kept[group] = kept[group].checked_add(values[row]).ok_or_else(sum_overflow)?;
        counts[group] += 1;
        Ok(())
    })
}

fn add_decimal(
    (sum, count): (&mut i128, &mut i64),
    value: i128,
    (limit, function): (i128, &AggregateFunction),
) -> Result<()> {
    if *count == OVERFLOWED {
        return Ok(());
    }
    match sum.checked_add(value).filter(|sum| (-limit..=limit).contains(sum)) {
        Some(new) => {
            *sum = new;
            *count += 1;
        }
        None if function.ansi => {
            let exact = i256::from_i128(*sum).wrapping_add(i256::from_i128(value));
            let (scale, target) = match &function.input {
                DataType::Decimal128(precision, scale) => {
                    (*scale, DataType::Decimal128((*precision + 10).min(38), *scale))
                }
                other => (0, other.clone()),
            };
            return Err(decimal_overflow(&exact.to_string(), scale, &target));
        }
        None => *count = OVERFLOWED,
    }
    Ok(())
}

/// Sum through count, rounded half away from zero to the result's scale.
fn mean_decimal((sum, count): (i128, i64), (from, to): (i8, i8), function: &AggregateFunction) -> Result<Option<i128>> {
    let more_digits = u32::from((to - from).unsigned_abs());
    let scaled = i256::from_i128(sum).wrapping_mul(i256::from_i128(10_i128.pow(more_digits)));
    let count = i256::from_i128(i128::from(count));
    let (quotient, remainder) = (scaled.wrapping_div(count), scaled.wrapping_rem(count));
    let round_up = remainder.wrapping_abs().wrapping_mul(i256::from_i128(2)) >= count;
    let away = if sum < 0 { i256::MINUS_ONE } else { i256::ONE };
    let mean = if round_up { quotient.wrapping_add(away) } else { quotient };
    let DataType::Decimal128(precision, _) = function.output else { return Ok(None) };
    let limit = 10_i128.pow(u32::from(precision)) - 1;
    match mean.to_i128().filter(|mean| (-limit..=limit).contains(mean)) {
        Some(mean) => Ok(Some(mean)),
        None if function.ansi => Err(decimal_overflow(&mean.to_string(), to, &function.output)),
        None => Ok(None),
    }
}
