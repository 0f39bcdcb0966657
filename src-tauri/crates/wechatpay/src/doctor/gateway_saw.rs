//! What the gateway says that it verified (`sign_information` of a 401, reference 2.8), beside what was signed: its
//! length and its first lines tell at once where the two part.

use serde::Serialize;

use super::verdict::Bilingual;

/// The text that the gateway built for itself, as far as it shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignInformation {
    /// Its method.
    pub method: String,
    /// Its URL line.
    pub url: String,
    /// The first four lines, and the beginning of the body (8 characters in all samples).
    pub truncated_sign_message: String,
    /// Bytes of the whole text.
    pub sign_message_length: u64,
}

impl SignInformation {
    /// Reads the body of a 401; `None` where it has no `detail.sign_information`.
    #[must_use]
    pub fn of_answer(body: &[u8]) -> Option<SignInformation> {
        let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
        let said = answer.get("detail")?.get("sign_information")?;
        let text = |name: &str| Some(said.get(name)?.as_str()?.to_owned());
        let length = said.get("sign_message_length")?;
        Some(SignInformation {
            method: text("method").unwrap_or_default(),
            url: text("url").unwrap_or_default(),
            truncated_sign_message: text("truncated_sign_message")?,
            sign_message_length: length.as_u64().or_else(|| length.as_str()?.parse().ok())?,
        })
    }

    /// Lays it beside `ours`, the text that was signed.
    #[must_use]
    pub fn beside(&self, ours: &[u8]) -> Beside {
        let ours_text = String::from_utf8_lossy(ours);
        let mut mine = ours_text.splitn(5, '\n');
        let mut theirs = self.truncated_sign_message.splitn(5, '\n');
        let mut lines = Vec::new();
        for field in ["method", "url", "timestamp", "nonce"] {
            let (ours, theirs) = (mine.next().unwrap_or_default(), theirs.next().unwrap_or_default());
            let same = ours == theirs;
            lines.push(BesideLine { field, ours: ours.to_owned(), theirs: theirs.to_owned(), same });
        }
        // Of the body only the beginning is shown; the line end after it is the gateway's own.
        let shown = theirs.next().unwrap_or_default();
        let shown = shown.strip_suffix('\n').unwrap_or(shown);
        let body = mine.next().unwrap_or_default();
        let body = body.strip_suffix('\n').unwrap_or(body);
        let same = if shown.is_empty() { body.is_empty() } else { body.starts_with(shown) };
        let begins: String = body.chars().take(shown.chars().count().max(8)).collect();
        lines.push(BesideLine { field: "body", ours: begins, theirs: shown.to_owned(), same });
        let ours_length = ours.len() as u64;
        let parts_at = lines.iter().find(|line| !line.same).map(|line| line.field);
        let said = said(parts_at, ours_length, self.sign_message_length);
        Beside { lines, ours_length, theirs_length: self.sign_message_length, parts_at, said }
    }
}

/// Both texts, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The five lines; of the body its beginning.
    pub lines: Vec<BesideLine>,
    /// Bytes of the text that was signed.
    pub ours_length: u64,
    /// Bytes of the gateway's.
    pub theirs_length: u64,
    /// The first line that differs.
    pub parts_at: Option<&'static str>,
    /// Where they part, in words.
    pub said: Bilingual,
}

/// One line of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BesideLine {
    /// `method`, `url`, `timestamp`, `nonce`, `body`.
    pub field: &'static str,
    /// As it was signed.
    pub ours: String,
    /// As the gateway has it.
    pub theirs: String,
    /// They are the same, as far as is shown.
    pub same: bool,
}

fn said(parts_at: Option<&str>, ours: u64, theirs: u64) -> Bilingual {
    let (en, zh) = match parts_at {
        Some(field) => (
            format!("The texts part in the line {field}: {ours} bytes were signed, the gateway has {theirs}."),
            format!("两段文本在 {field} 这一行分开：签名的是 {ours} 字节，网关的是 {theirs} 字节。"),
        ),
        None if ours != theirs => (
            format!(
                "All that the gateway shows is the same, but {ours} bytes were signed and it has {theirs}: they part later in the body, or in a line end."
            ),
            format!(
                "网关给出的部分完全相同，但签名的是 {ours} 字节，网关的是 {theirs} 字节：差别在报文主体的后面部分或行尾。"
            ),
        ),
        None => (
            format!(
                "Both texts have {ours} bytes and begin alike: it is most likely not the text but the key or the serial."
            ),
            format!("两段文本都是 {ours} 字节且开头相同：多半不是文本的问题，而是密钥或序列号不对。"),
        ),
    };
    Bilingual { en, zh }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = r#"{"code":"SIGN_ERROR","detail":{"detail":{"issue":"sign not match"},"field":"signature","location":"authorization","sign_information":{"method":"POST","sign_message_length":78,"truncated_sign_message":"POST\n/v3/pay/transactions/jsapi\n1756951532\nIXlH\n{\"amount\n","url":"/v3/pay/transactions/jsapi"}},"message":"签名错误"}"#;
    const OURS: &str = "POST\n/v3/pay/transactions/jsapi\n1756951532\nIXlH\n{\"amount\":{\"total\":1,\"x\":22}}\n";

    #[test]
    fn where_two_texts_part_is_said_at_once() {
        let theirs = SignInformation::of_answer(LIVE.as_bytes()).unwrap();
        assert_eq!((theirs.method.as_str(), theirs.sign_message_length), ("POST", 78));
        for (ours, parts_at, words) in [
            (OURS.to_owned(), None, "key or the serial"),
            (OURS.replace("22", "2.2"), None, "later in the body"),
            (OURS.trim_end().to_owned(), None, "later in the body"),
            (OURS.replace("{\"amount", "{\"appid"), Some("body"), "line body"),
            (OURS.replace("/v3/pay", "https://h/v3/pay"), Some("url"), "line url"),
            (OURS.replace("POST", "post").replace("IX", "XI"), Some("method"), "line method"),
            (OURS.replace("1756951532", "1756951533"), Some("timestamp"), "line timestamp"),
            (String::new(), Some("method"), "0 bytes"),
        ] {
            let beside = theirs.beside(ours.as_bytes());
            assert_eq!(beside.parts_at, parts_at, "{ours}");
            assert!(beside.said.en.contains(words), "{}", beside.said.en);
            assert_eq!((beside.lines.len(), beside.ours_length), (5, ours.len() as u64));
        }
        let empty = SignInformation {
            truncated_sign_message: "GET\n/v3/certificates\n1\nn\n\n".into(),
            sign_message_length: 25,
            ..theirs
        };
        assert_eq!(empty.beside(b"GET\n/v3/certificates\n1\nn\n\n").parts_at, None);
        assert_eq!(empty.beside(b"GET\n/v3/certificates\n1\nn\n{}\n").parts_at, Some("body"));
        for other in ["", "{}", "[]", "{\"code\":\"SIGN_ERROR\",\"detail\":{\"field\":\"x\"}}", "<xml/>"] {
            assert_eq!(SignInformation::of_answer(other.as_bytes()), None, "{other}");
        }
    }
}
