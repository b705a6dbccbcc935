//! What went wrong with an object store, in a line, and what to do about it.
//!
//! The client's errors are long and hold the store's answer as XML somewhere inside. Here they are taken apart once, so
//! that whoever reads the message sees the store's own words and the mend.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use millstream_core::DiskError;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// What a process is told whose checkpoint another one has taken over.
pub(super) fn taken_over() -> io::Error {
    DiskError::io(
        ErrorKind::ResourceBusy,
        "another process has taken over this checkpoint",
        "leave the query to that process, or end it",
    )
}

/// Whether the request may have been carried out all the same.
pub(super) fn is_answer_lost(error: &Error) -> bool {
    transport(error).is_some_and(|error| !matches!(error.kind(), HttpErrorKind::Connect))
}

/// The error of a store for a person.
pub(super) fn explained(error: Error) -> io::Error {
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    let answer = match between(&text, "<Message>", "</Message>") {
        Some(message) => format!("{code}: {message}"),
        None => text.clone(),
    };
    let (kind, message, mend) = match (code, &error) {
        ("NoSuchBucket", _) => (
            ErrorKind::Other,
            format!("the store has no such bucket ({answer})"),
            "make the bucket, or correct the location or AWS_ENDPOINT_URL",
        ),
        ("NotImplemented", _) => (ErrorKind::Unsupported, format!("the store cannot do that ({answer})"), CONDITIONS),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed", _) => {
            (ErrorKind::Other, answer, "set AWS_REGION to the region of the bucket")
        }
        (_, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => (
            ErrorKind::PermissionDenied,
            format!("the store refuses the access key ({answer})"),
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that the key may list, read, write \
             and delete there",
        ),
        (_, Error::NotFound { .. }) => (ErrorKind::NotFound, answer, "check the location"),
        // Where nothing else is set, the client asks the machine for its role.
        _ if text.contains("/latest/") => (
            ErrorKind::PermissionDenied,
            "there are no credentials for the store".to_owned(),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on a machine with a role of its own",
        ),
        _ if text.contains("BareRedirect") || text.contains("redirect without LOCATION") => {
            (ErrorKind::Other, answer, "set AWS_REGION to the region of the bucket")
        }
        _ => match transport(&error) {
            Some(transport) => (
                ErrorKind::NotConnected,
                format!("the store cannot be reached: {}", root_cause(transport)),
                "check AWS_ENDPOINT_URL and the network",
            ),
            None => (ErrorKind::Other, answer, "check the store"),
        },
    };
    DiskError::io(kind, message, mend)
}

/// What to do about a store that cannot say no.
const CONDITIONS: &str = "use a store with conditional writes (If-None-Match and If-Match on PUT): they keep two processes \
                          apart";

/// A store that says yes to what it had to refuse.
pub(super) fn unconditional() -> io::Error {
    DiskError::io(ErrorKind::Unsupported, "the store passes over the conditions of a write", CONDITIONS)
}

/// The error of the connection below an error, if there is one.
fn transport(error: &Error) -> Option<&HttpError> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(transport) = error.downcast_ref() {
            return Some(transport);
        }
        source = error.source();
    }
    None
}

fn root_cause(error: &HttpError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}
