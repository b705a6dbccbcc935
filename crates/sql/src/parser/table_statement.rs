//! Statements about a table that is there: ALTER TABLE, and what asks or says something of one.

use std::collections::HashMap;

use millstream_core::spark_error;
use spark_connect_proto::data_type::StructField;

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::statement::Command;
use super::token::Kind;

/// Values of partition columns: `(k = 1, d)`.
pub type PartitionSpec = Vec<(String, PartitionValue)>;

/// What a specification of a partition says of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionValue {
    /// Nothing: each row has its own.
    Any,
    /// It has no value.
    Null,
    /// A literal as text.
    Text(String),
}

/// What is done with a table, or asked of it.
#[derive(Debug, Clone, PartialEq)]
pub enum TableStatement {
    /// `RENAME TO name`
    Rename {
        /// What the table is called from now on.
        to: String,
    },
    /// `ADD COLUMNS (…)`
    AddColumns(Vec<StructField>),
    /// `ALTER COLUMN name COMMENT 'text'`, or `CHANGE COLUMN name name TYPE COMMENT 'text'`.
    ChangeColumn {
        /// Which column of the table is changed.
        column: String,
        /// What follows TYPE, or the name in CHANGE.
        data_type: Option<Box<spark_connect_proto::DataType>>,
        /// What COMMENT says.
        comment: Option<String>,
    },
    /// What Spark has no means for in tables of files.
    Refused {
        /// Spark's name of it.
        operation: &'static str,
        /// The columns that have to be there before it is refused.
        columns: Vec<String>,
    },
    /// `SET TBLPROPERTIES (…)`
    SetProperties(HashMap<String, String>),
    /// `UNSET TBLPROPERTIES (…)`
    UnsetProperties(Vec<String>),
    /// `SET LOCATION 'path'`
    SetLocation(String),
    /// `ADD [IF NOT EXISTS] PARTITION (…) …`
    AddPartitions {
        /// Which partitions are added to the table.
        partitions: Vec<PartitionSpec>,
        /// Whether those that are there may stay.
        if_not_exists: bool,
    },
    /// `DROP [IF EXISTS] PARTITION (…), …`
    DropPartitions {
        /// The partitions, each with all keys or some.
        partitions: Vec<PartitionSpec>,
        /// Whether those that are missing are no error.
        if_exists: bool,
    },
    /// `PARTITION (…) RENAME TO PARTITION (…)`
    RenamePartition {
        /// Which partition gets other values.
        from: PartitionSpec,
        /// What it is from now on.
        to: PartitionSpec,
    },
    /// `MSCK REPAIR TABLE`, `ALTER TABLE … RECOVER PARTITIONS`
    Repair {
        /// Spark's name of the statement.
        operation: &'static str,
        /// Whether folders become partitions.
        add: bool,
        /// Partitions without a folder go.
        remove: bool,
    },
    /// `TRUNCATE TABLE name [PARTITION (…)]`
    Truncate(Option<PartitionSpec>),
    /// `SHOW PARTITIONS name [PARTITION (…)]`
    ShowPartitions(Option<PartitionSpec>),
    /// `SHOW TBLPROPERTIES name [(key)]`
    ShowProperties(Option<String>),
    /// `SHOW CREATE TABLE name [AS SERDE]`
    ShowCreate {
        /// Whether AS SERDE was said.
        serde: bool,
    },
    /// `DESCRIBE [EXTENDED] name column`
    DescribeColumn(Vec<String>),
    /// `DESCRIBE name PARTITION (…)`
    DescribePartition(PartitionSpec),
    /// `COMMENT ON TABLE name IS 'text'`; nothing for NULL.
    Comment(Option<String>),
    /// `ANALYZE TABLE name [PARTITION (…)] COMPUTE STATISTICS …`
    Analyze {
        /// What PARTITION says of them.
        partition: Option<PartitionSpec>,
        /// The columns behind FOR COLUMNS.
        columns: Vec<String>,
    },
}

impl Parser<'_> {
    /// From PARTITION on: `PARTITION (k = 1, d)`.
    pub(super) fn partition_spec(&mut self) -> Parsed<PartitionSpec> {
        self.expect_word("PARTITION")?;
        let start = self.peek().start;
        let spec = self.list_in_parentheses(|parser| {
            let key = parser.identifier()?;
            let value = if parser.accept("=") { parser.partition_value()? } else { PartitionValue::Any };
            Ok((key, value))
        })?;
        for (place, (key, _)) in spec.iter().enumerate() {
            if spec[..place].iter().any(|(before, _)| before.eq_ignore_ascii_case(key)) {
                let error = spark_error!("DUPLICATE_KEY", keyColumn = format!("`{key}`"));
                return Err(SyntaxError::refused(error, (start, self.last_end())));
            }
        }
        Ok(spec)
    }

    fn partition_value(&mut self) -> Parsed<PartitionValue> {
        if self.accept_word("NULL") {
            return Ok(PartitionValue::Null);
        }
        if self.at_any_word(&["DATE", "TIMESTAMP"]) {
            self.advance();
        }
        let sign = if self.accept("-") { "-" } else { "" };
        let text = match self.peek().kind {
            Kind::Text => self.text()?,
            Kind::Number => self.advance().text,
            Kind::Word => self.advance().text,
            _ => return self.fail(),
        };
        Ok(PartitionValue::Text(format!("{sign}{text}")))
    }

    pub(super) fn optional_partition(&mut self) -> Parsed<Option<PartitionSpec>> {
        if self.at_word("PARTITION") { self.partition_spec().map(Some) } else { Ok(None) }
    }

    /// From ALTER on.
    pub(super) fn alter(&mut self) -> Parsed<Command> {
        if self.at_database() {
            self.advance();
            return self.alter_database();
        }
        let view = self.accept_word("VIEW");
        if !view && !self.accept_word("TABLE") {
            let what = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("The statement ALTER {what}"));
        }
        let name = self.name_text()?;
        if view {
            return self.alter_view(name);
        }
        let statement = self.alter_table()?;
        Ok(Command::Table { name, statement: Box::new(statement) })
    }

    fn alter_database(&mut self) -> Parsed<Command> {
        let name = self.name_text()?;
        self.expect_word("SET")?;
        if self.accept_word("LOCATION") {
            let location = Some(self.text()?);
            return Ok(Command::AlterDatabase { name, location, properties: HashMap::new(), comment: None });
        }
        if !self.accept_word("DBPROPERTIES") && !self.accept_word("PROPERTIES") {
            return self.fail();
        }
        let properties = self.options()?;
        Ok(Command::AlterDatabase { name, location: None, properties, comment: None })
    }

    fn alter_view(&mut self, name: String) -> Parsed<Command> {
        if self.accept_words(&["RENAME", "TO"]) {
            return Ok(Command::AlterView { name, rename: Some(self.name_text()?), definition: None });
        }
        if self.at_word("SET") || self.at_word("UNSET") {
            return self.unsupported("ALTER VIEW of TBLPROPERTIES");
        }
        self.accept_word("AS");
        let (text, query) = self.view_query()?;
        Ok(Command::AlterView { name, rename: None, definition: Some((text, Box::new(query))) })
    }

    fn alter_table(&mut self) -> Parsed<TableStatement> {
        if self.at_word("PARTITION") {
            return self.alter_partition();
        }
        if self.accept_words(&["RENAME", "TO"]) {
            return Ok(TableStatement::Rename { to: self.name_text()? });
        }
        if self.accept_words(&["RENAME", "COLUMN"]) {
            let column = self.qualified_name()?.remove(0);
            self.expect_word("TO")?;
            self.identifier()?;
            return Ok(TableStatement::Refused { operation: "RENAME COLUMN", columns: vec![column] });
        }
        match self.advance().text.to_ascii_uppercase().as_str() {
            "ADD" => self.alter_add(),
            "DROP" => self.alter_drop(),
            "ALTER" | "CHANGE" => self.alter_column(),
            "REPLACE" => {
                self.expect_word("COLUMNS")?;
                self.list_in_parentheses(Self::added_column)?;
                Ok(TableStatement::Refused { operation: "REPLACE COLUMNS", columns: Vec::new() })
            }
            "RECOVER" => {
                self.expect_word("PARTITIONS")?;
                let operation = "ALTER TABLE RECOVER PARTITIONS";
                Ok(TableStatement::Repair { operation, add: true, remove: false })
            }
            "SET" if self.accept_word("LOCATION") => Ok(TableStatement::SetLocation(self.text()?)),
            "SET" if self.accept_word("TBLPROPERTIES") => self.properties().map(TableStatement::SetProperties),
            "UNSET" if self.accept_word("TBLPROPERTIES") => {
                // A key that is not there is no error without IF EXISTS either.
                self.accept_words(&["IF", "EXISTS"]);
                self.list_in_parentheses(Self::property_key).map(TableStatement::UnsetProperties)
            }
            other => self.unsupported(&format!("ALTER TABLE with {other}")),
        }
    }

    /// Properties that a statement may set.
    fn properties(&mut self) -> Parsed<HashMap<String, String>> {
        let start = self.peek().start;
        let properties = self.options()?;
        for (key, means) in [
            ("provider", "please use the USING clause to specify it"),
            ("location", "please use the LOCATION clause to specify it"),
            ("owner", "it will be set to the current user"),
            ("external", "please use CREATE EXTERNAL TABLE"),
        ] {
            if properties.contains_key(key) {
                let error = spark_error!("UNSUPPORTED_FEATURE.SET_TABLE_PROPERTY", property = key, msg = means);
                return Err(SyntaxError::refused(error, (start, self.last_end())));
            }
        }
        Ok(properties)
    }

    /// `a.b` or `'a.b'`
    fn property_key(&mut self) -> Parsed<String> {
        if self.peek().kind == Kind::Text { self.text() } else { Ok(self.qualified_name()?.join(".")) }
    }

    fn alter_partition(&mut self) -> Parsed<TableStatement> {
        let from = self.partition_spec()?;
        if self.accept_words(&["RENAME", "TO"]) {
            return Ok(TableStatement::RenamePartition { from, to: self.partition_spec()? });
        }
        self.unsupported("ALTER TABLE … PARTITION with anything but RENAME TO")
    }

    fn alter_add(&mut self) -> Parsed<TableStatement> {
        let if_not_exists = self.accept_words(&["IF", "NOT", "EXISTS"]);
        if self.at_word("PARTITION") {
            let mut partitions = Vec::new();
            while self.at_word("PARTITION") {
                partitions.push(self.partition_spec()?);
                if self.at_word("LOCATION") {
                    return self.unsupported("A partition with a LOCATION of its own");
                }
            }
            return Ok(TableStatement::AddPartitions { partitions, if_not_exists });
        }
        if self.at_word("CONSTRAINT") {
            while !self.at_end() {
                self.advance();
            }
            return Ok(TableStatement::Refused { operation: "ADD CONSTRAINT", columns: Vec::new() });
        }
        if !self.accept_word("COLUMN") {
            self.expect_word("COLUMNS")?;
        }
        let columns =
            if self.at("(") { self.list_in_parentheses(Self::added_column)? } else { self.list(Self::added_column)? };
        match columns.iter().find(|(path, _)| path.len() > 1) {
            Some((path, _)) => {
                Ok(TableStatement::Refused { operation: "ADD COLUMN of a field", columns: vec![path[0].clone()] })
            }
            None => Ok(TableStatement::AddColumns(columns.into_iter().map(|(_, field)| field).collect())),
        }
    }

    /// A column with its path, and where it is to stand, which Spark takes and leaves in tables of files.
    fn added_column(&mut self) -> Parsed<(Vec<String>, StructField)> {
        let path = self.qualified_name()?;
        let data_type = Some(self.data_type()?);
        let name = path.last().cloned().unwrap_or_default();
        let mut field = StructField { name, data_type, nullable: true, metadata: None };
        loop {
            if self.accept_words(&["NOT", "NULL"]) {
                field.nullable = false;
            } else if self.accept_word("COMMENT") {
                field.metadata = Some(serde_json::json!({ "comment": self.text()? }).to_string());
            } else if self.accept_word("AFTER") {
                self.identifier()?;
            } else if self.at_word("DEFAULT") {
                return self.unsupported("DEFAULT of a column");
            } else if !self.accept_word("FIRST") {
                return Ok((path, field));
            }
        }
    }

    fn alter_drop(&mut self) -> Parsed<TableStatement> {
        if self.accept_word("COLUMN") || self.accept_word("COLUMNS") {
            let if_exists = self.accept_words(&["IF", "EXISTS"]);
            let names = if self.at("(") {
                self.list_in_parentheses(Self::qualified_name)?
            } else {
                self.list(Self::qualified_name)?
            };
            let columns =
                if if_exists { Vec::new() } else { names.into_iter().map(|mut name| name.remove(0)).collect() };
            return Ok(TableStatement::Refused { operation: "DROP COLUMN", columns });
        }
        let if_exists = self.accept_words(&["IF", "EXISTS"]);
        if !self.at_word("PARTITION") {
            let what = self.peek().text.to_ascii_uppercase();
            return self.unsupported(&format!("ALTER TABLE DROP {what}"));
        }
        let partitions = self.list(Self::partition_spec)?;
        self.accept_word("PURGE");
        Ok(TableStatement::DropPartitions { partitions, if_exists })
    }

    /// From behind ALTER or CHANGE.
    fn alter_column(&mut self) -> Parsed<TableStatement> {
        self.accept_word("COLUMN");
        let start = self.peek().start;
        let mut path = self.qualified_name()?;
        let column = path.remove(0);
        if !path.is_empty() {
            return self.unsupported("ALTER COLUMN of a field");
        }
        let refused = |operation| Ok(TableStatement::Refused { operation, columns: vec![column.clone()] });
        let data_type = if self.accept_word("COMMENT") {
            let comment = Some(self.text()?);
            return Ok(TableStatement::ChangeColumn { column, data_type: None, comment });
        } else if self.accept_word("FIRST") {
            return refused("ALTER COLUMN ... FIRST | AFTER");
        } else if self.accept_word("AFTER") {
            self.identifier()?;
            return refused("ALTER COLUMN ... FIRST | AFTER");
        } else if self.accept_words(&["SET", "NOT", "NULL"]) || self.accept_words(&["DROP", "NOT", "NULL"]) {
            return refused("ALTER COLUMN ... SET NOT NULL");
        } else if self.at_word("SET") || self.at_word("DROP") {
            return self.unsupported("DEFAULT of a column");
        } else if self.accept_word("TYPE") {
            self.data_type()?
        } else {
            self.accept_word("COLUMN");
            let (name, field) = self.added_column()?;
            if name != [column.as_str()] {
                let error = spark_error!(
                    "_LEGACY_ERROR_TEMP_0034",
                    operation = "Renaming column",
                    command = "ALTER COLUMN",
                    msg = ", please run RENAME COLUMN instead",
                );
                return Err(SyntaxError::refused(error, (start, self.last_end())));
            }
            let comment = super::schema::comment(&field);
            let data_type = field.data_type.map(Box::new);
            return Ok(TableStatement::ChangeColumn { column, data_type, comment });
        };
        let comment = if self.accept_word("COMMENT") { Some(self.text()?) } else { None };
        Ok(TableStatement::ChangeColumn { column, data_type: Some(Box::new(data_type)), comment })
    }

    /// From behind MSCK, REPAIR or nothing: `REPAIR TABLE name [ADD|DROP|SYNC PARTITIONS]`.
    pub(super) fn repair(&mut self) -> Parsed<Command> {
        self.expect_word("TABLE")?;
        let name = self.name_text()?;
        let (add, remove) = if self.accept_words(&["SYNC", "PARTITIONS"]) {
            (true, true)
        } else if self.accept_words(&["DROP", "PARTITIONS"]) {
            (false, true)
        } else {
            self.accept_words(&["ADD", "PARTITIONS"]);
            (true, false)
        };
        let statement = TableStatement::Repair { operation: "MSCK REPAIR TABLE", add, remove };
        Ok(Command::Table { name, statement: Box::new(statement) })
    }

    /// From behind TRUNCATE.
    pub(super) fn truncate(&mut self) -> Parsed<Command> {
        self.expect_word("TABLE")?;
        let name = self.name_text()?;
        let statement = Box::new(TableStatement::Truncate(self.optional_partition()?));
        Ok(Command::Table { name, statement })
    }

    /// From behind COMMENT.
    pub(super) fn comment_on(&mut self) -> Parsed<Command> {
        self.expect_word("ON")?;
        let database = self.at_database();
        if database {
            self.advance();
        } else {
            self.expect_word("TABLE")?;
        }
        let name = self.name_text()?;
        self.expect_word("IS")?;
        let comment = if self.accept_word("NULL") { None } else { Some(self.text()?) };
        Ok(match database {
            true => {
                let comment = Some(comment.unwrap_or_default());
                Command::AlterDatabase { name, location: None, properties: HashMap::new(), comment }
            }
            false => Command::Table { name, statement: Box::new(TableStatement::Comment(comment)) },
        })
    }

    /// From behind ANALYZE. What is counted is not kept: nothing here plans by it.
    pub(super) fn analyze(&mut self) -> Parsed<Command> {
        if self.accept_word("TABLES") {
            let named = self.accept_word("FROM") || self.accept_word("IN");
            let database = if named { Some(self.name_text()?) } else { None };
            self.compute_statistics()?;
            return Ok(Command::AnalyzeTables(database));
        }
        self.expect_word("TABLE")?;
        let name = self.name_text()?;
        let partition = self.optional_partition()?;
        let columns = self.compute_statistics()?;
        Ok(Command::Table { name, statement: Box::new(TableStatement::Analyze { partition, columns }) })
    }

    fn compute_statistics(&mut self) -> Parsed<Vec<String>> {
        self.expect_word("COMPUTE")?;
        self.expect_word("STATISTICS")?;
        if self.accept_words(&["FOR", "COLUMNS"]) {
            return self.list(Self::identifier);
        }
        if !self.accept_words(&["FOR", "ALL", "COLUMNS"])
            && self.peek().kind == Kind::Word
            && !self.accept_word("NOSCAN")
        {
            let error = spark_error!("INVALID_SQL_SYNTAX.ANALYZE_TABLE_UNEXPECTED_NOSCAN", ctx = self.peek().text);
            return Err(SyntaxError::refused(error, (0, self.source.len())));
        }
        Ok(Vec::new())
    }

    /// SHOW of one table, if it is one of these.
    pub(super) fn show_of_table(&mut self) -> Parsed<Option<Command>> {
        let statement = if self.accept_word("PARTITIONS") {
            let name = self.name_text()?;
            return Ok(Some(table(name, TableStatement::ShowPartitions(self.optional_partition()?))));
        } else if self.accept_word("TBLPROPERTIES") {
            let name = self.name_text()?;
            let mut keys = if self.at("(") { self.list_in_parentheses(Self::property_key)? } else { Vec::new() };
            return Ok(Some(table(name, TableStatement::ShowProperties(keys.pop()))));
        } else if self.accept_words(&["CREATE", "TABLE"]) {
            let name = self.name_text()?;
            table(name, TableStatement::ShowCreate { serde: self.accept_words(&["AS", "SERDE"]) })
        } else {
            return Ok(None);
        };
        Ok(Some(statement))
    }
}

fn table(name: String, statement: TableStatement) -> Command {
    Command::Table { name, statement: Box::new(statement) }
}
