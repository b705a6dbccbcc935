//! For tests: the Arrow types of schemas as they are written for Spark, `a int, b array<struct<x:int>>`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// Reads the types of the recorded schemas: `a int, b array<struct<x:int>>`.
struct Ddl<'a>(&'a str);

impl Ddl<'_> {
    fn skip(&mut self, token: char) -> bool {
        self.0 = self.0.trim_start();
        let found = self.0.starts_with(token);
        if found {
            self.0 = &self.0[token.len_utf8()..];
        }
        found
    }

    fn word(&mut self) -> String {
        if self.skip('`') {
            let (name, rest) = self.0.split_once('`').unwrap();
            self.0 = rest;
            return name.to_string();
        }
        let end = self.0.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word.to_string()
    }

    fn number(&mut self) -> u8 {
        self.0 = self.0.trim_start();
        self.word().parse().unwrap()
    }

    fn fields(&mut self) -> Fields {
        let mut fields = Vec::new();
        loop {
            self.0 = self.0.trim_start();
            let name = self.word();
            self.skip(':');
            self.0 = self.0.trim_start();
            fields.push(Field::new(name, self.data_type(), true));
            if !self.skip(',') {
                return fields.into();
            }
        }
    }

    fn data_type(&mut self) -> DataType {
        match self.word().as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "int" => DataType::Int32,
            "bigint" => DataType::Int64,
            "float" => DataType::Float32,
            "double" => DataType::Float64,
            "string" => DataType::Utf8,
            "binary" => DataType::Binary,
            "date" => DataType::Date32,
            "void" => DataType::Null,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "decimal" => {
                assert!(self.skip('('));
                let precision = self.number();
                assert!(self.skip(','));
                let scale = self.number();
                assert!(self.skip(')'));
                DataType::Decimal128(precision, scale.try_into().unwrap())
            }
            "array" => {
                assert!(self.skip('<'));
                let element = self.data_type();
                assert!(self.skip('>'));
                DataType::List(Arc::new(Field::new_list_field(element, true)))
            }
            "map" => {
                assert!(self.skip('<'));
                let key = self.data_type();
                assert!(self.skip(','));
                let value = self.data_type();
                assert!(self.skip('>'));
                let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
            }
            "struct" => {
                assert!(self.skip('<'));
                let fields = self.fields();
                assert!(self.skip('>'));
                DataType::Struct(fields)
            }
            other => panic!("no such type: {other}"),
        }
    }
}

pub(crate) fn type_of(schema: &str) -> DataType {
    if schema.starts_with("array<") || schema.starts_with("map<") {
        Ddl(schema).data_type()
    } else {
        DataType::Struct(Ddl(schema).fields())
    }
}
