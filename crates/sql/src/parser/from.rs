//! FROM: tables, subqueries, joins, table functions, LATERAL, samples, watermarks, PIVOT and UNPIVOT.

use spark_connect_proto::expression::ExprType;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::join::JoinType;
use spark_connect_proto::read::{NamedTable, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{
    Expression, Join, LateralJoin, Limit, Range, Read, Relation, Sample, UnresolvedTableValuedFunction, WithWatermark,
};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::extension::NaturalJoin;
use super::message::{alias, aliased, one_row, projected, qualified, relation, renamed, star};
use super::token::Kind;
use millstream_core::spark_error;

/// Words that end an aliasable item when something that can follow them does follow.
const CLAUSES: [&str; 40] = [
    "AS",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "SORT",
    "CLUSTER",
    "DISTRIBUTE",
    "LIMIT",
    "OFFSET",
    "WINDOW",
    "UNION",
    "EXCEPT",
    "MINUS",
    "SETMINUS",
    "INTERSECT",
    "JOIN",
    "INNER",
    "CROSS",
    "LEFT",
    "RIGHT",
    "FULL",
    "SEMI",
    "ANTI",
    "NATURAL",
    "LATERAL",
    "ON",
    "USING",
    "PIVOT",
    "UNPIVOT",
    "TABLESAMPLE",
    "WATERMARK",
    "SELECT",
    "THEN",
    "ELSE",
    "END",
    "WHEN",
    "OVER",
    "WITH",
];

/// Words that Spark never takes as the alias of a table.
const NEVER_TABLE_ALIAS: [&str; 17] = [
    "ANTI",
    "CROSS",
    "EXCEPT",
    "FULL",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "NATURAL",
    "ON",
    "RIGHT",
    "SEMI",
    "SETMINUS",
    "UNION",
    "USING",
    "MINUS",
];

impl Parser<'_> {
    /// Whether the word at the cursor is a name given to what stands before it.
    pub(crate) fn at_alias(&self) -> bool {
        match self.peek().kind {
            Kind::Quoted => true,
            Kind::Word => !CLAUSES.iter().any(|word| self.at_clause(word)),
            _ => false,
        }
    }

    /// Whether this word at the cursor begins a clause. Spark reserves none, so `SELECT 1 FROM` is a column named so.
    pub(crate) fn at_clause(&self, word: &str) -> bool {
        let next = self.peek_at(1);
        let by = ["GROUP", "ORDER", "SORT", "CLUSTER", "DISTRIBUTE"].contains(&word);
        if by && !(self.at_word_ahead(1, "BY") && self.peek_at(2).kind != Kind::End) {
            return false;
        }
        // A window is defined with a name and AS; without them the word is a name itself.
        if word == "WINDOW" && !(matches!(next.kind, Kind::Word | Kind::Quoted) && self.at_word_ahead(2, "AS")) {
            return false;
        }
        let ends = match next.kind {
            Kind::End => true,
            Kind::Symbol => [")", ",", ";", "]", "*/"].contains(&next.text.as_str()),
            _ => false,
        };
        self.at_word(word) && !ends
    }

    /// FROM and what it lists.
    pub(crate) fn tables(&mut self) -> Parsed<Relation> {
        self.expect_word("FROM")?;
        let mut plan = self.joined_relation(None)?;
        while self.accept(",") {
            self.link()?;
            plan = self.joined_relation(Some(plan))?;
        }
        while self.at_words(&["LATERAL", "VIEW"]) {
            self.link()?;
            plan = self.lateral_view(Some(plan))?;
        }
        Ok(plan)
    }

    /// One item of FROM with its joins, itself joined to the items before it.
    fn joined_relation(&mut self, before: Option<Relation>) -> Parsed<Relation> {
        let lateral = self.at_word("LATERAL") && !self.at_word_ahead(1, "VIEW") && self.accept_word("LATERAL");
        let right = self.relation_primary()?;
        let mut plan = match before {
            Some(left) => joined(left, right, lateral, JoinType::Inner),
            None => right,
        };
        loop {
            self.link()?;
            if let Some((kind, natural)) = self.join_type() {
                plan = self.join(plan, kind, natural)?;
            } else if self.at_word("PIVOT") && self.at_ahead(1, "(") {
                plan = self.pivot(plan)?;
            } else if self.at_word("UNPIVOT") && (self.at_ahead(1, "(") || self.at_word_ahead(2, "NULLS")) {
                plan = self.unpivot(plan)?;
            } else {
                return Ok(plan);
            }
        }
    }

    /// Takes the words up to and including JOIN.
    fn join_type(&mut self) -> Option<(JoinType, bool)> {
        let position = self.position();
        let natural = self.accept_word("NATURAL");
        let kind = if self.accept_word("INNER") {
            JoinType::Inner
        } else if self.accept_word("CROSS") {
            JoinType::Cross
        } else if self.accept_words(&["LEFT", "SEMI"]) || self.accept_word("SEMI") {
            JoinType::LeftSemi
        } else if self.accept_words(&["LEFT", "ANTI"]) || self.accept_word("ANTI") {
            JoinType::LeftAnti
        } else if self.accept_word("LEFT") {
            self.outer(JoinType::LeftOuter)
        } else if self.accept_word("RIGHT") {
            self.outer(JoinType::RightOuter)
        } else if self.accept_word("FULL") {
            self.outer(JoinType::FullOuter)
        } else {
            JoinType::Inner
        };
        if self.accept_word("JOIN") {
            return Some((kind, natural));
        }
        self.rewind(position);
        None
    }

    fn outer(&mut self, kind: JoinType) -> JoinType {
        self.accept_word("OUTER");
        kind
    }

    fn join(&mut self, left: Relation, kind: JoinType, natural: bool) -> Parsed<Relation> {
        let lateral = self.accept_word("LATERAL");
        let right = self.relation_primary()?;
        let mut join_condition = None;
        let mut using_columns = Vec::new();
        if !natural && self.accept_word("ON") {
            join_condition = Some(self.expression()?);
        } else if !natural && !lateral && self.accept_word("USING") {
            using_columns = self.list_in_parentheses(Self::identifier)?;
        }
        if lateral {
            let (left, right) = (Some(Box::new(left)), Some(Box::new(right)));
            let join = LateralJoin { left, right, join_condition, join_type: kind.into() };
            return Ok(relation(RelType::LateralJoin(Box::new(join))));
        }
        let join = Join {
            left: Some(Box::new(left)),
            right: Some(Box::new(right)),
            join_condition,
            join_type: kind.into(),
            using_columns,
            join_data_type: None,
        };
        Ok(if natural {
            NaturalJoin { join: Some(Box::new(join)) }.into()
        } else {
            relation(RelType::Join(Box::new(join)))
        })
    }

    fn relation_primary(&mut self) -> Parsed<Relation> {
        if self.at("(") {
            return self.parenthesized_relation();
        }
        if self.at_word("VALUES") && self.starts_expression(1) {
            return self.inline_table();
        }
        if self.at_word("STREAM")
            && (self.at_ahead(1, "(") || matches!(self.peek_at(1).kind, Kind::Word | Kind::Quoted))
        {
            let is_source = !self.at_word_ahead(1, "AS") && !self.at_clause("STREAM") || self.at_ahead(1, "(");
            if is_source || matches!(self.peek_at(1).kind, Kind::Word | Kind::Quoted) {
                return self.stream();
            }
        }
        let start = self.peek().start;
        let name = self.qualified_name()?;
        if self.at("(") {
            return self.table_function(&name, start);
        }
        let table = self.placed_relation(start, named_table(&name, false));
        if self.at_words(&["TIMESTAMP", "AS"])
            || self.at_words(&["VERSION", "AS"])
            || self.at_words(&["FOR", "VERSION"])
        {
            return Err(SyntaxError::unsupported("Time travel", start));
        }
        self.relation_suffix(table)
    }

    /// `STREAM t`, `STREAM(t)`
    fn stream(&mut self) -> Parsed<Relation> {
        self.expect_word("STREAM")?;
        let parenthesized = self.accept("(");
        let table = self.named_table(true)?;
        if parenthesized {
            self.expect(")")?;
        }
        self.relation_suffix(table)
    }

    /// A table or view by the name at the cursor.
    pub(crate) fn named_table(&mut self, is_streaming: bool) -> Parsed<Relation> {
        let start = self.peek().start;
        let name = self.qualified_name()?;
        Ok(self.placed_relation(start, named_table(&name, is_streaming)))
    }

    /// A subquery, or a relation in parentheses.
    fn parenthesized_relation(&mut self) -> Parsed<Relation> {
        if self.at_query_in_parentheses() {
            self.expect("(")?;
            let query = self.query()?;
            self.expect(")")?;
            return self.relation_suffix(query);
        }
        self.expect("(")?;
        let inner = self.nested(|parser| parser.joined_relation(None))?;
        self.expect(")")?;
        self.relation_suffix(inner)
    }

    /// `TABLESAMPLE`, `WATERMARK` and the alias behind a relation.
    fn relation_suffix(&mut self, mut plan: Relation) -> Parsed<Relation> {
        if self.at_word("TABLESAMPLE") && self.at_ahead(1, "(") {
            plan = self.sample(plan)?;
        }
        plan = self.watermark(plan)?;
        self.table_alias(plan)
    }

    /// `[AS] t [(a, b)]`
    pub(crate) fn table_alias(&mut self, plan: Relation) -> Parsed<Relation> {
        let never = |parser: &Self| NEVER_TABLE_ALIAS.iter().any(|word| parser.at_word(word));
        let named = if self.accept_word("AS") { true } else { self.at_alias() && !never(self) };
        if !named {
            return Ok(plan);
        }
        let name = self.identifier()?;
        let columns = self.optional_names()?;
        Ok(aliased(plan, &name, columns))
    }

    /// `WATERMARK column DELAY OF INTERVAL 10 SECONDS`
    fn watermark(&mut self, input: Relation) -> Parsed<Relation> {
        if !self.at_clause("WATERMARK") || self.at_ahead(1, "(") || self.at_word_ahead(1, "AS") {
            return Ok(input);
        }
        self.advance();
        let at = self.peek().start;
        let column = self.expression()?;
        let name = if self.accept_word("AS") { Some(self.identifier()?) } else { None };
        self.expect_word("DELAY")?;
        self.expect_word("OF")?;
        self.expect_word("INTERVAL")?;
        let delay_start = self.peek().start;
        let mut delay = String::new();
        while matches!(self.peek().kind, Kind::Number | Kind::Text) || self.at("-") {
            delay.push_str(&self.advance().text);
            delay.push(' ');
            if self.at_ahead(0, "-") {
                continue;
            }
            if self.peek().kind != Kind::Word || !is_unit(&self.peek().text) {
                return self.fail();
            }
            delay.push_str(&self.advance().text.to_ascii_lowercase());
            delay.push(' ');
        }
        let delay_threshold = delay.trim().to_owned();
        if millstream_core::interval::parse_interval(&delay_threshold).is_err() {
            let span = (delay_start, self.last_end());
            return Err(SyntaxError::typed_literal("INTERVAL", &delay_threshold, span));
        }
        let (input, event_time) = match (name, column.expr_type) {
            (Some(name), expr_type) => {
                let event_time = alias(Expression { common: None, expr_type }, vec![name.clone()]);
                (projected(Some(input), vec![event_time, star(&[])]), name)
            }
            (None, Some(ExprType::UnresolvedAttribute(attribute))) => (input, attribute.unparsed_identifier),
            (None, _) => {
                let error = spark_error!(
                    "REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE",
                    sqlExpr = format!("\"{}\"", &self.source[at..self.last_end()]),
                );
                return Err(SyntaxError::analysis(error, at));
            }
        };
        let watermark = WithWatermark { input: Some(Box::new(input)), event_time, delay_threshold };
        Ok(relation(RelType::WithWatermark(Box::new(watermark))))
    }

    /// `TABLESAMPLE (10 PERCENT | 5 ROWS | BUCKET 1 OUT OF 4) [REPEATABLE (7)]`
    fn sample(&mut self, input: Relation) -> Parsed<Relation> {
        self.expect_word("TABLESAMPLE")?;
        self.expect("(")?;
        let input = Some(Box::new(input));
        let plan = if self.accept_word("BUCKET") {
            let part = self.integer()?;
            self.expect_word("OUT")?;
            self.expect_word("OF")?;
            let whole = self.integer()?;
            // A fraction does not need 64 bits.
            #[allow(clippy::cast_precision_loss, reason = "bucket numbers are small")]
            let upper_bound = part as f64 / whole as f64;
            Sample { input, upper_bound, ..Default::default() }
        } else {
            let at = self.peek().start;
            let number = self.advance().text;
            if self.accept_word("ROWS") {
                let limit = number.parse().map_err(|_| SyntaxError::near(&number, at))?;
                self.expect(")")?;
                return Ok(relation(RelType::Limit(Box::new(Limit { input, limit }))));
            }
            let percent: f64 = number.parse().map_err(|_| SyntaxError::near(&number, at))?;
            self.expect_word("PERCENT")?;
            Sample { input, upper_bound: percent / 100.0, ..Default::default() }
        };
        self.expect(")")?;
        let mut sample = Sample { with_replacement: Some(false), ..plan };
        if self.accept_word("REPEATABLE") {
            self.expect("(")?;
            sample.seed = Some(self.integer()?);
            self.expect(")")?;
        }
        Ok(relation(RelType::Sample(Box::new(sample))))
    }

    fn table_function(&mut self, name: &[String], start: usize) -> Parsed<Relation> {
        self.expect("(")?;
        let arguments = if self.at(")") { Vec::new() } else { self.list(Self::argument)? };
        self.expect(")")?;
        let function_name = qualified(name);
        let plan = match range_of(&function_name, &arguments) {
            Some(range) => relation(RelType::Range(range)),
            None => relation(RelType::UnresolvedTableValuedFunction(UnresolvedTableValuedFunction {
                function_name,
                arguments,
            })),
        };
        let plan = self.placed_relation(start, plan);
        if self.at_word("TABLESAMPLE") && self.at_ahead(1, "(") {
            // The rows of a function are not sampled: the word is a name for them.
            let name = self.advance().text;
            let columns = self.optional_names()?;
            return Ok(aliased(plan, &name, columns));
        }
        self.relation_suffix(plan)
    }

    /// `LATERAL VIEW [OUTER] explode(a) t [AS x, y]`: a lateral join with the generator as table function.
    pub(crate) fn lateral_view(&mut self, input: Option<Relation>) -> Parsed<Relation> {
        self.expect_word("LATERAL")?;
        self.expect_word("VIEW")?;
        let outer = self.at_word("OUTER") && !self.at_ahead(1, "(") && self.accept_word("OUTER");
        let function_name = qualified(&self.qualified_name()?);
        self.expect("(")?;
        let arguments = if self.at(")") { Vec::new() } else { self.list(Self::expression)? };
        self.expect(")")?;
        let function = UnresolvedTableValuedFunction { function_name, arguments };
        let mut right = relation(RelType::UnresolvedTableValuedFunction(function));
        let mut name = None;
        if !self.at_word("AS") && self.at_alias() {
            name = Some(self.identifier()?);
        }
        let columns = if self.accept_word("AS") { self.list(Self::identifier)? } else { Vec::new() };
        right = match name {
            Some(name) => aliased(right, &name, columns),
            None => renamed(right, columns),
        };
        let kind = if outer { JoinType::LeftOuter } else { JoinType::Inner };
        let join = LateralJoin {
            left: Some(Box::new(input.unwrap_or_else(one_row))),
            right: Some(Box::new(right)),
            join_condition: None,
            join_type: kind.into(),
        };
        Ok(relation(RelType::LateralJoin(Box::new(join))))
    }
}

fn joined(left: Relation, right: Relation, lateral: bool, kind: JoinType) -> Relation {
    let (left, right) = (Some(Box::new(left)), Some(Box::new(right)));
    relation(if lateral {
        RelType::LateralJoin(Box::new(LateralJoin { left, right, join_condition: None, join_type: kind.into() }))
    } else {
        RelType::Join(Box::new(Join { left, right, join_type: kind.into(), ..Default::default() }))
    })
}

/// A table or view by its name.
fn named_table(name: &[String], is_streaming: bool) -> Relation {
    let table = NamedTable { unparsed_identifier: qualified(name), options: Default::default() };
    relation(RelType::Read(Read { is_streaming, read_type: Some(ReadType::NamedTable(table)) }))
}

/// `range(…)` with plain integers is the relation that DataFrames have for it.
fn range_of(function: &str, arguments: &[Expression]) -> Option<Range> {
    let numbers: Vec<i64> = arguments
        .iter()
        .map(|argument| match &argument.expr_type {
            Some(ExprType::Literal(literal)) => match literal.literal_type {
                Some(LiteralType::Integer(value)) => Some(value.into()),
                Some(LiteralType::Long(value)) => Some(value),
                _ => None,
            },
            _ => None,
        })
        .collect::<Option<_>>()?;
    if !function.eq_ignore_ascii_case("range") {
        return None;
    }
    let (start, end, step, partitions) = match numbers[..] {
        [end] => (0, end, 1, None),
        [start, end] => (start, end, 1, None),
        [start, end, step] => (start, end, step, None),
        [start, end, step, partitions] => (start, end, step, Some(i32::try_from(partitions).ok()?)),
        _ => return None,
    };
    Some(Range { start: Some(start), end, step, num_partitions: partitions })
}

fn is_unit(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let units = ["year", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"];
    units.contains(&lower.strip_suffix('s').unwrap_or(&lower))
}
