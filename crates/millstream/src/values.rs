//! Values on the command line that have words of their own: addresses and whole numbers. What is wrong is said with an
//! example of what is right.

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::{Bound, RangeBounds};
use std::str::FromStr;

/// Where to listen: `HOST:PORT`, where the host may be a name of this machine.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("must be HOST:PORT, such as 127.0.0.1:15002 or localhost:15002".to_owned());
    };
    if host.is_empty() {
        return Err(format!(
            "names no host; write 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} for all its networks"
        ));
    }
    if port.parse::<u16>().is_err() {
        return Err(format!("'{port}' is no port, which is a number from 0 to 65535"));
    }
    let found = text.to_socket_addrs().map_err(|error| format!("'{host}' has no address: {error}"))?;
    // Clients that are told a name try IPv4 in any case.
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(|| format!("'{host}' has no address"))
}

/// A whole number in a range that has a beginning.
pub(crate) fn whole<T>(
    range: impl RangeBounds<T> + Clone + Send + Sync,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| match (range.start_bound(), range.end_bound()) {
            (Bound::Included(first), Bound::Included(last)) => format!("must be a whole number from {first} to {last}"),
            (Bound::Included(first), _) => format!("must be a whole number, at least {first}"),
            _ => "must be a whole number".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_names() {
        for (text, expected) in
            [("127.0.0.1:15009", "127.0.0.1:15009"), ("localhost:15009", "127.0.0.1:15009"), ("[::1]:0", "[::1]:0")]
        {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            (":15009", "write 127.0.0.1:15009 for this machine alone"),
            ("15009", "must be HOST:PORT, such as 127.0.0.1:15002"),
            ("localhost:http", "'http' is no port"),
            ("localhost:70000", "'70000' is no port"),
            ("no.such.host.invalid:1", "'no.such.host.invalid' has no address"),
        ] {
            let said = address(text).expect_err(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn numbers_have_a_range() {
        let number = whole(1..=1024_usize);
        assert_eq!(number("7"), Ok(7));
        for text in ["0", "1025", "many", "-1", "1.5", ""] {
            assert_eq!(number(text), Err("must be a whole number from 1 to 1024".to_owned()), "{text}");
        }
        assert_eq!(whole(1_u64..)("0"), Err("must be a whole number, at least 1".to_owned()));
    }
}
