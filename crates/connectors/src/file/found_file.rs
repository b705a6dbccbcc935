//! A file that is to be read.

use std::path::PathBuf;

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where the file lies on this machine.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// When it was changed, in milliseconds since 1970.
    pub modified_ms: i64,
    /// The values of the partition's columns as the path has them; `None` is NULL.
    pub partition: Vec<Option<String>>,
}

impl FoundFile {
    /// The file's name as a URI, in Hadoop's spelling.
    pub fn uri(&self) -> String {
        let path = self.path.to_string_lossy();
        let mut uri = String::with_capacity(path.len() + 8);
        uri.push_str("file:");
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(char::from(byte)),
                b'/' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => uri.push(char::from(byte)),
                b',' | b';' | b':' | b'$' | b'&' | b'+' | b'=' | b'@' => uri.push(char::from(byte)),
                other => uri.push_str(&format!("%{other:02X}")),
            }
        }
        uri
    }
}
