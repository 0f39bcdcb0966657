//! The `Authorization` header as people send it: read strictly where it is right, and as it was meant where it isn't.

use super::cause::Cause;
use crate::authorization::Authorization;
use crate::sign::SCHEME;

/// The five items as far as they can be found, blanks kept, and what is wrong with how they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) mchid: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) timestamp: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) faults: Vec<Cause>,
}

/// The right names, and what stands for them elsewhere once case, `_` and `-` are taken off.
const NAMES: [(&str, &[&str]); 5] = [
    ("mchid", &["mchid", "mch", "merchantid", "merchant", "mchno", "partnerid"]),
    ("nonce_str", &["noncestr", "nonce", "noncestring", "random", "randomstr"]),
    ("signature", &["signature", "sign", "sig", "paysign"]),
    ("timestamp", &["timestamp", "time", "ts", "date"]),
    (
        "serial_no",
        &["serialno", "serial", "serialnumber", "certserialno", "certserial", "certificateserialno", "certno"],
    ),
];

const QUOTES: [char; 13] = ['"', '\'', '“', '”', '„', '‟', '‘', '’', '‚', '″', '＂', '`', '«'];

impl Header {
    pub(super) fn read(value: &str) -> Header {
        let value = strip_name(value.trim());
        let mut header = match Authorization::parse(value) {
            Ok(read) if !has_loose_blanks(value) => Header {
                mchid: Some(read.mchid),
                nonce: Some(read.nonce_str),
                signature: Some(read.signature),
                timestamp: Some(read.timestamp),
                serial: Some(read.serial_no),
                faults: Vec::new(),
            },
            _ => Header::guess(value),
        };
        // An empty nonce has a cause of its own.
        for slot in [&mut header.mchid, &mut header.signature, &mut header.timestamp, &mut header.serial] {
            if slot.as_deref().is_some_and(|text| text.trim().is_empty()) {
                *slot = None;
            }
        }
        let all = [&header.mchid, &header.nonce, &header.signature, &header.timestamp, &header.serial];
        if all.iter().any(|slot| slot.is_none()) {
            header.faults.push(Cause::AuthorizationFieldMissing);
        }
        let blank = |text: &Option<String>| text.as_deref().is_some_and(|t| t.trim() != t && !t.trim().is_empty());
        if [&header.mchid, &header.nonce, &header.timestamp, &header.serial].into_iter().any(blank) {
            header.faults.push(Cause::FieldWhitespace);
        }
        header.faults.sort();
        header.faults.dedup();
        header
    }

    /// Whether what is needed to check anything is missing.
    pub(super) fn is_hopeless(&self) -> bool {
        self.nonce.is_none() || self.signature.is_none() || self.timestamp.is_none()
    }

    fn guess(value: &str) -> Header {
        let mut header = Header::default();
        // The scheme may be glued to the first name.
        let from = if value.starts_with(SCHEME) { SCHEME.len() } else { 0 };
        let Some(start) = next_item(value, from).map(|(at, ..)| at) else {
            header.faults.push(if value.starts_with(SCHEME) {
                Cause::AuthorizationFormatWrong
            } else {
                Cause::AuthorizationSchemeWrong
            });
            return header;
        };
        let (before, mut rest) = value.split_at_checked(start).unwrap_or(("", value));
        let scheme = before.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '{'));
        if scheme != SCHEME {
            header.faults.push(Cause::AuthorizationSchemeWrong);
        } else if before.strip_prefix(SCHEME) != Some(" ") {
            header.faults.push(Cause::AuthorizationFormatWrong);
        }
        let mut wrong = false;
        while let Some((at, place, exact, after)) = next_item(rest, 0) {
            let skipped = rest.get(..at).unwrap_or_default();
            // Between two items stands one comma and nothing else.
            wrong |= !(skipped.is_empty() || skipped == ",");
            let body = rest.get(after..).unwrap_or_default();
            wrong |=
                !rest.get(at..after).is_some_and(|name| name.ends_with('=') && !name.contains(char::is_whitespace));
            let (text, used, quoted) = item_value(body);
            wrong |= !quoted;
            rest = body.get(used..).unwrap_or_default();
            let slot = match place {
                0 => &mut header.mchid,
                1 => &mut header.nonce,
                2 => &mut header.signature,
                3 => &mut header.timestamp,
                _ => &mut header.serial,
            };
            if slot.is_some() {
                wrong = true;
                continue;
            }
            *slot = Some(text);
            if !exact {
                header.faults.push(Cause::AuthorizationFieldMissing);
            }
        }
        wrong |= !rest.trim().is_empty();
        if wrong {
            header.faults.push(Cause::AuthorizationFormatWrong);
        }
        header
    }
}

/// The strict reader lets blanks after a comma pass; the rule doesn't.
fn has_loose_blanks(value: &str) -> bool {
    let mut quoted = false;
    value.strip_prefix(SCHEME).and_then(|v| v.strip_prefix(' ')).unwrap_or(value).chars().any(|c| {
        quoted ^= c == '"';
        !quoted && c.is_whitespace()
    })
}

fn strip_name(value: &str) -> &str {
    let name = "authorization";
    match value.split_at_checked(name.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(name) => {
            rest.trim_start().strip_prefix(':').map_or(value, str::trim_start)
        }
        _ => value,
    }
}

/// The next `name=` at or after `from`: where it begins, which item it is, whether its name is exact, where its value begins.
fn next_item(text: &str, from: usize) -> Option<(usize, usize, bool, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut begin: Option<usize> = None;
    let mut end: Option<usize> = None;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < from) {
        match c {
            c if is_name(c) => {
                if begin.is_none() || end.is_some() {
                    begin = Some(at);
                    end = None;
                }
            }
            '=' | ':' if begin.is_some() => {
                let (start, stop) = (begin.unwrap_or(at), end.unwrap_or(at));
                if let Some((place, exact)) = text.get(start..stop).and_then(item_of) {
                    return Some((start, place, exact, at + c.len_utf8()));
                }
                begin = None;
                end = None;
            }
            c if c.is_whitespace() || matches!(c, '"' | '\'') => end = end.or(Some(at)),
            _ => {
                begin = None;
                end = None;
            }
        }
    }
    None
}

fn item_of(name: &str) -> Option<(usize, bool)> {
    let bare: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_ascii_lowercase();
    let place = NAMES.iter().position(|(_, aliases)| aliases.contains(&bare.as_str()))?;
    Some((place, NAMES.get(place).is_some_and(|(exact, _)| *exact == name)))
}

/// A value, how many bytes it took with its quotes, and whether it was quoted as it should be.
fn item_value(text: &str) -> (String, usize, bool) {
    let lead = text.len() - text.trim_start().len();
    let body = text.get(lead..).unwrap_or_default();
    let first = body.chars().next();
    if let Some(open) = first.filter(|c| QUOTES.contains(c)) {
        let inner = body.get(open.len_utf8()..).unwrap_or_default();
        let closes = |c: char| if open == '"' { c == '"' } else { QUOTES.contains(&c) };
        if let Some((at, close)) = inner.char_indices().find(|(_, c)| closes(*c)) {
            let used = lead + open.len_utf8() + at + close.len_utf8();
            let right = lead == 0 && open == '"' && close == '"';
            return (inner.get(..at).unwrap_or_default().to_owned(), used, right);
        }
    }
    // Unquoted: up to a separator that another item follows, or to the end.
    let mut end = body.len();
    for (at, c) in body.char_indices() {
        if matches!(c, ',' | ';' | '&') || c.is_whitespace() {
            let tail = body.get(at..).unwrap_or_default();
            let skipped = tail.trim_start_matches(|c: char| matches!(c, ',' | ';' | '&') || c.is_whitespace());
            let next = next_item(skipped, 0).is_some_and(|(start, ..)| start == 0);
            if next || skipped.is_empty() {
                end = at;
                break;
            }
        }
    }
    let raw = body.get(..end).unwrap_or_default();
    (raw.trim_matches(QUOTES).to_owned(), lead + end, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "WECHATPAY2-SHA256-RSA2048 mchid=\"1900007291\",nonce_str=\"593BEC0C930BF1AF\",signature=\"ab+/cd==\",timestamp=\"1554208460\",serial_no=\"408B07E7\"";

    fn faults(value: &str) -> Vec<&'static str> {
        let header = Header::read(value);
        if !header.faults.contains(&Cause::AuthorizationFieldMissing)
            && !header.faults.contains(&Cause::FieldWhitespace)
        {
            assert_eq!(header.signature.as_deref(), Some("ab+/cd=="), "{value}: {header:?}");
            assert_eq!(header.timestamp.as_deref(), Some("1554208460"), "{value}: {header:?}");
            assert_eq!(header.serial.as_deref(), Some("408B07E7"), "{value}: {header:?}");
            assert_eq!(header.mchid.as_deref(), Some("1900007291"), "{value}: {header:?}");
        }
        header.faults.iter().map(|f| f.slug()).collect()
    }

    #[test]
    fn each_fault_is_named_and_read_through() {
        let (scheme, format, missing, blank) = (
            "authorization_scheme_wrong",
            "authorization_format_wrong",
            "authorization_field_missing",
            "field_whitespace",
        );
        let typographic = GOOD.replacen("=\"", "=“", 5).replace('"', "”");
        for (value, expected) in [
            (GOOD.to_owned(), vec![]),
            (format!("Authorization: {GOOD}"), vec![]),
            (format!("authorization:{GOOD}\n"), vec![]),
            (GOOD.replace("WECHATPAY2-SHA256-RSA2048 ", ""), vec![scheme]),
            (GOOD.replace("WECHATPAY2-SHA256-RSA2048", "Bearer"), vec![scheme]),
            (GOOD.replace("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3"), vec![scheme]),
            (GOOD.replace("WECHATPAY2", "WECHAPAY2"), vec![scheme]),
            (GOOD.replace("WECHATPAY2", "WechatPay2"), vec![scheme]),
            (GOOD.replacen("2048 ", "2048  ", 1), vec![format]),
            (GOOD.replacen("2048 ", "2048", 1), vec![format]),
            (GOOD.replacen("2048 ", "2048\n", 1), vec![format]),
            (GOOD.replacen("2048 ", "2048, ", 1), vec![format]),
            (GOOD.replace('"', ""), vec![format]),
            (GOOD.replace('"', "'"), vec![format]),
            (typographic, vec![format]),
            (GOOD.replace(',', ", "), vec![format]),
            (GOOD.replace(',', " ,"), vec![format]),
            (GOOD.replace(',', ";"), vec![format]),
            (GOOD.replace(',', "; "), vec![format]),
            (GOOD.replace(',', "\n"), vec![format]),
            (GOOD.replace(',', ",\r\n "), vec![format]),
            (GOOD.replace('"', "").replace(',', "\n"), vec![format]),
            (GOOD.replace('"', "").replace(',', " "), vec![format]),
            (GOOD.replace('=', " = ").replace("ab+/cd =  = ", "ab+/cd=="), vec![format]),
            (format!("{GOOD},"), vec![format]),
            (GOOD.replace("mchid", "mch_id"), vec![missing]),
            (GOOD.replace("nonce_str", "nonce"), vec![missing]),
            (GOOD.replace("serial_no", "serial"), vec![missing]),
            (GOOD.replace("mchid=\"1900007291\",", ""), vec![missing]),
            (GOOD.replace("\"408B07E7\"", "\"408B07E7 \""), vec![blank]),
            (GOOD.replace("\"1554208460\"", "\"1554208460\n\""), vec![blank]),
            (GOOD.replace("WECHATPAY2-SHA256-RSA2048", "Bearer").replace(',', ", "), vec![format, scheme]),
        ] {
            let mut expected = expected;
            expected.sort_by_key(|slug| Cause::from_slug(slug));
            assert_eq!(faults(&value), expected, "{value}");
        }
        assert!(Header::read(&GOOD.replace("signature", "x")).is_hopeless());
        assert!(Header::read("WECHATPAY2-SHA256-RSA2048").is_hopeless());
        assert!(Header::read("").is_hopeless());
    }
}
