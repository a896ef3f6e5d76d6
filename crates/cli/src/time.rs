//! Times on the command line.

use std::time::Duration;

/// A time as people write it: `30s`, `1m 30s`, `500ms`.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    parsed
        .and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| "expected a time such as 30s, 500ms, 10m, 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in
            [("30s", 30_000), ("500ms", 500), ("0s", 0), ("1m 30s", 90_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "30", "-5s", "soon"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
