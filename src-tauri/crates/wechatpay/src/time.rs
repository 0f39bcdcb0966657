//! Instants and how WeChat Pay writes them: RFC 3339 in Beijing time without fractions. No clock is read here.

use jiff::tz::{Offset, TimeZone};

pub use jiff::Timestamp;

use crate::error::FieldError;

/// Beijing has had no daylight saving time since 1991: a fixed offset is right for every payment there can be.
const BEIJING: Offset = Offset::constant(8);

/// `2018-06-08T10:34:56+08:00`: what the gateway sends and what is sent to it.
pub fn beijing(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::fixed(BEIJING)).strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
}

/// `2018-06-08`, the business day of bills and of the chart.
pub fn beijing_date(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::fixed(BEIJING)).strftime("%Y-%m-%d").to_string()
}

/// Reads RFC 3339 with an offset or `Z`, with or without fractions (reference 2.5).
///
/// # Errors
/// Anything else, and instants outside the years that can be held.
pub fn parse(text: &str) -> Result<Timestamp, FieldError> {
    text.parse().map_err(|_| {
        FieldError::new(
            "time",
            "rfc3339",
            text,
            "must be RFC 3339 with an offset, like 2018-06-08T10:34:56+08:00",
            "须为带时区的 RFC 3339 格式，如 2018-06-08T10:34:56+08:00",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_time_is_written_without_fractions() {
        let at = parse("2018-06-08T02:34:56.789Z").unwrap();
        assert_eq!(beijing(at), "2018-06-08T10:34:56+08:00");
        assert_eq!(beijing_date(parse("2018-06-08T16:00:00Z").unwrap()), "2018-06-09");
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        for text in ["2018-06-08T10:34:56", "2018-06-08", "now", "", "2018-13-08T10:34:56Z"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
