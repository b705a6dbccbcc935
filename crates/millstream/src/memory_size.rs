//! Sizes on the command line: `512MB`, `2g`, `1073741824`.

use std::str::FromStr;

use millstream_core::{Error, Result};

/// Less than this is no memory to work with, but a forgotten unit.
const LEAST: usize = 16 << 20;

/// Files in which Linux says how much memory a container may have: of the second and of the first kind of groups.
const LIMITS_OF_CONTAINER: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemorySize(pub(crate) usize);

impl FromStr for MemorySize {
    type Err = String;

    /// A whole number with an optional unit; units are powers of 1024, as in Spark.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
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
        let bytes = number.checked_mul(1 << shift).ok_or_else(|| refused(text))?;
        if bytes < LEAST {
            return Err(format!("{bytes} bytes are too few; write at least 16MB, with its unit, such as 512MB"));
        }
        Ok(Self(bytes))
    }
}

impl MemorySize {
    /// The size that the user asks for; else half of what the machine has, or 1 GB where it does not say.
    ///
    /// # Errors
    /// More than the machine has.
    pub(crate) fn or_half_of_machine(asked: Option<Self>) -> Result<Self> {
        let has = of_machine();
        match (asked, has) {
            (Some(Self(bytes)), Some(has)) if bytes > has => {
                let (asked, has) = (bytes >> 20, has >> 20);
                Err(Error::invalid(format!("--memory is {asked} MB, but there are {has} MB here"))
                    .with_hint("leave room for everything else too; the default is half of what there is"))
            }
            (Some(asked), _) => Ok(asked),
            (None, has) => Ok(Self(has.map_or(1 << 30, |bytes| bytes / 2))),
        }
    }
}

/// The memory of the machine, or of the container where that has less.
fn of_machine() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").as_deref().and_then(total_bytes);
    let container = LIMITS_OF_CONTAINER.into_iter().find_map(|path| read(path)?.trim().parse::<usize>().ok());
    machine.into_iter().chain(container).min()
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
            [("16777216", Some(16 << 20)), ("512MB", Some(512 << 20)), ("2g", Some(2 << 30)), ("1 GiB", Some(1 << 30))]
        {
            assert_eq!(text.parse::<MemorySize>().ok().map(|size| size.0), bytes, "{text}");
        }
        for text in ["", "0", "MB", "1.5GB", "-1", "12XB", "99999999999TB", "100", "15MB"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let asked = MemorySize(usize::MAX);
        if of_machine().is_some() {
            let error = MemorySize::or_half_of_machine(Some(asked)).expect_err("more than any machine has");
            assert!(error.message().starts_with("--memory is 17592186044415 MB, but there are "), "{error}");
        }
        let half = MemorySize::or_half_of_machine(None).expect("the default");
        assert_eq!(MemorySize::or_half_of_machine(Some(half)).expect("half"), half);
    }

    #[test]
    fn the_machines_memory_is_in_kilobytes() {
        assert_eq!(total_bytes("MemTotal:       24571000 kB\nMemFree: 1 kB"), Some(24_571_000 * 1024));
        assert_eq!(total_bytes("nothing"), None);
    }
}
