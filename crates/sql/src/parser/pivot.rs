//! PIVOT and UNPIVOT, as extension messages: in SQL they group by, or keep, all columns that they do not name.

use spark_connect_proto::{Expression, Relation};

use super::cursor::Parser;
use super::error::Parsed;
use super::extension::{PivotSelect, UnpivotSelect};
use super::message::{alias, aliased, attribute, call};

impl Parser<'_> {
    /// `PIVOT (sum(x) AS s FOR (a, b) IN ((1, 2) AS c, …)) [AS t]`
    pub(crate) fn pivot(&mut self, input: Relation) -> Parsed<Relation> {
        self.expect_word("PIVOT")?;
        self.expect("(")?;
        let aggregates = self.list(|parser| {
            let expr = parser.expression()?;
            let named = parser.accept_word("AS") || (parser.at_alias() && !parser.at_word("FOR"));
            if !named {
                return Ok(expr);
            }
            Ok(alias(expr, vec![parser.identifier()?]))
        })?;
        self.expect_word("FOR")?;
        let column = |parser: &mut Self| Ok(attribute(&parser.qualified_name()?));
        let columns = if self.at("(") { self.list_in_parentheses(column)? } else { vec![column(self)?] };
        self.expect_word("IN")?;
        let values = self.list_in_parentheses(Self::named_expression)?;
        self.expect(")")?;
        let plan = PivotSelect { input: Some(Box::new(input)), aggregates, columns, values }.into();
        self.table_alias(plan)
    }

    /// `UNPIVOT [INCLUDE NULLS] (v FOR n IN (a, b AS 'c')) [AS t]`
    pub(crate) fn unpivot(&mut self, input: Relation) -> Parsed<Relation> {
        self.expect_word("UNPIVOT")?;
        let include_nulls = self.accept_words(&["INCLUDE", "NULLS"]);
        if !include_nulls {
            self.accept_words(&["EXCLUDE", "NULLS"]);
        }
        self.expect("(")?;
        let value_column_names =
            if self.at("(") { self.list_in_parentheses(Self::identifier)? } else { vec![self.identifier()?] };
        self.expect_word("FOR")?;
        let variable_column_name = self.identifier()?;
        self.expect_word("IN")?;
        let columns = self.list_in_parentheses(Self::unpivot_column)?;
        self.expect(")")?;
        let input = Some(Box::new(input));
        let plan = UnpivotSelect { input, columns, variable_column_name, value_column_names, include_nulls }.into();
        let named = self.accept_word("AS") || self.at_alias();
        if !named {
            return Ok(plan);
        }
        let name = self.identifier()?;
        let columns = self.optional_names()?;
        Ok(aliased(plan, &name, columns))
    }

    fn unpivot_column(&mut self) -> Parsed<Expression> {
        let column = |parser: &mut Self| Ok(attribute(&parser.qualified_name()?));
        let expr = if self.at("(") { call("struct", self.list_in_parentheses(column)?) } else { column(self)? };
        if self.accept_word("AS") {
            return Ok(alias(expr, vec![self.identifier()?]));
        }
        Ok(expr)
    }
}
