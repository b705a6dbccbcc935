//! Texts in URLs: percent-encoding and the parts of a URL.

use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::DataType;
use millstream_core::{Result, spark_error};

use super::map_text;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::kernel::{Evaluation, Function};

static URL_ENCODE: Function = Function::total("url_encode", |one| Ok(map_text(one, encoded)));

/// As forms are sent: a blank is a plus, and all but letters, digits and four signs are percent-encoded.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

pub(super) fn url_encode(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(URL_ENCODE.call_nullable([call.string(0)?], DataType::Utf8, call))
}

/// `None` for a percent sign without two digits behind it.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &after[2..];
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn decode(one: &Evaluation<'_>, fails: bool) -> Result<StringArray> {
    let decode = |text: Option<&str>| match text.map(|text| (text, decoded(text))) {
        Some((text, None)) if fails => Err(spark_error!("CANNOT_DECODE_URL", url = text)),
        other => Ok(other.and_then(|(_, decoded)| decoded)),
    };
    one.strings(0).iter().map(decode).collect()
}

static URL_DECODE: Function = Function::new("url_decode", |one| Ok(Arc::new(decode(one, true)?)));
static TRY_URL_DECODE: Function = Function::total("try_url_decode", |one| Ok(Arc::new(decode(one, false)?)));

pub(super) fn url_decode(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(URL_DECODE.call_nullable([call.string(0)?], DataType::Utf8, call))
}

pub(super) fn try_url_decode(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TRY_URL_DECODE.call_nullable([call.string(0)?], DataType::Utf8, call))
}

/// The parts of `scheme://user@host:port/path?query#fragment`.
struct Url<'t> {
    scheme: Option<&'t str>,
    authority: Option<&'t str>,
    path: Option<&'t str>,
    query: Option<&'t str>,
    fragment: Option<&'t str>,
}

impl<'t> Url<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if text.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
            return None;
        }
        let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, part)| (rest, Some(part)));
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, part)| (rest, Some(part)));
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, after)) if scheme.chars().all(|ch| ch.is_ascii_alphanumeric() || "+-.".contains(ch)) => {
                (Some(scheme), after)
            }
            _ => (None, rest),
        };
        // `mailto:a@b` has a scheme and what is behind it, and no parts.
        let opaque = scheme.is_some() && !rest.starts_with('/');
        if opaque {
            return Some(Self { scheme, authority: None, path: None, query: None, fragment });
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(after) => {
                let end = after.find('/').unwrap_or(after.len());
                (Some(&after[..end]).filter(|authority| !authority.is_empty()), &after[end..])
            }
            None => (None, rest),
        };
        Some(Self { scheme, authority, path: Some(path), query, fragment })
    }

    fn part(&self, name: &str) -> Option<String> {
        let user = self.authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
        let owned = str::to_owned;
        match name {
            "PROTOCOL" => self.scheme.map(owned),
            "AUTHORITY" => self.authority.map(owned),
            "USERINFO" => user.map(owned),
            "HOST" => {
                let host = self.authority?.rsplit('@').next()?;
                let end = host.rfind(':').filter(|&at| host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
                Some(owned(&host[..end.unwrap_or(host.len())]))
            }
            "PATH" => self.path.map(owned),
            "QUERY" => self.query.map(owned),
            "REF" => self.fragment.map(owned),
            "FILE" => {
                let path = self.path?;
                Some(self.query.map_or_else(|| owned(path), |query| format!("{path}?{query}")))
            }
            _ => None,
        }
    }
}

fn parse(one: &Evaluation<'_>, fails: bool) -> Result<StringArray> {
    let parse = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let text = one.strings(0).value(row);
        let Some(url) = Url::parse(text) else {
            if !fails {
                return Ok(None);
            }
            return Err(spark_error!("INVALID_URL", url = text));
        };
        let part = url.part(one.strings(1).value(row));
        Ok(match one.columns.get(2) {
            None => part,
            Some(_) if one.strings(1).value(row) != "QUERY" => None,
            Some(_) => part.and_then(|query| value_of(&query, one.strings(2).value(row))),
        })
    };
    (0..one.rows).map(parse).collect()
}

fn value_of(query: &str, key: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
}

static PARSE_URL: Function = Function::new("parse_url", |one| Ok(Arc::new(parse(one, one.settings.ansi)?)));
static TRY_PARSE_URL: Function = Function::total("try_parse_url", |one| Ok(Arc::new(parse(one, false)?)));

pub(super) fn parse_url(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(PARSE_URL.call_nullable(call.all_strings()?, DataType::Utf8, call))
}

pub(super) fn try_parse_url(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TRY_PARSE_URL.call_nullable(call.all_strings()?, DataType::Utf8, call))
}
