//! `corr`, `cov` and `approxQuantile` of a DataFrame: one row of figures.
//!
//! Written as an aggregation in the messages that a client would send. Quantiles are exact, whatever error is allowed.

use millstream_core::{Error, Result};
use millstream_functions::data_type::{is_numeric, simple_string};
use spark_connect_proto::expression::cast::EvalMode;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Project, Relation, StatApproxQuantile, StatCorr, StatCov};

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
