//! `corr`, `cov`, `crosstab` and `approxQuantile` of a DataFrame: one row of figures.
//!
//! Written as an aggregation in the messages that a client would send. Quantiles are exact, whatever error is allowed.

use millstream_core::{Error, Result};
use millstream_functions::data_type::{is_numeric, simple_string};
use spark_connect_proto::aggregate::{GroupType, Pivot};
use spark_connect_proto::expression::Literal;
use spark_connect_proto::expression::cast::EvalMode;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{
    Aggregate, Expression, NaFill, Project, Relation, StatApproxQuantile, StatCorr, StatCov, StatCrosstab,
};

use super::super::Analyzer;
use super::super::error;
use super::super::expression::required;
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::summary::{alias, attribute, call, literal};

impl Analyzer<'_> {
    pub(super) fn correlation(&mut self, one: &StatCorr) -> Result<ResolvedRelation> {
        if one.method.as_deref().is_some_and(|method| method != "pearson") {
            return Err(requirement(
                "Currently only the calculation of the Pearson Correlation coefficient is supported.",
            ));
        }
        self.numeric_columns(one.input.as_deref(), &[one.col1.clone(), one.col2.clone()], "correlation")?;
        let value = call("corr", vec![present(&one.col1), present(&one.col2)]);
        let value = call("coalesce", vec![value, number(f64::NAN)]);
        self.figures(one.input.as_deref(), vec![alias(value, "corr")])
    }

    pub(super) fn covariance(&mut self, one: &StatCov) -> Result<ResolvedRelation> {
        self.numeric_columns(one.input.as_deref(), &[one.col1.clone(), one.col2.clone()], "covariance")?;
        let value = call("covar_samp", vec![present(&one.col1), present(&one.col2)]);
        let value = call("coalesce", vec![value, number(0.0)]);
        self.figures(one.input.as_deref(), vec![alias(value, "cov")])
    }

    pub(super) fn approx_quantile(&mut self, one: &StatApproxQuantile) -> Result<ResolvedRelation> {
        self.numeric_columns(one.input.as_deref(), &one.cols, "Quantile")?;
        if let Some(outside) = one.probabilities.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return Err(requirement(&format!("percentile should be in the range [0.0, 1.0], but got {outside}")));
        }
        let shares: Vec<Expression> = one.probabilities.iter().map(|share| number(*share)).collect();
        let quantiles = one.cols.iter().map(|column| {
            // Neither NULL nor NaN counts; without a value there are no quantiles.
            let value = call("nullif", vec![cast(attribute(column), "double"), number(f64::NAN)]);
            let found = call("percentile_approx", vec![value, call("array", shares.clone())]);
            call("coalesce", vec![found, cast(call("array", Vec::new()), "array<double>")])
        });
        let all = call("array", quantiles.collect());
        self.figures(one.input.as_deref(), vec![alias(all, "approx_quantile")])
    }

    /// How often two columns have their values together: a row a value of the first, a column a value of the second.
    pub(super) fn crosstab(&mut self, crosstab: &StatCrosstab) -> Result<ResolvedRelation> {
        let shown = |name: &str| {
            let text = cast(attribute(name), "string");
            call("coalesce", vec![text, literal(LiteralType::String("null".to_owned()))])
        };
        // A column cannot be named with a backtick in it.
        let [backtick, nothing] = ["`", ""].map(|text| literal(LiteralType::String(text.to_owned())));
        let columns = call("replace", vec![shown(&crosstab.col2), backtick, nothing]);
        let counted = call("count", vec![literal(LiteralType::Integer(1))]);
        let counts = Aggregate {
            input: crosstab.input.clone(),
            group_type: GroupType::Pivot.into(),
            grouping_expressions: vec![alias(shown(&crosstab.col1), &format!("{}_{}", crosstab.col1, crosstab.col2))],
            aggregate_expressions: vec![alias(counted, "count")],
            pivot: Some(Pivot { col: Some(columns), values: Vec::new() }),
            grouping_sets: Vec::new(),
        };
        let zero = Literal { literal_type: Some(LiteralType::Long(0)), data_type: None };
        let input = Relation { common: None, rel_type: Some(RelType::Aggregate(Box::new(counts))) };
        let filled = NaFill { input: Some(Box::new(input)), cols: Vec::new(), values: vec![zero] };
        self.relation(&Relation { common: None, rel_type: Some(RelType::FillNa(Box::new(filled))) })
    }

    fn figures(&mut self, input: Option<&Relation>, expressions: Vec<Expression>) -> Result<ResolvedRelation> {
        let project = Project { input: input.cloned().map(Box::new), expressions };
        self.relation(&Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) })
    }

    fn numeric_columns(&mut self, input: Option<&Relation>, names: &[String], what: &str) -> Result<()> {
        let resolved = self.relation(required(input)?)?;
        if resolved.streaming {
            return Err(error::not_over_stream("statistics are not supported on streaming DataFrames/Datasets"));
        }
        let scope = Scope::over(&resolved);
        for name in names {
            let (column, _) = scope.resolve(std::slice::from_ref(name), self.context)?;
            if !is_numeric(&column.data_type) {
                let data_type = simple_string(&column.data_type);
                return Err(requirement(&format!(
                    "Currently {what} calculation for columns with dataType {data_type} not supported."
                )));
            }
        }
        Ok(())
    }
}

fn requirement(message: &str) -> Error {
    Error::illegal_argument(format!("requirement failed: {message}"))
}

fn number(value: f64) -> Expression {
    literal(LiteralType::Double(value))
}

/// A column as numbers, where NULL is 0.
fn present(name: &str) -> Expression {
    call("coalesce", vec![cast(attribute(name), "double"), number(0.0)])
}

fn cast(expr: Expression, type_name: &str) -> Expression {
    super::summary::cast(expr, type_name, EvalMode::Unspecified)
}
