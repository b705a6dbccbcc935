//! Types in SQL text: `DECIMAL(10, 2)`, `ARRAY<STRUCT<x: INT>>`, and lists of columns with NOT NULL and COMMENT.

use spark_connect_proto::DataType;
use spark_connect_proto::data_type::{
    Array, Binary, Boolean, Byte, CalendarInterval, Char, Date, DayTimeInterval, Decimal, Double, Float, Integer, Kind,
    Long, Map, Null, Short, String as StringType, Struct, StructField, Time, Timestamp, TimestampNtz, VarChar, Variant,
    YearMonthInterval,
};

use super::super::cursor::{Parameters, Parser};
use super::super::error::{Parsed, SyntaxError};
use super::{DAY_TIME_FIELDS, YEAR_MONTH_FIELDS, data_type};

/// Digits that a decimal can have.
const DECIMAL_DIGITS_MAX: i32 = 38;

/// Reads a type, or a list of columns as a struct.
pub(crate) fn parse(text: &str) -> Parsed<DataType> {
    let bare = parse_type(text);
    if bare.is_ok() || text.trim().is_empty() {
        return bare.or_else(|_| Ok(struct_of(Vec::new())));
    }
    // Half of a `>>` may have been taken: begin anew.
    let mut parser = Parser::new(text, Parameters::default())?;
    let fields = parser.list(Parser::column).map_err(SyntaxError::at_its_start)?;
    parser.finish()?;
    Ok(struct_of(fields))
}

/// Reads a type.
pub(crate) fn parse_type(text: &str) -> Parsed<DataType> {
    let mut parser = Parser::new(text, Parameters::default())?;
    let found = parser.data_type()?;
    parser.finish()?;
    Ok(found)
}

fn struct_of(fields: Vec<StructField>) -> DataType {
    data_type(Kind::Struct(Struct { fields, type_variation_reference: 0 }))
}

impl Parser<'_> {
    /// A type.
    pub(crate) fn data_type(&mut self) -> Parsed<DataType> {
        self.nested(Self::any_type).map(data_type)
    }

    /// `name TYPE [NOT NULL] [COMMENT 'text']`, with or without a colon.
    pub(crate) fn column(&mut self) -> Parsed<StructField> {
        let name = self.identifier()?;
        self.refuse_dash()?;
        self.accept(":");
        let data_type = Some(self.data_type()?);
        let nullable = !self.accept_words(&["NOT", "NULL"]);
        let metadata = if self.accept_word("COMMENT") {
            Some(serde_json::json!({ "comment": self.text()? }).to_string())
        } else {
            None
        };
        Ok(StructField { name, data_type, nullable, metadata })
    }

    fn any_type(&mut self) -> Parsed<Kind> {
        let start = self.peek().start;
        let word = self.identifier()?;
        let name = word.to_ascii_uppercase();
        match name.as_str() {
            "ARRAY" if self.at("<") => self.array_type(),
            "MAP" if self.at("<") => self.map_type(),
            "STRUCT" if self.at("<") || self.at("<>") => self.struct_type(),
            "ARRAY" | "MAP" | "STRUCT" => Err(SyntaxError::incomplete_type(&name, (start, self.last_end()))),
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal_type(),
            "CHAR" | "CHARACTER" => Ok(Kind::Char(Char { length: self.length()?, ..Default::default() })),
            "VARCHAR" => Ok(Kind::VarChar(VarChar { length: self.length()?, ..Default::default() })),
            "INTERVAL" => self.interval_type(),
            "STRING" => self.string_type(),
            "TIME" => self.time_type(),
            _ => {
                let found = atomic(&name).filter(|_| !self.at("("));
                found.ok_or_else(|| {
                    let mut end = self.last_end();
                    let mut shown = name.clone();
                    if let Ok(sizes) = self.list_in_parentheses(Self::integer) {
                        end = self.last_end();
                        shown = format!("{name}({})", sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
                    }
                    SyntaxError::data_type(&shown, (start, end))
                })
            }
        }
    }

    fn array_type(&mut self) -> Parsed<Kind> {
        self.expect("<")?;
        let element_type = Some(Box::new(self.data_type()?));
        self.expect_closing_angle()?;
        Ok(Kind::Array(Box::new(Array { element_type, contains_null: true, type_variation_reference: 0 })))
    }

    fn map_type(&mut self) -> Parsed<Kind> {
        self.expect("<")?;
        let key_type = Some(Box::new(self.data_type()?));
        self.expect(",")?;
        let value_type = Some(Box::new(self.data_type()?));
        self.expect_closing_angle()?;
        Ok(Kind::Map(Box::new(Map { key_type, value_type, value_contains_null: true, type_variation_reference: 0 })))
    }

    fn struct_type(&mut self) -> Parsed<Kind> {
        let mut fields = Vec::new();
        if !self.accept("<>") {
            self.expect("<")?;
            if !self.at(">") {
                fields = self.list(Self::column)?;
            }
            self.expect_closing_angle()?;
        }
        Ok(Kind::Struct(Struct { fields, type_variation_reference: 0 }))
    }

    fn decimal_type(&mut self) -> Parsed<Kind> {
        let (mut precision, mut scale) = (10, 0);
        if self.accept("(") {
            precision = self.small_integer()?;
            if self.accept(",") {
                scale = self.small_integer()?;
            }
            self.expect(")")?;
        }
        if precision > DECIMAL_DIGITS_MAX {
            return Err(SyntaxError::decimal_precision(precision));
        }
        Ok(Kind::Decimal(Decimal { precision: Some(precision), scale: Some(scale), type_variation_reference: 0 }))
    }

    fn string_type(&mut self) -> Parsed<Kind> {
        let mut collation = String::new();
        if self.accept_word("COLLATE") {
            collation = self.identifier()?;
        }
        Ok(Kind::String(StringType { collation, type_variation_reference: 0 }))
    }

    fn time_type(&mut self) -> Parsed<Kind> {
        let precision = if self.at("(") { self.length()? } else { 6 };
        Ok(Kind::Time(Time { precision: Some(precision), type_variation_reference: 0 }))
    }

    fn interval_type(&mut self) -> Parsed<Kind> {
        let field = |parser: &Self, fields: &[&str]| fields.iter().position(|field| parser.at_word(field));
        for (fields, day_time) in [(&DAY_TIME_FIELDS[..], true), (&YEAR_MONTH_FIELDS[..], false)] {
            let Some(first) = field(self, fields) else { continue };
            self.advance();
            let mut last = first;
            if self.accept_word("TO") {
                last = field(self, fields).filter(|last| *last > first).map_or_else(|| self.fail(), Ok)?;
                self.advance();
            }
            let (start_field, end_field) = (i32::try_from(first).ok(), i32::try_from(last).ok());
            return Ok(if day_time {
                Kind::DayTimeInterval(DayTimeInterval { start_field, end_field, type_variation_reference: 0 })
            } else {
                Kind::YearMonthInterval(YearMonthInterval { start_field, end_field, type_variation_reference: 0 })
            });
        }
        Ok(Kind::CalendarInterval(CalendarInterval::default()))
    }

    fn length(&mut self) -> Parsed<i32> {
        self.expect("(")?;
        let length = self.small_integer()?;
        self.expect(")")?;
        Ok(length)
    }

    fn small_integer(&mut self) -> Parsed<i32> {
        let position = self.position();
        let value = self.integer()?;
        i32::try_from(value).or_else(|_| {
            self.rewind(position);
            self.fail()
        })
    }
}

/// The types that are a word alone, in upper case.
fn atomic(name: &str) -> Option<Kind> {
    Some(match name {
        "BOOLEAN" => Kind::Boolean(Boolean::default()),
        "TINYINT" | "BYTE" => Kind::Byte(Byte::default()),
        "SMALLINT" | "SHORT" => Kind::Short(Short::default()),
        "INT" | "INTEGER" => Kind::Integer(Integer::default()),
        "BIGINT" | "LONG" => Kind::Long(Long::default()),
        "FLOAT" | "REAL" => Kind::Float(Float::default()),
        "DOUBLE" => Kind::Double(Double::default()),
        "DATE" => Kind::Date(Date::default()),
        "TIMESTAMP" | "TIMESTAMP_LTZ" => Kind::Timestamp(Timestamp::default()),
        "TIMESTAMP_NTZ" => Kind::TimestampNtz(TimestampNtz::default()),
        "BINARY" => Kind::Binary(Binary::default()),
        "VOID" => Kind::Null(Null::default()),
        "VARIANT" => Kind::Variant(Variant::default()),
        _ => return None,
    })
}
