//! Sizes on the command line: `512MB`, `2g`, `1073741824`.

use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemorySize(pub(crate) usize);

impl FromStr for MemorySize {
    type Err = String;

    /// A whole number with an optional unit; units are powers of 1024, as in Spark.
    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits_end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(digits_end);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(refused(text)),
        };
        let number: usize = digits.parse().map_err(|_| refused(text))?;
        number.checked_mul(1 << shift).filter(|&bytes| bytes > 0).map(Self).ok_or_else(|| refused(text))
    }
}

impl MemorySize {
    /// Half of what the machine has, or 1 GB where it does not say.
    pub(crate) fn half_of_machine() -> Self {
        let total = std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_bytes);
        Self(total.map_or(1 << 30, |bytes| bytes / 2))
    }
}

fn total_bytes(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn refused(text: &str) -> String {
    format!("'{text}' is no size; write a number with KB, MB or GB, such as 512MB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1024", Some(1024)), ("512MB", Some(512 << 20)), ("2g", Some(2 << 30)), ("1 GiB", Some(1 << 30))]
        {
            assert_eq!(text.parse::<MemorySize>().ok().map(|size| size.0), bytes, "{text}");
        }
        for text in ["", "0", "MB", "1.5GB", "-1", "12XB", "99999999999TB"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_machines_memory_is_in_kilobytes() {
        assert_eq!(total_bytes("MemTotal:       24571000 kB\nMemFree: 1 kB"), Some(24_571_000 * 1024));
        assert_eq!(total_bytes("nothing"), None);
    }
}
