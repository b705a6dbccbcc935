//! OVER and the WINDOW clause: partitions, order and frames.

use spark_connect_proto::Expression;
use spark_connect_proto::expression::window::WindowFrame;
use spark_connect_proto::expression::window::window_frame::{FrameBoundary, FrameType, frame_boundary::Boundary};
use spark_connect_proto::expression::{ExprType, Window};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::message::{call, expression};
use millstream_core::condition::DOCROOT;
use millstream_core::spark_error;

impl Parser<'_> {
    /// `OVER (…)`, `OVER w`.
    pub(crate) fn over(&mut self, function: Expression) -> Parsed<Expression> {
        self.expect_word("OVER")?;
        let mut window = self.window_reference()?;
        window.window_function = Some(Box::new(function));
        Ok(expression(ExprType::Window(Box::new(window))))
    }

    /// `WINDOW w AS (…), …` behind HAVING.
    pub(crate) fn window_clause(&mut self) -> Parsed<Vec<(String, Window)>> {
        self.list(|parser| {
            let name = parser.identifier()?;
            parser.expect_word("AS")?;
            Ok((name.to_ascii_lowercase(), parser.window_reference()?))
        })
    }

    fn window_reference(&mut self) -> Parsed<Window> {
        if !self.at("(") {
            let at = self.peek().start;
            let name = self.identifier()?;
            return self.named_window(name, at);
        }
        let parenthesized_name = self.at_ahead(2, ")") && !self.at_ahead(1, ")");
        self.expect("(")?;
        if parenthesized_name {
            let at = self.peek().start;
            let name = self.identifier()?;
            self.expect(")")?;
            return self.named_window(name, at);
        }
        let mut window = Window::default();
        if ["PARTITION", "DISTRIBUTE", "CLUSTER"].iter().any(|word| self.accept_words(&[word, "BY"])) {
            window.partition_spec = self.list(Self::expression)?;
        }
        if self.accept_words(&["ORDER", "BY"]) || self.accept_words(&["SORT", "BY"]) {
            window.order_spec = self.list(Self::sort_item)?;
        }
        window.frame_spec = self.frame()?.map(Box::new);
        self.expect(")")?;
        Ok(window)
    }

    fn named_window(&mut self, name: String, at: usize) -> Parsed<Window> {
        let key = name.to_ascii_lowercase();
        if let Some(window) = self.windows.iter().rev().find_map(|named| named.specs.get(&key)) {
            return Ok(window.clone());
        }
        match self.windows.last_mut() {
            // The clause stands behind this place; the query is read again when it is known.
            Some(named) if named.missing.is_none() => named.missing = Some((name, at)),
            Some(_) => {}
            None => return Err(missing_window(&name, at)),
        }
        Ok(Window::default())
    }

    fn frame(&mut self) -> Parsed<Option<WindowFrame>> {
        let frame_type = if self.accept_word("ROWS") {
            FrameType::Row
        } else if self.accept_word("RANGE") {
            FrameType::Range
        } else {
            return Ok(None);
        };
        let (lower, upper) = if self.accept_word("BETWEEN") {
            let lower = self.frame_boundary()?;
            self.expect_word("AND")?;
            (lower, self.frame_boundary()?)
        } else {
            (self.frame_boundary()?, Boundary::CurrentRow(true))
        };
        let boundary = |boundary| Some(Box::new(FrameBoundary { boundary: Some(boundary) }));
        Ok(Some(WindowFrame { frame_type: frame_type.into(), lower: boundary(lower), upper: boundary(upper) }))
    }

    fn frame_boundary(&mut self) -> Parsed<Boundary> {
        if self.accept_words(&["CURRENT", "ROW"]) {
            return Ok(Boundary::CurrentRow(true));
        }
        if self.accept_words(&["UNBOUNDED", "PRECEDING"]) || self.accept_words(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(Boundary::Unbounded(true));
        }
        let offset = self.expression()?;
        if self.accept_word("FOLLOWING") {
            return Ok(Boundary::Value(Box::new(offset)));
        }
        self.expect_word("PRECEDING")?;
        Ok(Boundary::Value(Box::new(call("negative", vec![offset]))))
    }
}

/// A window that no WINDOW clause defines.
pub(crate) fn missing_window(name: &str, at: usize) -> SyntaxError {
    SyntaxError::analysis(spark_error!("MISSING_WINDOW_SPECIFICATION", windowName = name, docroot = DOCROOT), at)
}
