//! The sums behind the statistics of one column or of pairs, value by value in Spark's order of operations.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use millstream_engine::error::to_datafusion;

use crate::failure::divide_by_zero;

/// What is made of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Statistic {
    SampleDeviation,
    Deviation,
    SampleVariance,
    Variance,
    Correlation,
    SampleCovariance,
    Covariance,
    Slope,
    Intercept,
    Fit,
    SquaresOfFirst,
    SquaresOfSecond,
    Products,
}

impl Statistic {
    /// Its name in plans and checkpoints; its state is another than that of DataFusion's function.
    fn name(self) -> &'static str {
        match self {
            Self::SampleDeviation => "spark_stddev",
            Self::Deviation => "spark_stddev_pop",
            Self::SampleVariance => "spark_var_samp",
            Self::Variance => "spark_var_pop",
            Self::Correlation => "spark_corr",
            Self::SampleCovariance => "spark_covar_samp",
            Self::Covariance => "spark_covar_pop",
            Self::Slope => "spark_regr_slope",
            Self::Intercept => "spark_regr_intercept",
            Self::Fit => "spark_regr_r2",
            Self::SquaresOfFirst => "spark_regr_syy",
            Self::SquaresOfSecond => "spark_regr_sxx",
            Self::Products => "spark_regr_sxy",
        }
    }

    fn columns(self) -> usize {
        match self {
            Self::SampleDeviation | Self::Deviation | Self::SampleVariance | Self::Variance => 1,
            _ => 2,
        }
    }
}

/// An aggregate function of doubles.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Moments {
    statistic: Statistic,
    ansi: bool,
    signature: Signature,
}

impl Moments {
    pub(super) fn new(statistic: Statistic, ansi: bool) -> Self {
        Self { statistic, ansi, signature: Signature::any(statistic.columns(), Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Moments {
    fn name(&self) -> &str {
        self.statistic.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let seen = arguments.is_distinct.then(HashSet::new);
        Ok(Box::new(Accumulated { function: self.clone(), sums: Sums::default(), seen }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        if arguments.is_distinct {
            let list = |name: &str| Field::new_list(name, Field::new_list_field(DataType::Float64, true), true);
            return Ok(vec![Arc::new(list("first")), Arc::new(list("second"))]);
        }
        let names = ["count", "mean1", "mean2", "m2_1", "m2_2", "products"];
        Ok(names.iter().map(|name| Arc::new(Field::new(*name, DataType::Float64, true)) as FieldRef).collect())
    }
}

/// The number of pairs, their means, and the sums of squared distances and of products of distances from them. Of one
/// column both values of a pair are the same.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    count: f64,
    means: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Sums {
    /// Adds a pair. Spark's correlation takes its distances in another way, which shows in the last digits.
    fn add(&mut self, [x, y]: [f64; 2], correlates: bool) {
        self.count += 1.0;
        let (dx, dy) = (x - self.means[0], y - self.means[1]);
        let (dx_n, dy_n) = (dx / self.count, dy / self.count);
        self.means = [self.means[0] + dx_n, self.means[1] + dy_n];
        self.products += dx * (y - self.means[1]);
        let rests = if correlates { [x - self.means[0], y - self.means[1]] } else { [dx - dx_n, dy - dy_n] };
        self.squares = [self.squares[0] + dx * rests[0], self.squares[1] + dy * rests[1]];
    }

    fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        let (dx, dy) = (other.means[0] - self.means[0], other.means[1] - self.means[1]);
        let share = |delta: f64| if count == 0.0 { 0.0 } else { delta / count };
        let (dx_n, dy_n) = (share(dx), share(dy));
        let pairs = self.count * other.count;
        self.products += other.products + dx * dy_n * pairs;
        self.squares[0] += other.squares[0] + dx * dx_n * pairs;
        self.squares[1] += other.squares[1] + dy * dy_n * pairs;
        self.means = [self.means[0] + dx_n * other.count, self.means[1] + dy_n * other.count];
        self.count = count;
    }

    /// The statistic; an error only for a correlation under ANSI.
    fn statistic(&self, function: &Moments) -> DataFusionResult<Option<f64>> {
        let (count, products) = (self.count, self.products);
        // Of the functions of regression the second argument is x.
        let [squares_y, squares_x] = self.squares;
        let [mean_y, mean_x] = self.means;
        let at_least = |least: f64, value: f64| (count >= least).then_some(value);
        let slope = (squares_x != 0.0).then(|| products / squares_x);
        Ok(match function.statistic {
            Statistic::SampleDeviation => at_least(2.0, (squares_y / (count - 1.0)).sqrt()),
            Statistic::Deviation => at_least(1.0, (squares_y / count).sqrt()),
            Statistic::SampleVariance => at_least(2.0, squares_y / (count - 1.0)),
            Statistic::Variance => at_least(1.0, squares_y / count),
            Statistic::SampleCovariance => at_least(2.0, products / (count - 1.0)),
            Statistic::Covariance => at_least(1.0, products / count),
            Statistic::Correlation if count < 2.0 => None,
            Statistic::Correlation => match (squares_y * squares_x).sqrt() {
                0.0 if function.ansi => return Err(to_datafusion(divide_by_zero())),
                0.0 => None,
                spread => Some(products / spread),
            },
            Statistic::Slope => slope,
            Statistic::Intercept => slope.map(|slope| mean_y - slope * mean_x),
            Statistic::Fit if squares_x == 0.0 => None,
            Statistic::Fit if squares_y == 0.0 => Some(1.0),
            Statistic::Fit => {
                let correlation = products / (squares_y * squares_x).sqrt();
                Some(correlation * correlation)
            }
            Statistic::SquaresOfFirst => at_least(1.0, squares_y),
            Statistic::SquaresOfSecond => at_least(1.0, squares_x),
            Statistic::Products => at_least(1.0, products),
        })
    }

    fn values(&self) -> [f64; 6] {
        let ([x, y], [xx, yy]) = (self.means, self.squares);
        [self.count, x, y, xx, yy, self.products]
    }

    fn of(values: [f64; 6]) -> Self {
        let [count, x, y, xx, yy, products] = values;
        Self { count, means: [x, y], squares: [xx, yy], products }
    }
}

#[derive(Debug)]
struct Accumulated {
    function: Moments,
    sums: Sums,
    /// The bits of the pairs so far, where each counts once.
    seen: Option<HashSet<[u64; 2]>>,
}

impl Accumulated {
    fn add(&mut self, first: &ArrayRef, second: &ArrayRef) {
        let (first, second) = (first.as_primitive::<Float64Type>(), second.as_primitive::<Float64Type>());
        let correlates = matches!(self.function.statistic, Statistic::Correlation | Statistic::Fit);
        for (x, y) in first.iter().zip(second) {
            let (Some(x), Some(y)) = (x, y) else { continue };
            if self.seen.as_mut().is_none_or(|seen| seen.insert([x.to_bits(), y.to_bits()])) {
                self.sums.add([x, y], correlates);
            }
        }
    }
}

impl Accumulator for Accumulated {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.add(&values[0], values.last().unwrap_or(&values[0]));
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.sums.statistic(&self.function)?))
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        if let Some(seen) = &self.seen {
            let list = |at: usize| {
                let values: Vec<_> =
                    seen.iter().map(|pair| ScalarValue::Float64(Some(f64::from_bits(pair[at])))).collect();
                ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Float64))
            };
            return Ok(vec![list(0), list(1)]);
        }
        Ok(self.sums.values().into_iter().map(|value| ScalarValue::Float64(Some(value))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        if self.seen.is_some() {
            let (firsts, seconds) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
            for (first, second) in firsts.iter().zip(seconds.iter()) {
                if let (Some(first), Some(second)) = (first, second) {
                    self.add(&first, &second);
                }
            }
            return Ok(());
        }
        let columns: Vec<_> = states.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
        for row in 0..states[0].len() {
            let mut values = [0.0; 6];
            for (value, column) in values.iter_mut().zip(&columns) {
                *value = column.value(row);
            }
            self.sums.merge(&Sums::of(values));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.as_ref().map_or(0, |seen| seen.capacity() * size_of::<[u64; 3]>())
    }
}
