//! Select lists: names, aliases, stars, regexes, and generators.

use arrow::datatypes::DataType;
use millstream_core::{Error, Result, spark_error};
use millstream_functions::java_regex::JavaRegex;
use millstream_functions::{Generator, TypedExpr};
use spark_connect_proto::Expression;
use spark_connect_proto::expression::{Alias, ExprType, UnresolvedAttribute, UnresolvedRegex, UnresolvedStar};

use super::super::attribute::Attribute;
use super::super::identifier::parse_name;
use super::super::scope::{Scope, qualifier_ends_with};
use super::super::{Analyzer, error};
use super::{Value, extract, nested_generator, required};
use crate::parser::extension::{ExpressionExtension, StarExcept};

/// One value of a select list.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The column's name.
    pub(crate) name: String,
    /// Whether the name is the user's (an alias or a column's), not the text of the expression.
    pub(crate) named: bool,
    /// What is computed.
    pub(crate) expr: TypedExpr,
    /// Metadata given with the alias.
    pub(crate) metadata: Option<String>,
    /// The column that is passed on, if it is no more than that: its identity stays.
    pub(crate) passes: Option<Attribute>,
}

/// One entry of a select list.
#[derive(Debug)]
pub(crate) enum SelectItem {
    /// A column.
    One(Item),
    /// A generator with the names that the user gives to its columns; none for its own.
    Rows(Generator, Vec<String>),
}

impl SelectItem {
    /// The value, where there is no place for a generator.
    pub(crate) fn without_rows(self) -> Result<Item> {
        match self {
            Self::One(item) => Ok(item),
            Self::Rows(_, _) => Err(nested_generator("generator")),
        }
    }
}

impl Item {
    /// A value under this name.
    pub(crate) fn new(name: impl Into<String>, expr: TypedExpr) -> Self {
        Self { name: name.into(), named: true, expr, metadata: None, passes: None }
    }

    /// A column passed on as it is.
    pub(crate) fn pass(attribute: &Attribute) -> Self {
        Self {
            name: attribute.name.clone(),
            named: true,
            expr: attribute.reference(),
            metadata: attribute.metadata.clone(),
            passes: Some(attribute.clone()),
        }
    }
}

impl Analyzer<'_> {
    /// The values of an expression list that has no place for generators.
    pub(crate) fn items(&mut self, expressions: &[Expression], scope: Scope<'_>) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(expressions.len());
        for expression in expressions {
            items.extend(self.select_items(expression, scope)?);
        }
        items.into_iter().map(SelectItem::without_rows).collect()
    }

    /// What an expression contributes to a select list.
    pub(crate) fn select_items(&mut self, expression: &Expression, scope: Scope<'_>) -> Result<Vec<SelectItem>> {
        let kind = expression.expr_type.as_ref().ok_or_else(|| Error::invalid("an expression without a kind"))?;
        let one = |items: Vec<Item>| items.into_iter().map(SelectItem::One).collect();
        match kind {
            ExprType::UnresolvedStar(star) => self.star(star, scope).map(one),
            ExprType::UnresolvedRegex(regex) => self.named_by_regex(regex, scope),
            ExprType::ExpressionString(text) => {
                self.select_items(&crate::parser::parse_expression(&text.expression)?, scope)
            }
            ExprType::Extension(any) => match ExpressionExtension::decode(any)? {
                ExpressionExtension::StarExcept(except) => self.star_except(&except, scope).map(one),
                ExpressionExtension::ExpressionWithRelations(with) => {
                    self.add_references(&with.references);
                    self.select_items(required(with.expression.as_deref())?, scope)
                }
                _ => self.plain_item(expression, kind, scope),
            },
            ExprType::Alias(alias) => self.aliased(alias, scope),
            _ => self.plain_item(expression, kind, scope),
        }
    }

    fn plain_item(&mut self, expression: &Expression, kind: &ExprType, scope: Scope<'_>) -> Result<Vec<SelectItem>> {
        let expr = match self.value(expression, scope)? {
            Value::Rows(generator, _) => return Ok(vec![SelectItem::Rows(generator, Vec::new())]),
            Value::One(expr) => expr,
        };
        self.without_generator(&expr.sql)?;
        let given = default_name(kind)?;
        let passes = match kind {
            ExprType::UnresolvedAttribute(_) => referenced(&expr, scope),
            _ => None,
        };
        let metadata = passes.as_ref().and_then(|attribute| attribute.metadata.clone());
        let named = given.is_some();
        let name = given.unwrap_or_else(|| expr.sql.clone());
        Ok(vec![SelectItem::One(Item { name, named, expr, metadata, passes })])
    }

    fn aliased(&mut self, alias: &Alias, scope: Scope<'_>) -> Result<Vec<SelectItem>> {
        match self.value(required(alias.expr.as_deref())?, scope)? {
            Value::Rows(generator, _) => {
                if alias.name.len() != generator.columns.len() {
                    return Err(wrong_alias_count(generator.columns.len(), &alias.name));
                }
                Ok(vec![SelectItem::Rows(generator, alias.name.clone())])
            }
            Value::One(expr) => match alias.name.as_slice() {
                [name] => {
                    self.without_generator(&expr.sql)?;
                    let metadata = alias.metadata.clone();
                    Ok(vec![SelectItem::One(Item { metadata, ..Item::new(name, expr) })])
                }
                names => Err(spark_error!(
                    "MULTI_ALIAS_WITHOUT_GENERATOR",
                    names = names.join(", "),
                    expr = format!("\"{}\"", expr.sql),
                )),
            },
        }
    }

    /// `*`, `alias.*` and `structure.*`.
    pub(crate) fn star(&self, star: &UnresolvedStar, scope: Scope<'_>) -> Result<Vec<Item>> {
        let Some(target) = star.unparsed_target.as_deref() else {
            let of_plan = star.plan_id.and_then(|plan_id| self.by_plan_id.get(&plan_id));
            let shown: Vec<Item> = match of_plan {
                Some(outputs) => scope
                    .columns
                    .iter()
                    .filter(|column| {
                        outputs.iter().flat_map(|one| &one.columns).any(|output| output.column == column.column)
                    })
                    .map(Item::pass)
                    .collect(),
                None => scope.columns.iter().map(Item::pass).collect(),
            };
            return Ok(shown);
        };
        let parts = parse_name(target.strip_suffix(".*").unwrap_or(target))?;
        let qualified: Vec<Item> = scope
            .columns
            .iter()
            .filter(|column| qualifier_ends_with(column, &parts, self.context))
            .map(Item::pass)
            .collect();
        if !qualified.is_empty() {
            return Ok(qualified);
        }
        self.struct_star(&parts, scope)
    }

    fn struct_star(&self, parts: &[String], scope: Scope<'_>) -> Result<Vec<Item>> {
        let Ok((attribute, rest)) = scope.resolve(parts, self.context) else {
            let known: Vec<String> =
                scope.columns.iter().map(|column| error::sql_id(std::slice::from_ref(&column.name))).collect();
            return Err(error::star_expand(parts, &known));
        };
        let base = self.fields_of(attribute.reference(), rest)?;
        let DataType::Struct(fields) = base.data_type.clone() else {
            return Err(Error::invalid(format!(
                "Can only star expand struct data types. Attribute: `List({})`.",
                parts.join(", ")
            ))
            .with_exception(millstream_core::error::SparkException::Analysis));
        };
        fields
            .iter()
            .map(|field| Ok(Item::new(field.name(), extract::field(base.clone(), field.name(), self.context)?)))
            .collect()
    }

    fn star_except(&mut self, one: &StarExcept, scope: Scope<'_>) -> Result<Vec<Item>> {
        let Some(ExprType::UnresolvedStar(star)) = required(one.star.as_deref())?.expr_type.as_ref() else {
            return Err(Error::invalid("EXCEPT follows a star"));
        };
        let mut except = Vec::new();
        for column in &one.except {
            except.push(self.expression(column, scope)?.expr);
        }
        Ok(self.star(star, scope)?.into_iter().filter(|item| !except.contains(&item.expr.expr)).collect())
    }

    /// The columns that a regular expression in backticks names; without them it is a name.
    fn named_by_regex(&mut self, regex: &UnresolvedRegex, scope: Scope<'_>) -> Result<Vec<SelectItem>> {
        let name = regex.col_name.as_str();
        let quoted = name.strip_suffix('`').filter(|rest| rest.len() > 1);
        let (qualifier, pattern) = match quoted.and_then(|rest| rest.strip_prefix('`')) {
            Some(pattern) => (None, pattern),
            None => match quoted.and_then(|rest| rest.rsplit_once(".`")) {
                Some((qualifier, pattern)) if !qualifier.is_empty() && !pattern.is_empty() => {
                    (Some(qualifier.to_owned()), pattern)
                }
                _ => {
                    let attribute = UnresolvedAttribute {
                        unparsed_identifier: name.to_owned(),
                        plan_id: regex.plan_id,
                        is_metadata_column: None,
                    };
                    let expr_type = Some(ExprType::UnresolvedAttribute(attribute));
                    return self.select_items(&Expression { expr_type, common: None }, scope);
                }
            },
        };
        let qualifier: Vec<String> = qualifier.into_iter().collect();
        let among = |column: &&Attribute| qualifier_ends_with(column, &qualifier, self.context);
        let matching = matching(pattern, scope.columns.iter().filter(among), self.context.settings.case_sensitive)?;
        Ok(matching.into_iter().map(|column| SelectItem::One(Item::pass(column))).collect())
    }
}

/// The columns whose names are matches of a pattern of Java's.
fn matching<'a>(
    pattern: &str,
    columns: impl Iterator<Item = &'a Attribute>,
    case_sensitive: bool,
) -> Result<Vec<&'a Attribute>> {
    let pattern = format!("{}{pattern}", if case_sensitive { "" } else { "(?i)" });
    let regex = JavaRegex::new(&pattern).map_err(|error| Error::illegal_argument(error.message(&pattern)))?;
    let mut matching = Vec::new();
    for column in columns {
        let matches = regex.matches(&column.name);
        let given_up = |error| Error::invalid(format!("the regular expression '{pattern}' was given up: {error}"));
        if matches.map_err(given_up)? {
            matching.push(column);
        }
    }
    Ok(matching)
}

/// The column that a reference names.
fn referenced(expr: &TypedExpr, scope: Scope<'_>) -> Option<Attribute> {
    match &expr.expr {
        datafusion::logical_expr::Expr::Column(column) => {
            scope.columns.iter().chain(scope.hidden).find(|attribute| attribute.column == column.name).cloned()
        }
        _ => None,
    }
}

/// The name that a column gets from the expression's kind: that of the column it shows, also through casts.
fn default_name(kind: &ExprType) -> Result<Option<String>> {
    match kind {
        ExprType::UnresolvedAttribute(one) => Ok(parse_name(&one.unparsed_identifier)?.pop()),
        ExprType::UnresolvedNamedLambdaVariable(one) => Ok(one.name_parts.last().cloned()),
        ExprType::Cast(one) => match one.expr.as_deref().and_then(|child| child.expr_type.as_ref()) {
            Some(ExprType::Alias(alias)) => Ok(alias.name.first().cloned()),
            Some(kind) => default_name(kind),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn wrong_alias_count(expected: usize, names: &[String]) -> Error {
    spark_error!("UDTF_ALIAS_NUMBER_MISMATCH", aliasesSize = expected, aliasesNames = names.join(","))
}
