//! Buckets of objects, and what S3 answers about them.

use std::collections::{BTreeMap, BTreeSet};

use super::Conditions;
use super::http::{Request, Response};

/// Names in a page of a list.
const PAGE: usize = 3;
/// When every object was changed: nobody here asks for the time.
const CHANGED: (&str, &str) = ("Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00.000Z");

#[derive(Debug)]
pub(super) struct Objects {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    /// How many objects were ever put, for their tags.
    puts: u64,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    tag: String,
    metadata: Vec<(String, String)>,
}

impl Objects {
    pub(super) fn new(buckets: &[&str]) -> Self {
        Self { buckets: buckets.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect(), puts: 0 }
    }

    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        self.buckets.get(bucket).map(|objects| objects.keys().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn answer(&mut self, request: &Request, conditions: Conditions) -> Response {
        let (bucket, key) = request.path.split_once('/').unwrap_or((&request.path, ""));
        let Some(objects) = self.buckets.get_mut(bucket) else {
            return Response::error(404, "NoSuchBucket", "The specified bucket does not exist");
        };
        match (&*request.method, key) {
            ("GET", "") => list(objects, request),
            ("GET" | "HEAD", _) => get(objects, key, request),
            ("PUT", _) => match refusal(objects.get(key), request, conditions) {
                Some(refusal) => refusal,
                None => {
                    self.puts += 1;
                    let tag = format!("\"{:032x}\"", self.puts);
                    let object = Object { bytes: request.body.clone(), tag: tag.clone(), metadata: request.metadata() };
                    objects.insert(key.to_owned(), object);
                    Response::new(200).with("etag", tag)
                }
            },
            ("DELETE", _) => {
                objects.remove(key);
                Response::new(204)
            }
            ("POST", "") if request.parameter("delete").is_some() => delete_many(objects, request),
            _ => Response::error(405, "MethodNotAllowed", "The specified method is not allowed against this resource."),
        }
    }
}

/// Why an object may not be put, if there is a reason.
fn refusal(there: Option<&Object>, request: &Request, conditions: Conditions) -> Option<Response> {
    let none_match = request.header("if-none-match");
    let tag = request.header("if-match");
    let is_conditional = none_match.is_some() || tag.is_some();
    match conditions {
        Conditions::Refused if is_conditional => {
            let text = "A header you provided implies functionality that is not implemented.";
            return Some(Response::error(501, "NotImplemented", text));
        }
        Conditions::Refused | Conditions::Ignored => return None,
        Conditions::Kept => {}
    }
    if tag.is_some() && there.is_none() {
        return Some(Response::error(404, "NoSuchKey", "The specified key does not exist."));
    }
    let is_other = tag.is_some_and(|tag| there.is_some_and(|object| object.tag != tag));
    let is_refused = is_other || none_match == Some("*") && there.is_some();
    let refused = || Response::error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
    is_refused.then(refused)
}

fn get(objects: &BTreeMap<String, Object>, key: &str, request: &Request) -> Response {
    let Some(object) = objects.get(key) else {
        return Response::error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let mut response = Response::new(200).with("etag", &*object.tag).with("last-modified", CHANGED.0);
    response.headers.extend(object.metadata.iter().cloned());
    if request.header("range").is_some() {
        // What reads checkpoints reads whole objects.
        return Response::error(501, "NotImplemented", "This server gives whole objects.");
    }
    response.body.clone_from(&object.bytes);
    response
}

fn list(objects: &BTreeMap<String, Object>, request: &Request) -> Response {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let delimiter = request.parameter("delimiter").unwrap_or_default();
    let after = request.parameter("continuation-token").or(request.parameter("start-after")).unwrap_or_default();
    let (mut content, mut folders, mut last) = (String::new(), BTreeSet::new(), "");
    let (mut names, mut is_cut) = (0, false);
    for (key, object) in objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after) {
        let below = &key[prefix.len()..];
        let folder = below.find(delimiter).filter(|_| !delimiter.is_empty());
        let folder = folder.map(|end| &key[..prefix.len() + end + delimiter.len()]);
        // A folder is named once, also where its objects lie on both sides of a page's end.
        if folder.is_some_and(|folder| folders.contains(folder) || after.starts_with(folder)) {
            last = key;
            continue;
        }
        if names == PAGE {
            is_cut = true;
            break;
        }
        (names, last) = (names + 1, key);
        match folder {
            Some(folder) => {
                folders.insert(folder);
                content += &format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(folder));
            }
            None => {
                let (key, size, tag) = (escaped(key), object.bytes.len(), escaped(&object.tag));
                content += &format!(
                    "<Contents><Key>{key}</Key><LastModified>{}</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>",
                    CHANGED.1
                );
            }
        }
    }
    if is_cut {
        content += &format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(last));
    }
    Response::xml(200, &format!("<ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{content}</ListBucketResult>"))
}

fn delete_many(objects: &mut BTreeMap<String, Object>, request: &Request) -> Response {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let mut deleted = String::new();
    for part in body.split("<Key>").skip(1) {
        let key = part.split("</Key>").next().unwrap_or_default();
        objects.remove(&unescaped(key));
        deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
    }
    Response::xml(200, &format!("<DeleteResult>{deleted}</DeleteResult>"))
}

const ESCAPES: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;")];

fn escaped(text: &str) -> String {
    ESCAPES.iter().fold(text.to_owned(), |text, (plain, escape)| text.replace(plain, escape))
}

fn unescaped(text: &str) -> String {
    ESCAPES.iter().rev().fold(text.to_owned(), |text, (plain, escape)| text.replace(escape, plain))
}
