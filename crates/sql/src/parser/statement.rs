//! Statements: queries, and the commands of a session.

use std::collections::HashMap;

use spark_connect_proto::read::{DataSource, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Read, Relation};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::message::{qualified, relation, renamed};
use super::table_statement::{PartitionSpec, TableStatement};
use super::token::Kind;

/// What a text asks for.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and most are queries")]
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Rows.
    Query(Relation),
    /// A change or a question about the session.
    Command(Command),
}

/// A statement that is no query. Names are identifiers as Connect's messages have them, with backticks where needed.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `CREATE [OR REPLACE] [GLOBAL] TEMPORARY VIEW name AS query`, or `… USING format OPTIONS (…)`.
    CreateView {
        /// The view.
        name: String,
        /// What it stands for; columns are renamed already.
        query: Box<Relation>,
        /// OR REPLACE.
        replace: bool,
        /// GLOBAL: of all sessions.
        global: bool,
    },
    /// `CREATE [EXTERNAL] TABLE [IF NOT EXISTS] name …`.
    CreateTable {
        /// The table.
        table: Box<TableDefinition>,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// The query behind AS, whose rows the table is to have.
        query: Option<Box<Relation>>,
    },
    /// `CREATE TABLE [IF NOT EXISTS] name LIKE table [USING format] [LOCATION 'path']`
    CreateTableLike {
        /// The table that is made.
        name: String,
        /// The table that has its columns.
        like: String,
        /// What else is said of it.
        definition: Box<TableDefinition>,
        /// Whether it may be there already.
        if_not_exists: bool,
    },
    /// `INSERT INTO|OVERWRITE [TABLE] name [(columns)] [BY NAME] query`.
    Insert {
        /// The table.
        table: String,
        /// The rows; columns are renamed already.
        query: Box<Relation>,
        /// Whether columns were named, or BY NAME was said.
        by_name: bool,
        /// Whether OVERWRITE was said: the rows take the place of those that are there.
        overwrite: bool,
        /// What PARTITION says.
        partition: PartitionSpec,
        /// Whether IF NOT EXISTS was said: nothing is written into a partition that is there.
        if_not_exists: bool,
    },
    /// `CREATE [OR REPLACE] VIEW [IF NOT EXISTS] name [(columns)] … AS query`
    CreateLastingView {
        /// The view that is made or changed.
        view: Box<ViewDefinition>,
        /// Whether it may replace another one.
        replace: bool,
        /// Whether it may be there already.
        if_not_exists: bool,
    },
    /// `ALTER VIEW name RENAME TO name`, or `ALTER VIEW name AS query`.
    AlterView {
        /// The view that is made or changed.
        name: String,
        /// The name behind RENAME TO.
        rename: Option<String>,
        /// The text of the query behind AS, and the query.
        definition: Option<(String, Box<Relation>)>,
    },
    /// A statement about a table that is there.
    Table {
        /// The table that it is about.
        name: String,
        /// What is done or asked.
        statement: Box<TableStatement>,
    },
    /// `ANALYZE TABLES [IN database] COMPUTE STATISTICS`
    AnalyzeTables(Option<String>),
    /// `ALTER DATABASE name SET …`, `COMMENT ON DATABASE name IS 'text'`
    AlterDatabase {
        /// The database that is changed.
        name: String,
        /// Where its new tables are to lie.
        location: Option<String>,
        /// What is added to its properties.
        properties: HashMap<String, String>,
        /// What COMMENT ON says.
        comment: Option<String>,
    },
    /// `SHOW CURRENT NAMESPACE`
    ShowNamespace,
    /// `INSERT OVERWRITE [LOCAL] DIRECTORY ['path'] USING format [OPTIONS (…)] query`.
    InsertDirectory {
        /// What is written, and where.
        source: Box<DataSource>,
        /// The rows that are written.
        query: Box<Relation>,
    },
    /// `CREATE DATABASE [IF NOT EXISTS] name [COMMENT 'text'] [LOCATION 'path'] [WITH DBPROPERTIES (…)]`.
    CreateDatabase {
        /// What the database is called.
        name: String,
        /// Whether it may be there already.
        if_not_exists: bool,
        /// What COMMENT says of it.
        comment: Option<String>,
        /// The folder behind LOCATION.
        location: Option<String>,
        /// The pairs of DBPROPERTIES.
        properties: HashMap<String, String>,
    },
    /// `DROP DATABASE [IF EXISTS] name [RESTRICT|CASCADE]`.
    DropDatabase {
        /// What the database is called.
        name: String,
        /// Whether it may be missing.
        if_exists: bool,
        /// Whether CASCADE was said: its tables go too.
        cascade: bool,
    },
    /// `DESCRIBE DATABASE [EXTENDED] name`.
    DescribeDatabase {
        /// What the database is called.
        name: String,
        /// Whether EXTENDED was said.
        extended: bool,
    },
    /// `DROP VIEW`, `DROP TABLE`.
    Drop {
        /// The view or table.
        name: String,
        /// IF EXISTS.
        if_exists: bool,
        /// Whether VIEW was said.
        view: bool,
    },
    /// `SET key = value`.
    Set {
        /// The key.
        key: String,
        /// The value as it stands in the text.
        value: String,
    },
    /// `SET key`; without a key all that is set.
    ShowSetting(Option<String>),
    /// `RESET key`; without a key all.
    Reset(Option<String>),
    /// `SHOW TABLES`, `SHOW VIEWS`, `SHOW DATABASES`, `SHOW FUNCTIONS`, `SHOW COLUMNS`, `SHOW CATALOGS`.
    Show {
        /// What to list.
        what: Listing,
        /// `IN name`.
        namespace: Option<String>,
        /// `LIKE 'pattern'`, with `*` and `|`.
        pattern: Option<String>,
    },
    /// `DESCRIBE [EXTENDED] name`.
    Describe {
        /// The table or view.
        name: String,
        /// EXTENDED or FORMATTED.
        extended: bool,
    },
    /// `DESCRIBE FUNCTION name`.
    DescribeFunction(String),
    /// `DESCRIBE QUERY query`.
    DescribeQuery(Box<Relation>),
    /// `USE name`.
    Use(String),
    /// `CACHE [LAZY] TABLE name [AS query]`.
    Cache {
        /// The table, or the view that is made.
        name: String,
        /// LAZY.
        lazy: bool,
        /// The query.
        query: Option<Box<Relation>>,
    },
    /// `UNCACHE TABLE [IF EXISTS] name`.
    Uncache {
        /// The table.
        name: String,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// `CLEAR CACHE`.
    ClearCache,
    /// `REFRESH TABLE name`.
    Refresh(String),
    /// `REFRESH 'path'`.
    RefreshPath(String),
    /// `EXPLAIN [mode] statement`.
    Explain {
        /// How much to show.
        mode: ExplainMode,
        /// What to explain.
        statement: Box<Statement>,
    },
}

/// A table that is to be made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableDefinition {
    /// What the table is called.
    pub name: String,
    /// USING, with the columns as DDL and OPTIONS.
    pub source: DataSource,
    /// The columns behind PARTITIONED BY.
    pub partitions: Vec<String>,
    /// The folder behind LOCATION.
    pub location: Option<String>,
    /// What COMMENT says of it.
    pub comment: Option<String>,
    /// The pairs of TBLPROPERTIES.
    pub properties: HashMap<String, String>,
    /// The columns behind CLUSTER BY.
    pub clustering: Vec<String>,
}

/// A view that outlives the session.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewDefinition {
    /// What the view is called.
    pub name: String,
    /// The names of its columns, with what COMMENT says of them; nothing leaves those of the query.
    pub columns: Vec<(String, Option<String>)>,
    /// What COMMENT says of the view.
    pub comment: Option<String>,
    /// The pairs of TBLPROPERTIES.
    pub properties: HashMap<String, String>,
    /// The query as it stands.
    pub text: String,
    /// The query as a plan.
    pub query: Relation,
}

/// What SHOW lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Tables and views.
    Tables,
    /// Views.
    Views,
    /// Databases.
    Databases,
    /// Functions.
    Functions,
    /// The functions that somebody has registered.
    UserFunctions,
    /// The columns of a table.
    Columns,
    /// Catalogs.
    Catalogs,
}

/// How much EXPLAIN shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    /// The physical plan.
    Simple,
    /// All plans.
    Extended,
    /// Generated code.
    Codegen,
    /// The plan with its statistics.
    Cost,
    /// The plan's outline and its nodes.
    Formatted,
}

/// Statements that Spark has and Millstream has not.
const UNSUPPORTED: [&str; 21] = [
    "ADD", "BEGIN", "CALL", "COPY", "DELETE", "DECLARE", "DFS", "EXECUTE", "EXPORT", "GRANT", "IMPORT", "LIST", "LOAD",
    "MAP", "MERGE", "REDUCE", "REPLACE", "REVOKE", "UNLOCK", "UPDATE", "LOCK",
];

impl Parser<'_> {
    /// One statement and the end of the text.
    pub(crate) fn single_statement(&mut self) -> Parsed<Statement> {
        if self.source.trim().is_empty() {
            return Err(SyntaxError::empty_statement(self.source.len()));
        }
        let statement = self.statement()?;
        self.finish()?;
        Ok(statement)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if self.at("(") || self.at_any_word(&["SELECT", "WITH", "VALUES", "FROM", "TABLE"]) {
            return Ok(Statement::Query(self.root_query()?));
        }
        self.command().map(Statement::Command)
    }

    fn command(&mut self) -> Parsed<Command> {
        let position = self.position();
        match self.advance().text.to_ascii_uppercase().as_str() {
            "CREATE" if self.at_word("TABLE") || self.at_word("EXTERNAL") => self.create_table(),
            "CREATE" if self.at_database() => self.create_database(),
            "DROP" if self.at_database() => self.drop_database(),
            "TRUNCATE" => self.truncate(),
            "ALTER" => self.alter(),
            "MSCK" => {
                self.expect_word("REPAIR")?;
                self.repair()
            }
            "REPAIR" => self.repair(),
            "COMMENT" => self.comment_on(),
            "ANALYZE" => self.analyze(),
            "CREATE" => self.create_view(),
            "INSERT" => self.insert(),
            "DROP" => self.drop_command(),
            "SET" => self.set_command(),
            "RESET" => Ok(Command::Reset(self.rest_of_text())),
            "SHOW" => self.show_command(),
            "DESCRIBE" | "DESC" => self.describe_command(),
            "USE" => {
                if self.at_any_word(&["DATABASE", "NAMESPACE", "SCHEMA", "CATALOG"]) && self.name_follows(1) {
                    self.advance();
                }
                Ok(Command::Use(self.name_text()?))
            }
            "CACHE" => self.cache_command(),
            "UNCACHE" => {
                self.expect_word("TABLE")?;
                let if_exists = self.accept_words(&["IF", "EXISTS"]);
                Ok(Command::Uncache { name: self.name_text()?, if_exists })
            }
            "CLEAR" => self.expect_word("CACHE").map(|()| Command::ClearCache),
            "REFRESH" if self.peek().kind == Kind::Text => self.text().map(Command::RefreshPath),
            "REFRESH" => {
                self.accept_word("TABLE");
                Ok(Command::Refresh(self.name_text()?))
            }
            "EXPLAIN" => self.explain_command(),
            other => {
                self.rewind(position);
                let known = UNSUPPORTED.contains(&other) && self.peek_at(1).kind != Kind::End;
                if known { self.unsupported(&format!("The statement {other}")) } else { self.fail() }
            }
        }
    }

    fn name_follows(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead).kind, Kind::Word | Kind::Quoted)
    }

    /// A qualified name as one identifier.
    pub(super) fn name_text(&mut self) -> Parsed<String> {
        Ok(qualified(&self.qualified_name()?))
    }

    /// What is left of the text as it stands, without a last semicolon; `None` for nothing.
    fn rest_of_text(&mut self) -> Option<String> {
        let start = self.peek().start;
        while !self.at_end() {
            self.advance();
        }
        let text = self.source[start..].trim().trim_end_matches(';').trim();
        (!text.is_empty()).then(|| text.trim_matches('`').to_owned())
    }

    fn create_view(&mut self) -> Parsed<Command> {
        let replace = self.accept_words(&["OR", "REPLACE"]);
        let global = self.accept_word("GLOBAL");
        let temporary = self.accept_word("TEMPORARY") || self.accept_word("TEMP");
        if !temporary && self.accept_word("VIEW") {
            return self.create_lasting_view(replace);
        }
        if !temporary && !global && self.name_follows(0) && self.name_follows(1) {
            let what = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("The statement CREATE {what}"));
        }
        if !self.at_word("VIEW") && self.name_follows(0) {
            let what = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("The statement CREATE TEMPORARY {what}"));
        }
        self.expect_word("VIEW")?;
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        if if_not_exists {
            return self.unsupported("CREATE TEMPORARY VIEW with IF NOT EXISTS");
        }
        let name = self.name_text()?;
        if self.accept_word("USING") {
            let query = Box::new(read(self.data_source(None)?));
            return Ok(Command::CreateView { name, query, replace, global });
        }
        let columns = self.view_columns()?;
        if self.accept_word("USING") {
            let query = Box::new(read(self.data_source(columns.schema)?));
            return Ok(Command::CreateView { name, query, replace, global });
        }
        if self.accept_word("COMMENT") {
            self.text()?;
        }
        if self.accept_word("TBLPROPERTIES") {
            self.options()?;
        }
        self.expect_word("AS")?;
        let start = self.peek().start;
        let query = renamed(self.query()?, columns.names);
        let query = Box::new(self.root(start, query));
        Ok(Command::CreateView { name, query, replace, global })
    }

    /// `(a, b COMMENT 'text')`, or `(a INT, b STRING)` where a data source follows.
    pub(super) fn view_columns(&mut self) -> Parsed<ViewColumns> {
        let position = self.position();
        if !self.accept("(") {
            return Ok(ViewColumns::default());
        }
        let start = self.peek().start;
        let names = self.list(|parser| {
            let name = parser.identifier()?;
            if parser.accept_word("COMMENT") {
                parser.text()?;
            }
            Ok(name)
        });
        if let Ok(names) = names
            && self.accept(")")
        {
            return Ok(ViewColumns { names, schema: None });
        }
        self.rewind(position);
        self.expect("(")?;
        self.list(Self::column)?;
        let schema = self.source[start..self.last_end()].to_owned();
        self.expect(")")?;
        Ok(ViewColumns { names: Vec::new(), schema: Some(schema) })
    }

    /// `(key 'value', `a.b` = true, 'c' 3)`
    pub(super) fn options(&mut self) -> Parsed<HashMap<String, String>> {
        let options = self.list_in_parentheses(|parser| {
            let key =
                if parser.peek().kind == Kind::Text { parser.text()? } else { parser.qualified_name()?.join(".") };
            parser.accept("=");
            let sign = if parser.accept("-") { "-" } else { "" };
            let value = match parser.peek().kind {
                Kind::Text => parser.text()?,
                Kind::Number => parser.advance().text,
                Kind::Word if parser.at_any_word(&["TRUE", "FALSE"]) => parser.advance().text.to_ascii_lowercase(),
                _ => return parser.fail(),
            };
            Ok((key, format!("{sign}{value}")))
        })?;
        Ok(options.into_iter().collect())
    }

    fn drop_command(&mut self) -> Parsed<Command> {
        let view = self.accept_word("VIEW");
        if !view && !self.accept_word("TABLE") {
            return if self.name_follows(0) && self.name_follows(1) {
                let what = self.peek().text.to_ascii_uppercase();
                self.unsupported(&format!("The statement DROP {what}"))
            } else {
                self.fail()
            };
        }
        let if_exists = self.accept_words(&["IF", "EXISTS"]);
        let name = self.name_text()?;
        self.accept_word("PURGE");
        Ok(Command::Drop { name, if_exists, view })
    }

    fn set_command(&mut self) -> Parsed<Command> {
        if self.accept_words(&["TIME", "ZONE"]) {
            let value = match self.peek().kind {
                Kind::Text => self.text()?,
                _ => match self.rest_of_text() {
                    Some(value) => value,
                    None => return self.fail(),
                },
            };
            return Ok(Command::Set { key: "spark.sql.session.timeZone".to_owned(), value });
        }
        for word in ["VAR", "VARIABLE", "CATALOG", "PATH"] {
            if self.at_word(word) && (self.name_follows(1) || (word.starts_with("VAR") && self.at_ahead(1, "("))) {
                return self.unsupported(&format!("The statement SET {word}"));
            }
        }
        let Some(text) = self.rest_of_text() else { return Ok(Command::ShowSetting(None)) };
        Ok(match text.split_once('=') {
            Some((key, value)) => {
                let key = key.trim().trim_matches('`').to_owned();
                Command::Set { key, value: value.trim().trim_matches('`').to_owned() }
            }
            None if text == "-v" => Command::ShowSetting(None),
            None => Command::ShowSetting(Some(text)),
        })
    }

    fn show_command(&mut self) -> Parsed<Command> {
        if let Some(command) = self.show_of_table()? {
            return Ok(command);
        }
        if self.accept_words(&["CURRENT", "NAMESPACE"]) {
            return Ok(Command::ShowNamespace);
        }
        let user = self.at_word("USER");
        if self.at_any_word(&["USER", "ALL", "SYSTEM"]) && self.at_word_ahead(1, "FUNCTIONS") {
            self.advance();
        }
        let listings = [
            ("TABLES", Listing::Tables),
            ("VIEWS", Listing::Views),
            ("DATABASES", Listing::Databases),
            ("SCHEMAS", Listing::Databases),
            ("NAMESPACES", Listing::Databases),
            ("FUNCTIONS", Listing::Functions),
            ("COLUMNS", Listing::Columns),
            ("CATALOGS", Listing::Catalogs),
        ];
        let Some((_, what)) = listings.into_iter().find(|(word, _)| self.accept_word(word)) else {
            return if self.name_follows(0) { self.unsupported("This SHOW statement") } else { self.fail() };
        };
        let what = if user && what == Listing::Functions { Listing::UserFunctions } else { what };
        let named = self.accept_word("FROM") || self.accept_word("IN");
        if what == Listing::Columns {
            let namespace = if named { Some(self.table_of_columns()?) } else { return self.fail() };
            return Ok(Command::Show { what, namespace, pattern: None });
        }
        let namespace = if named { Some(self.name_text()?) } else { None };
        let like = self.accept_word("LIKE") || self.peek().kind == Kind::Text;
        let pattern = if like { Some(self.text()?) } else { None };
        Ok(Command::Show { what, namespace, pattern })
    }

    fn describe_command(&mut self) -> Parsed<Command> {
        if self.at_word("FUNCTION") && self.name_follows(1) {
            self.advance();
            self.accept_word("EXTENDED");
            return Ok(Command::DescribeFunction(self.name_text()?));
        }
        let explicit = self.at_word("QUERY") && self.starts_expression(1) && self.accept_word("QUERY");
        let is_query =
            self.at("(") || (self.at_any_word(&["SELECT", "WITH", "VALUES", "FROM"]) && self.starts_expression(1));
        if explicit || is_query {
            return Ok(Command::DescribeQuery(Box::new(self.root_query()?)));
        }
        if self.at_database() && self.name_follows(1) {
            self.advance();
            let extended = self.at_word("EXTENDED") && self.name_follows(1) && self.accept_word("EXTENDED");
            return Ok(Command::DescribeDatabase { name: self.name_text()?, extended });
        }
        if self.at_word("TABLE") && self.name_follows(1) {
            self.advance();
        }
        let extended = self.at_any_word(&["EXTENDED", "FORMATTED"]) && self.name_follows(1);
        if extended {
            self.advance();
        }
        let name = self.name_text()?;
        let statement = if self.at_word("PARTITION") && self.at_ahead(1, "(") {
            TableStatement::DescribePartition(self.partition_spec()?)
        } else if self.name_follows(0) {
            TableStatement::DescribeColumn(self.qualified_name()?)
        } else {
            return Ok(Command::Describe { name, extended });
        };
        Ok(Command::Table { name, statement: Box::new(statement) })
    }

    fn cache_command(&mut self) -> Parsed<Command> {
        let lazy = self.accept_word("LAZY");
        self.expect_word("TABLE")?;
        let name = self.name_text()?;
        if self.accept_word("OPTIONS") {
            self.options()?;
        }
        let as_query = self.accept_word("AS") || self.at_any_word(&["SELECT", "WITH", "VALUES", "FROM"]);
        let query = if as_query { Some(Box::new(self.root_query()?)) } else { None };
        Ok(Command::Cache { name, lazy, query })
    }

    fn explain_command(&mut self) -> Parsed<Command> {
        let modes = [
            ("EXTENDED", ExplainMode::Extended),
            ("CODEGEN", ExplainMode::Codegen),
            ("COST", ExplainMode::Cost),
            ("FORMATTED", ExplainMode::Formatted),
            ("LOGICAL", ExplainMode::Simple),
        ];
        let found = modes.into_iter().find(|(word, _)| self.accept_word(word));
        let mode = found.map_or(ExplainMode::Simple, |(_, mode)| mode);
        Ok(Command::Explain { mode, statement: Box::new(self.statement()?) })
    }
}

/// What a data source holds, all of it.
fn read(source: DataSource) -> Relation {
    let read_type = Some(ReadType::DataSource(source));
    relation(RelType::Read(Read { is_streaming: false, read_type }))
}

/// The column list of a view or table.
#[derive(Default)]
pub(super) struct ViewColumns {
    pub(super) names: Vec<String>,
    pub(super) schema: Option<String>,
}
