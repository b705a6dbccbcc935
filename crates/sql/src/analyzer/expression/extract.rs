//! Fields of structs, elements of arrays, values of maps, and structs with changed fields.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::Expr;
use millstream_core::{Result, spark_error};
use millstream_functions::data_type::array;
use millstream_functions::{Resolved, TypedExpr, lookup};
use spark_connect_proto::expression::{ExprType, UnresolvedExtractValue, UpdateFields};

use super::super::scope::Scope;
use super::super::{Analyzer, error, function_context};
use super::call::Call;
use super::{Value, required};
use crate::session::AnalysisContext;

/// `base.field` (Spark: `GetStructField`, `GetArrayStructFields`, `GetMapValue`).
pub(crate) fn field(base: TypedExpr, name: &str, context: &AnalysisContext) -> Result<TypedExpr> {
    let sql = format!("{}.{name}", base.sql);
    match &base.data_type {
        DataType::Struct(fields) => {
            let found = find_field(fields, name, context)?;
            let (data_type, nullable) = (found.data_type().clone(), base.nullable || found.is_nullable());
            let expr = get_field(base.expr, found.name().as_str());
            Ok(TypedExpr { expr, data_type, nullable, sql })
        }
        DataType::List(element) => match element.data_type() {
            DataType::Struct(fields) => {
                let found = find_field(fields, name, context)?;
                let contains_null = element.is_nullable() || found.is_nullable();
                let data_type = array(found.data_type().clone(), contains_null);
                let name = TypedExpr::literal(ScalarValue::from(found.name().as_str()), found.name().as_str());
                let nullable = base.nullable;
                let fields_of = call_internal("get_array_struct_fields", vec![base, name], context)?;
                Ok(TypedExpr { data_type, nullable, sql, ..fields_of })
            }
            _ => Err(error::cannot_extract(&base.sql, &base.data_type)),
        },
        DataType::Map(_, _) => {
            let sql = format!("{}[{name}]", base.sql);
            let key = TypedExpr::literal(ScalarValue::from(name), name);
            Ok(call_internal("get_item", vec![base, key], context)?.with_sql(sql))
        }
        _ => Err(error::cannot_extract(&base.sql, &base.data_type)),
    }
}

fn find_field<'f>(fields: &'f Fields, name: &str, context: &AnalysisContext) -> Result<&'f Field> {
    let found: Vec<&Field> =
        fields.iter().map(AsRef::as_ref).filter(|field| context.same_name(field.name(), name)).collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let known: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            Err(error::field_not_found(name, &known))
        }
        several => Err(error::ambiguous_field(name, several.len())),
    }
}

/// Calls a function of the table that the user did not name.
pub(crate) fn call_internal(name: &str, arguments: Vec<TypedExpr>, context: &AnalysisContext) -> Result<TypedExpr> {
    let entry = lookup(name).ok_or_else(|| error::unresolved_routine(name))?;
    let functions = function_context(context);
    let call = entry.call(name, arguments, &functions);
    match entry.resolve(&call)? {
        Resolved::Scalar(expr) | Resolved::Aggregate(expr) | Resolved::Window(expr) => Ok(expr),
        Resolved::Generator(_) | Resolved::TimeWindow(_) | Resolved::SessionWindow(_) => {
            Err(error::unresolved_routine(name))
        }
    }
}

impl Analyzer<'_> {
    /// `base[extraction]`.
    pub(crate) fn extract_value(&mut self, one: &UnresolvedExtractValue, scope: Scope<'_>) -> Result<TypedExpr> {
        let base = self.expression(required(one.child.as_deref())?, scope)?;
        let key = self.expression(required(one.extraction.as_deref())?, scope)?;
        let by_name = match (&base.data_type, key.as_literal()) {
            (DataType::Struct(_), Some(ScalarValue::Utf8(Some(name)))) => Some(name.clone()),
            (DataType::List(element), Some(ScalarValue::Utf8(Some(name))))
                if matches!(element.data_type(), DataType::Struct(_)) =>
            {
                Some(name.clone())
            }
            _ => None,
        };
        if let Some(name) = by_name {
            return field(base, &name, self.context);
        }
        match base.data_type {
            DataType::List(_) | DataType::Map(_, _) => {
                let sql = format!("{}[{}]", base.sql, key.sql);
                Ok(call_internal("get_item", vec![base, key], self.context)?.with_sql(sql))
            }
            _ => Err(error::cannot_extract(&base.sql, &base.data_type)),
        }
    }

    /// `withField` and `dropFields`: the struct built anew.
    pub(crate) fn update_fields(&mut self, one: &UpdateFields, scope: Scope<'_>) -> Result<TypedExpr> {
        let base = self.expression(required(one.struct_expression.as_deref())?, scope)?;
        let path = super::super::identifier::parse_name(&one.field_name)?;
        let value = match one.value_expression.as_deref() {
            Some(value) => Some(self.expression(value, scope)?),
            None => None,
        };
        self.with_field(base, &path, value)
    }

    /// A struct with a value in the place that a path names, or without that place. All structs on the way are built
    /// anew.
    fn with_field(&self, base: TypedExpr, path: &[String], value: Option<TypedExpr>) -> Result<TypedExpr> {
        let Some((name, inner)) = path.split_first() else {
            return Err(millstream_core::Error::invalid("a field of a struct without a name"));
        };
        let value = match inner {
            [] => value,
            inner => {
                let sql = format!("{}.{name}", base.sql);
                Some(self.with_field(field(base.clone(), name, self.context)?.with_sql(sql), inner, value)?)
            }
        };
        let change = match &value {
            Some(value) => format!("WithField({})", value.sql),
            None => "dropfield()".to_owned(),
        };
        let sql = format!("update_fields({}, {change})", base.sql);
        let DataType::Struct(fields) = &base.data_type else {
            return Err(error::unexpected_input_type(&sql, 0, "\"STRUCT\"", (&base.sql, &base.data_type)));
        };
        let mut parts: Vec<(String, TypedExpr)> = Vec::new();
        let mut replaced = false;
        for current in fields {
            let same = self.context.same_name(current.name(), name);
            match (&value, same) {
                (Some(value), true) => {
                    replaced = true;
                    parts.push((name.clone(), value.clone()));
                }
                (None, true) => {}
                (_, false) => parts.push((current.name().clone(), field(base.clone(), current.name(), self.context)?)),
            }
        }
        if let (Some(value), false) = (value, replaced) {
            parts.push((name.clone(), value));
        }
        if parts.is_empty() {
            return Err(spark_error!("DATATYPE_MISMATCH.CANNOT_DROP_ALL_FIELDS", sqlExpr = format!("\"{sql}\"")));
        }
        let rebuilt = named_struct(parts, self.context)?;
        if !base.nullable {
            return Ok(rebuilt.with_sql(sql));
        }
        let data_type = rebuilt.data_type.clone();
        let expr = datafusion::logical_expr::when(Expr::IsNotNull(Box::new(base.expr)), rebuilt.expr)
            .end()
            .map_err(millstream_engine::error::from_datafusion)?;
        Ok(TypedExpr { expr, data_type, nullable: true, sql })
    }

    /// `struct(a, b AS c)`: field names come from the arguments.
    pub(crate) fn struct_call(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Value> {
        let mut parts = Vec::new();
        let mut texts = Vec::new();
        for argument in call.arguments {
            let aliased = matches!(argument.expr_type, Some(ExprType::Alias(_)));
            for item in self.items(std::slice::from_ref(argument), scope)? {
                let (text, name) = (&item.expr.sql, &item.name);
                texts.push(if aliased { format!("{text} AS {name}") } else { text.clone() });
                let name = if item.named { item.name } else { format!("col{}", parts.len() + 1) };
                parts.push((name, item.expr));
            }
        }
        let sql = format!("struct({})", texts.join(", "));
        Ok(Value::One(named_struct(parts, self.context)?.with_sql(sql)))
    }
}

/// A struct of these fields.
pub(crate) fn named_struct(parts: Vec<(String, TypedExpr)>, context: &AnalysisContext) -> Result<TypedExpr> {
    let arguments = parts
        .into_iter()
        .flat_map(|(name, value)| [TypedExpr::literal(ScalarValue::from(name.as_str()), name.as_str()), value])
        .collect();
    call_internal("named_struct", arguments, context)
}
