//! Tables, databases, and writing into them.

use std::collections::HashMap;

use millstream_core::spark_error;
use millstream_functions::data_type::sql_id;
use spark_connect_proto::Relation;
use spark_connect_proto::read::DataSource;

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::message::{qualified, renamed};
use super::statement::{Command, TableDefinition, ViewDefinition};
use super::table_statement::PartitionValue;
use super::token::Kind;

impl Parser<'_> {
    /// From TABLE or EXTERNAL on: `TABLE [IF NOT EXISTS] name [(columns)] [USING format] clauses [AS query]`.
    pub(super) fn create_table(&mut self) -> Parsed<Command> {
        let external = self.accept_word("EXTERNAL");
        self.expect_word("TABLE")?;
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        let name = self.name_text()?;
        if self.accept_word("LIKE") {
            let like = self.name_text()?;
            let mut definition = TableDefinition::default();
            if self.accept_word("USING") {
                definition.source = self.data_source(None)?;
            }
            while self.table_clause(&mut definition)? {}
            let definition = Box::new(definition);
            return Ok(Command::CreateTableLike { name, like, definition, if_not_exists });
        }
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
            return Err(SyntaxError::analysis(spark_error!("_LEGACY_ERROR_TEMP_1069"), 0));
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
        } else if self.accept_words(&["CLUSTER", "BY"]) {
            table.clustering = self.list_in_parentheses(Self::identifier)?;
        } else if self.at_any_word(&["ROW", "STORED"]) {
            let cmd = "CREATE Hive TABLE (AS SELECT)";
            let error = spark_error!("NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT", cmd = cmd);
            return Err(SyntaxError::refused(error, (self.peek().start, self.source.len())));
        } else if self.at_any_word(&["CLUSTERED", "SKEWED", "DEFAULT"]) {
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
        if self.at_word("REPLACE") {
            return self.unsupported("INSERT with REPLACE");
        }
        let start = self.peek().start;
        let partition = self.optional_partition()?.unwrap_or_default();
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        if if_not_exists && (!overwrite || partition.iter().any(|(_, value)| *value == PartitionValue::Any)) {
            return Err(SyntaxError::unsupported("INSERT with this IF NOT EXISTS", start));
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
        Ok(Command::Insert { table, query, by_name, overwrite, partition, if_not_exists })
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

    /// From behind `CREATE … VIEW` on.
    pub(super) fn create_lasting_view(&mut self, replace: bool) -> Parsed<Command> {
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        let name = self.name_text()?;
        let columns = if self.at("(") {
            self.list_in_parentheses(|parser| {
                let name = parser.identifier()?;
                let comment = if parser.accept_word("COMMENT") { Some(parser.text()?) } else { None };
                Ok((name, comment))
            })?
        } else {
            Vec::new()
        };
        let (mut comment, mut properties) = (None, HashMap::new());
        loop {
            if self.accept_word("COMMENT") {
                comment = Some(self.text()?);
            } else if self.accept_word("TBLPROPERTIES") {
                properties = self.options()?;
            } else if self.accept_word("AS") {
                break;
            } else {
                return self.unsupported("CREATE VIEW with this clause");
            }
        }
        let (text, query) = self.view_query()?;
        let view = Box::new(ViewDefinition { name, columns, comment, properties, text, query });
        Ok(Command::CreateLastingView { view, replace, if_not_exists })
    }

    /// A query with its text.
    pub(super) fn view_query(&mut self) -> Parsed<(String, Relation)> {
        let start = self.peek().start;
        let query = self.query()?;
        Ok((self.source[start..self.last_end()].to_owned(), self.root(start, query)))
    }

    /// The table of `SHOW COLUMNS IN table [IN database]`.
    pub(super) fn table_of_columns(&mut self) -> Parsed<String> {
        let mut table = self.qualified_name()?;
        if self.accept_word("FROM") || self.accept_word("IN") {
            let at = self.peek().start;
            let database = self.qualified_name()?;
            match table.as_slice() {
                [name] => table = [database, vec![name.clone()]].concat(),
                [known, _] if database.len() == 1 && known.eq_ignore_ascii_case(&database[0]) => {}
                several => {
                    let error = spark_error!(
                        "SHOW_COLUMNS_WITH_CONFLICT_NAMESPACE",
                        namespaceA = sql_id(&database),
                        namespaceB = sql_id(&several[..several.len() - 1]),
                    );
                    return Err(SyntaxError::analysis(error, at));
                }
            }
        }
        Ok(qualified(&table))
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
        let (mut comment, mut location, mut properties) = (None, None, HashMap::new());
        loop {
            if self.accept_word("COMMENT") {
                comment = Some(self.text()?);
            } else if self.accept_word("LOCATION") {
                location = Some(self.text()?);
            } else if self.accept_words(&["WITH", "DBPROPERTIES"]) || self.accept_words(&["WITH", "PROPERTIES"]) {
                properties = self.options()?;
            } else {
                return Ok(Command::CreateDatabase { name, if_not_exists, comment, location, properties });
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
