//! Tables, databases, and writing into them.

use std::collections::HashMap;

use spark_connect_proto::read::DataSource;

use super::cursor::Parser;
use super::error::Parsed;
use super::message::renamed;
use super::statement::{Command, TableDefinition};
use super::token::Kind;

impl Parser<'_> {
    /// From TABLE or EXTERNAL on: `TABLE [IF NOT EXISTS] name [(columns)] [USING format] clauses [AS query]`.
    pub(super) fn create_table(&mut self) -> Parsed<Command> {
        let external = self.accept_word("EXTERNAL");
        self.expect_word("TABLE")?;
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        let name = self.name_text()?;
        let columns = self.view_columns()?;
        if !columns.names.is_empty() {
            // A column of a table has a type.
            return self.fail();
        }
        let source = match self.accept_word("USING") {
            true => self.data_source(columns.schema)?,
            false => DataSource { schema: columns.schema, ..DataSource::default() },
        };
        let mut table = TableDefinition { name, source, ..TableDefinition::default() };
        while self.table_clause(&mut table)? {}
        if external && table.location.is_none() {
            return self.unsupported("CREATE EXTERNAL TABLE without LOCATION");
        }
        let query = if self.accept_word("AS") || self.at_any_word(&["SELECT", "WITH", "FROM", "VALUES"]) {
            let start = self.peek().start;
            let query = self.query()?;
            Some(Box::new(self.root(start, query)))
        } else {
            None
        };
        Ok(Command::CreateTable { table: Box::new(table), if_not_exists, query })
    }

    /// One of the clauses behind USING; says whether there was one.
    fn table_clause(&mut self, table: &mut TableDefinition) -> Parsed<bool> {
        if self.accept_words(&["PARTITIONED", "BY"]) {
            table.partitions = self.list_in_parentheses(|parser| {
                let name = parser.identifier()?;
                // A transform, or a column that stands only here.
                if parser.at("(") || parser.peek().kind == Kind::Word {
                    return parser.unsupported("PARTITIONED BY with more than names of columns");
                }
                Ok(name)
            })?;
        } else if self.accept_word("LOCATION") {
            table.location = Some(self.text()?);
        } else if self.accept_word("COMMENT") {
            table.comment = Some(self.text()?);
        } else if self.accept_word("TBLPROPERTIES") {
            table.properties = self.options()?;
        } else if self.accept_word("OPTIONS") {
            table.source.options = self.options()?;
        } else if self.at_any_word(&["CLUSTERED", "CLUSTER", "ROW", "STORED", "SKEWED", "DEFAULT"]) {
            let clause = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("CREATE TABLE with {clause}"));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What stands behind INSERT.
    pub(super) fn insert(&mut self) -> Parsed<Command> {
        let overwrite = self.accept_word("OVERWRITE");
        if overwrite && (self.at_word("DIRECTORY") || (self.at_word("LOCAL") && self.at_word_ahead(1, "DIRECTORY"))) {
            return self.insert_directory();
        }
        if !overwrite {
            self.expect_word("INTO")?;
        }
        self.accept_word("TABLE");
        let table = self.name_text()?;
        if self.at_any_word(&["PARTITION", "REPLACE"]) {
            let clause = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("INSERT with {clause}"));
        }
        let (names, by_name) = if self.at("(") && !self.at_query_in_parentheses() {
            (self.list_in_parentheses(Self::identifier)?, true)
        } else {
            // Sinks find their columns by name in any case.
            (Vec::new(), self.accept_words(&["BY", "NAME"]))
        };
        let start = self.peek().start;
        let query = renamed(self.query()?, names);
        let query = Box::new(self.root(start, query));
        Ok(Command::Insert { table, query, by_name, overwrite })
    }

    /// From `[LOCAL] DIRECTORY` on.
    fn insert_directory(&mut self) -> Parsed<Command> {
        self.accept_word("LOCAL");
        self.expect_word("DIRECTORY")?;
        let path = if self.peek().kind == Kind::Text { Some(self.text()?) } else { None };
        if !self.accept_word("USING") {
            return self.unsupported("INSERT OVERWRITE DIRECTORY without USING");
        }
        let mut source = self.data_source(None)?;
        source.options.extend(path.map(|path| ("path".to_owned(), path)));
        let start = self.peek().start;
        let query = self.query()?;
        Ok(Command::InsertDirectory { source: Box::new(source), query: Box::new(self.root(start, query)) })
    }

    /// Whether a word for a database comes next.
    pub(super) fn at_database(&self) -> bool {
        self.at_any_word(&["DATABASE", "SCHEMA", "NAMESPACE"])
    }

    /// From DATABASE on.
    pub(super) fn create_database(&mut self) -> Parsed<Command> {
        self.advance();
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        let name = self.name_text()?;
        let (mut comment, mut location) = (None, None);
        loop {
            if self.accept_word("COMMENT") {
                comment = Some(self.text()?);
            } else if self.accept_word("LOCATION") {
                location = Some(self.text()?);
            } else if self.at_word("WITH") {
                return self.unsupported("CREATE DATABASE with properties");
            } else {
                return Ok(Command::CreateDatabase { name, if_not_exists, comment, location });
            }
        }
    }

    /// From DATABASE on.
    pub(super) fn drop_database(&mut self) -> Parsed<Command> {
        self.advance();
        let if_exists = self.accept_words(&["IF", "EXISTS"]);
        let name = self.name_text()?;
        let cascade = self.accept_word("CASCADE");
        if !cascade {
            self.accept_word("RESTRICT");
        }
        Ok(Command::DropDatabase { name, if_exists, cascade })
    }

    /// `format OPTIONS (key 'value', …)` behind USING.
    pub(super) fn data_source(&mut self, schema: Option<String>) -> Parsed<DataSource> {
        let format = Some(self.qualified_name()?.join("."));
        let options = if self.accept_word("OPTIONS") { self.options()? } else { HashMap::new() };
        Ok(DataSource { format, schema, options, ..Default::default() })
    }
}
