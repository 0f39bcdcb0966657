//! Money in fen, the only unit inside. Yuan exist where people write and read, never as a float.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::FieldError;

/// An amount in fen (0.01 yuan). Arithmetic is checked: a sum that does not fit is an error, not a wrong sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(i64);

impl Fen {
    /// The most that one order may be: 10 million yuan, WeChat Pay's limit for a sub-order of a combined one. For single
    /// orders the reference names none, so the same is taken.
    pub const ORDER_LIMIT: Fen = Fen(1_000_000_000);

    /// From fen.
    pub const fn new(fen: i64) -> Self {
        Fen(fen)
    }

    /// In fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Reads yuan as people write them: `12`, `12.5`, `12.50`.
    ///
    /// # Errors
    /// A sign, more than two decimals, an exponent, separators, nothing, or more than `i64` fen.
    pub fn parse_yuan(text: &str) -> Result<Fen, FieldError> {
        let wrong = |en: &str, zh: &str| FieldError::new("amount", "yuan", text, en, zh);
        let text_trimmed = text.trim();
        let (whole, decimals) = text_trimmed.split_once('.').unwrap_or((text_trimmed, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || text_trimmed.ends_with('.') {
            return Err(wrong(
                "must be yuan in digits, like 12.50, without a sign",
                "须为以元为单位的数字，如 12.50，不带正负号",
            ));
        }
        if decimals.len() > 2 {
            return Err(wrong(
                "has more than two decimals; the smallest unit is 0.01 yuan",
                "小数超过两位，最小单位是 0.01 元",
            ));
        }
        let cents: i64 = match decimals.len() {
            0 => 0,
            1 => decimals.parse::<i64>().unwrap_or(0) * 10,
            _ => decimals.parse().unwrap_or(0),
        };
        whole
            .parse::<i64>()
            .ok()
            .and_then(|yuan| yuan.checked_mul(100))
            .and_then(|fen| fen.checked_add(cents))
            .map(Fen)
            .ok_or_else(|| wrong("is too large", "金额过大"))
    }

    /// `12.50`, without a sign of currency.
    pub fn yuan(self) -> String {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    /// The difference, if it fits.
    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }

    /// The rule for an order's or a refund's amount: at least 1 fen, at most [`Fen::ORDER_LIMIT`].
    ///
    /// # Errors
    /// Names the field.
    pub fn payable(self, field: &str) -> Result<Fen, FieldError> {
        if self.0 < 1 {
            return Err(FieldError::new(
                field,
                "minimum",
                &self.0.to_string(),
                "must be at least 1 fen (¥0.01)",
                "至少 1 分（¥0.01）",
            ));
        }
        if self > Self::ORDER_LIMIT {
            return Err(FieldError::new(
                field,
                "maximum",
                &self.0.to_string(),
                "must be at most 1,000,000,000 fen (¥10,000,000.00)",
                "不能超过 1,000,000,000 分（¥10,000,000.00）",
            ));
        }
        Ok(self)
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "¥{}", self.yuan())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_as_people_write_them() {
        for (text, fen) in
            [("12.50", 1250), ("12.5", 1250), ("12", 1200), ("0.01", 1), ("0", 0), (" 3.00 ", 300), ("010", 1000)]
        {
            assert_eq!(Fen::parse_yuan(text).map(Fen::get), Ok(fen), "{text}");
        }
        for text in [
            "",
            "-1",
            "+1",
            "1.234",
            "1.",
            ".5",
            "1e3",
            "1,000",
            "１２",
            "12.5元",
            "99999999999999999999",
            "NaN",
            "1.-5",
        ] {
            assert!(Fen::parse_yuan(text).is_err(), "{text}");
        }
    }

    #[test]
    fn yuan_and_back() {
        for fen in [0, 1, 9, 10, 99, 100, 101, 1250, 123_456_789] {
            assert_eq!(Fen::parse_yuan(&Fen::new(fen).yuan()), Ok(Fen::new(fen)));
        }
        assert_eq!(Fen::new(-5).yuan(), "-0.05");
        assert_eq!(Fen::new(i64::MIN).yuan(), "-92233720368547758.08");
    }

    #[test]
    fn payable_has_two_ends() {
        for (fen, ok) in [(0, false), (-1, false), (1, true), (1_000_000_000, true), (1_000_000_001, false)] {
            assert_eq!(Fen::new(fen).payable("amount.total").is_ok(), ok, "{fen}");
        }
    }
}
