//! Tables that are names for data sources, and writing into them.
//!
//! A table lasts as long as its session: there is no catalog that would keep it.

use std::collections::HashMap;

use spark_connect_proto::read::DataSource;

use super::cursor::Parser;
use super::error::Parsed;
use super::message::renamed;
use super::statement::Command;

impl Parser<'_> {
    /// From TABLE on: `TABLE [IF NOT EXISTS] name [(columns)] USING format [OPTIONS (…)] [COMMENT 'text']`.
    pub(super) fn create_table(&mut self) -> Parsed<Command> {
        self.expect_word("TABLE")?;
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        let name = self.name_text()?;
        let columns = self.view_columns()?;
        if !columns.names.is_empty() {
            // A column of a table has a type.
            return self.fail();
        }
        if !self.accept_word("USING") {
            return self.unsupported("CREATE TABLE without USING");
        }
        let source = Box::new(self.data_source(columns.schema)?);
        if self.accept_word("COMMENT") {
            self.text()?;
        }
        if self.at_any_word(&["AS", "SELECT", "WITH"]) {
            return self.unsupported("CREATE TABLE AS SELECT");
        }
        if self.at_any_word(&["PARTITIONED", "CLUSTERED", "CLUSTER", "LOCATION", "TBLPROPERTIES"]) {
            let clause = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("CREATE TABLE with {clause}"));
        }
        Ok(Command::CreateTable { name, source, if_not_exists })
    }

    /// Behind INSERT.
    pub(super) fn insert(&mut self) -> Parsed<Command> {
        if self.at_word("OVERWRITE") {
            return self.unsupported("INSERT OVERWRITE");
        }
        self.expect_word("INTO")?;
        self.accept_word("TABLE");
        let table = self.name_text()?;
        if self.at_any_word(&["PARTITION", "REPLACE"]) {
            let clause = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("INSERT INTO with {clause}"));
        }
        let names = if self.at("(") && !self.at_query_in_parentheses() {
            self.list_in_parentheses(Self::identifier)?
        } else {
            // Sinks find their columns by name in any case.
            self.accept_words(&["BY", "NAME"]);
            Vec::new()
        };
        let start = self.peek().start;
        let query = renamed(self.query()?, names);
        let query = Box::new(self.root(start, query));
        Ok(Command::Insert { table, query })
    }

    /// `format OPTIONS (key 'value', …)` behind USING.
    pub(super) fn data_source(&mut self, schema: Option<String>) -> Parsed<DataSource> {
        let format = Some(self.qualified_name()?.join("."));
        let options = if self.accept_word("OPTIONS") { self.options()? } else { HashMap::new() };
        Ok(DataSource { format, schema, options, ..Default::default() })
    }
}
