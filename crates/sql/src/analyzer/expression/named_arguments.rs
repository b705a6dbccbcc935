//! Arguments that a call names: `mask(str => 'a', digitChar => 'd')`. Spark lets few functions be called so.

use millstream_core::{Error, Result, spark_error};
use millstream_functions::{Parameter, Preset, is_unbuilt, lookup};
use spark_connect_proto::data_type::{Kind, Null};
use spark_connect_proto::expression::{ExprType, Literal, literal::LiteralType};
use spark_connect_proto::{DataType, Expression};

use super::super::error::sql_id;
use super::lambda::is_higher_order;

/// The arguments in the order of the function's parameters; `None` where the call names none, so that they are in
/// order.
pub(super) fn in_order(function: &str, arguments: &[Expression]) -> Result<Option<Vec<Expression>>> {
    if !arguments.iter().any(|argument| key(argument).is_some()) {
        return Ok(None);
    }
    let entry = lookup(function);
    let parameters = entry.map_or(&[][..], |entry| entry.parameters);
    if parameters.is_empty() {
        let known = entry.is_some() || is_unbuilt(function) || is_higher_order(function) || is_of_analyzer(function);
        // A function that does not exist is refused as such.
        return if known { Err(not_supported(function)) } else { Ok(None) };
    }
    let mut given: Vec<Option<Expression>> = vec![None; parameters.len()];
    let mut named: Option<&str> = None;
    let positional = arguments.iter().take_while(|argument| key(argument).is_none()).count();
    for (index, argument) in arguments.iter().enumerate() {
        match (key(argument), named) {
            (None, Some(named)) => return Err(positional_behind(function, named)),
            (None, None) => match given.get_mut(index) {
                Some(place) => *place = Some(argument.clone()),
                // The function says how many it takes.
                None => return Ok(None),
            },
            (Some((name, value)), _) => {
                named = Some(name);
                let place = place(function, parameters, name)?;
                if given[place].is_some() {
                    return Err(given_twice(function, name, place < positional));
                }
                given[place] = Some(value.clone());
            }
        }
    }
    let filled = given.into_iter().zip(parameters).enumerate();
    filled
        .map(|(index, (value, parameter))| value.map_or_else(|| preset(function, parameter, index), Ok))
        .collect::<Result<_>>()
        .map(Some)
}

/// Functions that the analyzer knows without the table.
fn is_of_analyzer(function: &str) -> bool {
    matches!(function.to_ascii_lowercase().as_str(), "struct" | "grouping" | "grouping_id")
}

fn key(argument: &Expression) -> Option<(&str, &Expression)> {
    match argument.expr_type.as_ref() {
        Some(ExprType::NamedArgumentExpression(named)) => Some((named.key.as_str(), named.value.as_deref()?)),
        _ => None,
    }
}

fn place(function: &str, parameters: &[Parameter], name: &str) -> Result<usize> {
    let found = parameters.iter().position(|parameter| parameter.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let known: Vec<String> = parameters.iter().map(|parameter| id(parameter.name)).collect();
        spark_error!(
            "UNRECOGNIZED_PARAMETER_NAME",
            routineName = id(function),
            argumentName = id(name),
            proposal = known.join(" "),
        )
    })
}

/// The value of a parameter that is not given.
fn preset(function: &str, parameter: &Parameter, index: usize) -> Result<Expression> {
    let value = match parameter.default {
        Some(Preset::Text(text)) => LiteralType::String(text.to_owned()),
        Some(Preset::Null) => LiteralType::Null(DataType { kind: Some(Kind::Null(Null::default())) }),
        None => {
            return Err(spark_error!(
                "REQUIRED_PARAMETER_NOT_FOUND",
                routineName = id(function),
                parameterName = id(parameter.name),
                index = index,
            ));
        }
    };
    let literal = Literal { literal_type: Some(value), ..Default::default() };
    Ok(Expression { common: None, expr_type: Some(ExprType::Literal(literal)) })
}

fn id(name: &str) -> String {
    sql_id(&[name.to_owned()])
}

fn not_supported(function: &str) -> Error {
    spark_error!("NAMED_PARAMETERS_NOT_SUPPORTED", functionName = id(function))
}

fn positional_behind(function: &str, named: &str) -> Error {
    spark_error!("UNEXPECTED_POSITIONAL_ARGUMENT", routineName = id(function), parameterName = id(named))
}

fn given_twice(function: &str, name: &str, by_place: bool) -> Error {
    let (routine, parameter) = (id(function), id(name));
    if by_place {
        return spark_error!(
            "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.BOTH_POSITIONAL_AND_NAMED",
            routineName = routine,
            parameterName = parameter,
        );
    }
    spark_error!(
        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
        routineName = routine,
        parameterName = parameter,
    )
}
