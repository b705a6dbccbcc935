//! SELECT: the select list, WHERE, GROUP BY with its sets, HAVING, and hints.

use spark_connect_proto::aggregate::{GroupType, GroupingSets};
use spark_connect_proto::expression::Window;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Aggregate, Deduplicate, Expression, Filter, Hint, Relation};

use super::cursor::{NamedWindows, Parser};
use super::error::{Parsed, SyntaxError};
use super::extension::mark_select_list;
use super::message::{attribute, one_row, projected, relation};
use super::query::ordinal;
use super::window::missing_window;
use crate::grouping_sets;

/// A GROUP BY clause: the sets to group by, or one list of expressions.
enum Grouping {
    Plain(Vec<Expression>),
    Cube(Vec<Expression>),
    Rollup(Vec<Expression>),
    /// The columns are those written before `GROUPING SETS`; what only a set names comes after them.
    Sets {
        columns: Vec<Expression>,
        sets: Vec<Vec<Expression>>,
    },
}

/// The clauses of one SELECT.
struct Select {
    hints: Vec<(String, Vec<Expression>)>,
    distinct: bool,
    items: Vec<Expression>,
    input: Option<Relation>,
    condition: Option<Expression>,
    grouping: Option<Grouping>,
    having: Option<Expression>,
}

/// The windows of a WINDOW clause by their names.
type Definitions = Vec<(String, Window)>;

/// A SELECT, its WINDOW clause, and a window that is used and not known, with its place.
type SelectWithNames = (Select, Definitions, Option<(String, usize)>);

impl Parser<'_> {
    /// A SELECT; the input is given where FROM came first.
    pub(crate) fn select(&mut self, input: Option<Relation>) -> Parsed<Relation> {
        let start = self.peek().start;
        let select = self.select_of(input)?;
        Ok(self.placed_relation(start, select))
    }

    fn select_of(&mut self, input: Option<Relation>) -> Parsed<Relation> {
        let checkpoint = self.checkpoint();
        let known = self.known_windows.get(&self.position()).cloned().unwrap_or_default();
        let (select, definitions, missing) = self.select_with_named(known, input.clone())?;
        let Some((name, at)) = missing else { return Ok(select.into_relation()) };
        if definitions.is_empty() {
            return Err(missing_window(&name, at));
        }
        // The WINDOW clause is known now: read the query again, and if it stands in one that is read again, then once.
        self.restore(&checkpoint);
        self.known_windows.insert(self.position(), definitions.clone());
        match self.select_with_named(definitions, input)? {
            (_, _, Some((name, at))) => Err(missing_window(&name, at)),
            (select, ..) => Ok(select.into_relation()),
        }
    }

    fn select_with_named(&mut self, known: Definitions, input: Option<Relation>) -> Parsed<SelectWithNames> {
        self.windows.push(NamedWindows { specs: known.into_iter().collect(), missing: None });
        let read = self.select_with_windows(input);
        let named = self.windows.pop().unwrap_or_default();
        read.map(|(select, definitions)| (select, definitions, named.missing))
    }

    fn select_with_windows(&mut self, input: Option<Relation>) -> Parsed<(Select, Definitions)> {
        self.expect_word("SELECT")?;
        let hints = self.hints()?;
        let distinct = self.at_word("DISTINCT") && self.starts_expression(1);
        if distinct || (self.at_word("ALL") && self.starts_expression(1)) {
            self.advance();
        }
        let items = self.list(Self::named_expression)?;
        let mut input = match input {
            None if self.at_clause("FROM") => Some(self.tables()?),
            other => other,
        };
        // A LATERAL VIEW behind FROM is read with it.
        if self.at_words(&["LATERAL", "VIEW"]) {
            input = Some(self.lateral_view(input)?);
        }
        let condition = if self.accept_word("WHERE") { Some(self.expression()?) } else { None };
        let grouping = if self.accept_words(&["GROUP", "BY"]) { Some(self.grouping()?) } else { None };
        let having = if self.accept_word("HAVING") { Some(self.expression()?) } else { None };
        let has_windows = self.at_clause("WINDOW");
        let windows = if has_windows && self.accept_word("WINDOW") { self.window_clause()? } else { Vec::new() };
        Ok((Select { hints, distinct, items, input, condition, grouping, having }, windows))
    }

    fn hints(&mut self) -> Parsed<Vec<(String, Vec<Expression>)>> {
        let mut hints = Vec::new();
        while self.accept("/*+") {
            while !self.accept("*/") {
                let name = self.identifier()?;
                let parameters = if self.at("(") { self.list_in_parentheses(Self::expression)? } else { Vec::new() };
                hints.push((name, parameters));
                self.accept(",");
            }
        }
        Ok(hints)
    }

    fn grouping(&mut self) -> Parsed<Grouping> {
        if self.at_word("ALL") && !self.at_ahead(1, ".") && !self.at_ahead(1, "(") && !self.at_ahead(1, ",") {
            self.advance();
            return Ok(Grouping::Plain(vec![attribute(&["ALL".to_owned()])]));
        }
        let mut items = self.list(Self::grouping_item)?;
        if let Some(plain) = plain_columns(&items) {
            if self.accept_words(&["WITH", "ROLLUP"]) {
                return Ok(Grouping::Rollup(plain));
            }
            if self.accept_words(&["WITH", "CUBE"]) {
                return Ok(Grouping::Cube(plain));
            }
            if !self.at_words(&["GROUPING", "SETS"]) {
                return Ok(Grouping::Plain(plain));
            }
            let at = self.peek().start;
            let sets = self.grouping_item()?.into_sets(at)?;
            return Ok(Grouping::Sets { columns: plain, sets });
        }
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        let at = self.peek().start;
        let mut sets = vec![Vec::new()];
        for item in items {
            sets = crossed(&sets, &item.into_sets(at)?, at)?;
        }
        Ok(Grouping::sets(sets))
    }

    fn grouping_item(&mut self) -> Parsed<Grouping> {
        let at = self.peek().start;
        let analytic = self.at_any_word(&["CUBE", "ROLLUP"]) && self.at_ahead(1, "(");
        if analytic {
            let cube = self.advance().text.eq_ignore_ascii_case("CUBE");
            let sets = self.list_in_parentheses(Self::grouping_set)?;
            if sets.iter().all(|set| set.len() == 1) {
                let columns = sets.into_iter().flatten().collect();
                return Ok(if cube { Grouping::Cube(columns) } else { Grouping::Rollup(columns) });
            }
            return Ok(Grouping::sets(if cube { cube_of(&sets, at)? } else { rollup_of(&sets) }));
        }
        if self.at_words(&["GROUPING", "SETS"]) && self.at_ahead(2, "(") {
            self.advance();
            self.advance();
            let sets = self.list_in_parentheses(|parser| {
                let nested = (parser.at_any_word(&["CUBE", "ROLLUP"]) && parser.at_ahead(1, "("))
                    || parser.at_words(&["GROUPING", "SETS"]);
                if nested {
                    return parser.grouping_item()?.into_sets(at);
                }
                Ok(vec![parser.grouping_set()?])
            })?;
            return Ok(Grouping::sets(sets.into_iter().flatten().collect()));
        }
        Ok(Grouping::Plain(vec![ordinal(self.expression()?)]))
    }

    /// `(a, b)`, `()` or a single expression.
    fn grouping_set(&mut self) -> Parsed<Vec<Expression>> {
        if !self.at("(") {
            return Ok(vec![ordinal(self.expression()?)]);
        }
        if self.at_ahead(1, ")") {
            self.advance();
            self.advance();
            return Ok(Vec::new());
        }
        let columns = self.list_in_parentheses(Self::expression)?;
        Ok(columns.into_iter().map(ordinal).collect())
    }
}

fn plain_columns(items: &[Grouping]) -> Option<Vec<Expression>> {
    let columns: Option<Vec<&Vec<Expression>>> = items
        .iter()
        .map(|item| match item {
            Grouping::Plain(columns) => Some(columns),
            Grouping::Cube(_) | Grouping::Rollup(_) | Grouping::Sets { .. } => None,
        })
        .collect();
    columns.map(|columns| columns.into_iter().flatten().cloned().collect())
}

impl Grouping {
    fn sets(sets: Vec<Vec<Expression>>) -> Self {
        Self::Sets { columns: Vec::new(), sets }
    }

    fn into_sets(self, at: usize) -> Parsed<Vec<Vec<Expression>>> {
        let single = |columns: Vec<Expression>| columns.into_iter().map(|column| vec![column]).collect::<Vec<_>>();
        Ok(match self {
            Self::Plain(columns) => vec![columns],
            Self::Cube(columns) => cube_of(&single(columns), at)?,
            Self::Rollup(columns) => rollup_of(&single(columns)),
            Self::Sets { sets, .. } => sets,
        })
    }
}

/// Every set of one side with every set of the other.
fn crossed(left: &[Vec<Expression>], right: &[Vec<Expression>], at: usize) -> Parsed<Vec<Vec<Expression>>> {
    if left.len().saturating_mul(right.len()) > grouping_sets::SETS_MAX {
        return Err(SyntaxError::too_many_grouping_sets(at));
    }
    let joined = |a: &Vec<Expression>, b: &Vec<Expression>| a.iter().chain(b).cloned().collect();
    Ok(left.iter().flat_map(|a| right.iter().map(move |b| joined(a, b))).collect())
}

/// All columns, then one less from the right, down to none.
fn rollup_of(sets: &[Vec<Expression>]) -> Vec<Vec<Expression>> {
    (0..=sets.len()).rev().map(|length| sets[..length].concat()).collect()
}

/// All subsets, the full one first.
fn cube_of(sets: &[Vec<Expression>], at: usize) -> Parsed<Vec<Vec<Expression>>> {
    let Some((first, rest)) = sets.split_first() else { return Ok(vec![Vec::new()]) };
    if sets.len() > grouping_sets::KEYS_OF_CUBE_MAX {
        return Err(SyntaxError::too_many_grouping_sets(at));
    }
    let smaller = cube_of(rest, at)?;
    let with_first = smaller.iter().map(|set| [first.clone(), set.clone()].concat());
    Ok(with_first.chain(smaller.iter().cloned()).collect())
}

impl Select {
    fn into_relation(self) -> Relation {
        let mut input = self.input;
        if let Some(condition) = self.condition {
            input = Some(filtered(input, condition));
        }
        let mut plan = match (self.grouping, self.having.is_some()) {
            (Some(grouping), _) => aggregated(input, grouping, self.items),
            // HAVING alone makes one group of all rows.
            (None, true) => aggregated(input, Grouping::Plain(Vec::new()), self.items),
            (None, false) => projected(input, self.items),
        };
        if let Some(having) = self.having {
            plan = mark_select_list(filtered(Some(plan), having));
        }
        if self.distinct {
            plan = mark_select_list(relation(RelType::Deduplicate(Box::new(Deduplicate {
                input: Some(Box::new(plan)),
                all_columns_as_keys: Some(true),
                ..Default::default()
            }))));
        }
        for (name, parameters) in self.hints.into_iter().rev() {
            plan = relation(RelType::Hint(Box::new(Hint { input: Some(Box::new(plan)), name, parameters })));
        }
        plan
    }
}

fn filtered(input: Option<Relation>, condition: Expression) -> Relation {
    let input = Some(Box::new(input.unwrap_or_else(one_row)));
    relation(RelType::Filter(Box::new(Filter { input, condition: Some(condition) })))
}

fn aggregated(input: Option<Relation>, grouping: Grouping, items: Vec<Expression>) -> Relation {
    let (group_type, grouping_expressions, sets) = match grouping {
        Grouping::Plain(columns) => (GroupType::Groupby, columns, Vec::new()),
        Grouping::Cube(columns) => (GroupType::Cube, columns, Vec::new()),
        Grouping::Rollup(columns) => (GroupType::Rollup, columns, Vec::new()),
        Grouping::Sets { mut columns, sets } => {
            for column in sets.iter().flatten() {
                // Places are left aside. Expressions have more of them inside; the analyzer finds the same among those.
                if !columns.iter().any(|known| known.expr_type == column.expr_type) {
                    columns.push(column.clone());
                }
            }
            (GroupType::GroupingSets, columns, sets)
        }
    };
    mark_select_list(relation(RelType::Aggregate(Box::new(Aggregate {
        input: Some(Box::new(input.unwrap_or_else(one_row))),
        group_type: group_type.into(),
        grouping_expressions,
        aggregate_expressions: items,
        pivot: None,
        grouping_sets: sets.into_iter().map(|grouping_set| GroupingSets { grouping_set }).collect(),
    }))))
}
