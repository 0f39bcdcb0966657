//! What else than the sent bytes may have been signed as the body, and how a received body leads back to what was sent.

use encoding_rs::{Encoding, GB18030, GBK, WINDOWS_1252};

use super::cause::Cause;
use super::json::{Document, Habit, Node, Spacing, rename, top_level_orders, unquote};
use super::search::Variant;
use super::url::percent_decode;

pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";
const BLANKS: [u8; 4] = [b' ', b'\t', b'\r', b'\n'];

/// Whether this is a callback of API v2.
pub(super) fn is_xml(body: &[u8]) -> bool {
    let bare = body.strip_prefix(BOM).unwrap_or(body).trim_ascii_start();
    let start: Vec<u8> = bare.iter().take(5).map(u8::to_ascii_lowercase).collect();
    start.starts_with(b"<xml") || start.starts_with(b"<?xml")
}

/// The JSON of a body, whatever stands around it.
pub(super) fn document(body: &[u8]) -> Option<Document> {
    let bare = body.strip_prefix(BOM).unwrap_or(body);
    match std::str::from_utf8(bare) {
        Ok(text) => Document::parse(text).ok(),
        Err(_) => decode(GB18030, bare).and_then(|text| Document::parse(&text).ok()),
    }
}

/// What a merchant may have signed in place of `body`, which was sent; `query` goes with a request without a body.
pub(super) fn signed_variants(body: &[u8], query: Option<&str>) -> Vec<Variant> {
    let mut found = Vec::new();
    if body.is_empty() {
        for text in in_place_of_nothing(query) {
            found.push(Variant::new(Cause::GetSignedWithBody, text));
        }
    } else {
        found.push(Variant::new(Cause::BodySignedEmpty, Vec::new()));
        if let Some(document) = std::str::from_utf8(body).ok().and_then(|text| Document::parse(text).ok()) {
            let habits = Habit::of_merchants();
            written(&document, &habits, &mut found);
            for text in object_strings(&document) {
                found.push(Variant::new(Cause::BodyObjectString, text.into_bytes()));
            }
        }
        match body.strip_prefix(BOM) {
            Some(bare) => found.push(Variant::new(Cause::BodyBom, bare.to_vec())),
            None => found.push(Variant::new(Cause::BodyBom, [BOM, body].concat())),
        }
        for text in in_another_charset(body) {
            found.push(Variant::new(Cause::BodyCharsetWrong, text));
        }
    }
    for text in with_blanks(body).into_iter().chain(without_blanks(body)) {
        found.push(Variant::new(Cause::BodyOuterWhitespace, text));
    }
    found.retain(|variant| variant.bytes != body);
    found.sort_by(|a, b| (&a.causes, &a.bytes).cmp(&(&b.causes, &b.bytes)));
    found.dedup_by(|a, b| (&a.causes, &a.bytes) == (&b.causes, &b.bytes));
    found
}

/// What WeChat Pay may have sent and signed, when `body` was received.
pub(super) fn sent_variants(body: &[u8]) -> Vec<Variant> {
    let mut found = Vec::new();
    let text = std::str::from_utf8(body).ok();
    if let Some(document) = text.and_then(|text| Document::parse(text).ok()) {
        let habits = Habit::back_to_wechat_pay();
        written(&document, &habits, &mut found);
        several(&document, &habits, &mut found);
        if document.member("resource").is_none() {
            for other in top_level_orders(&document) {
                found.push(Variant::new(Cause::BodyJsonKeyOrder, other.write().into_bytes()));
                let compact = Habit::Spacing(Spacing::COMPACT).apply(&other).write().into_bytes();
                found.push(Variant::several(vec![Cause::BodyJsonSpacing, Cause::BodyJsonKeyOrder], compact));
            }
        }
        let renamed = rename(&document, &snake).write();
        found.push(Variant::new(Cause::BodyKeysRenamed, renamed.into_bytes()));
        if let Node::Scalar(raw) = &document.root
            && let Some(inner) = unquote(raw)
            && inner.trim_start().starts_with(['{', '['])
        {
            found.push(Variant::new(Cause::BodyObjectString, inner.into_bytes()));
        }
    }
    for text in without_blanks(body) {
        found.push(Variant::new(Cause::BodyOuterWhitespace, text));
    }
    if let Some(bare) = body.strip_prefix(BOM) {
        found.push(Variant::new(Cause::BodyBom, bare.to_vec()));
    }
    for text in in_another_charset(body) {
        found.push(Variant::new(Cause::BodyCharsetWrong, text));
    }
    for text in out_of_logs(body) {
        found.push(Variant::new(Cause::BodyLogEscaped, text));
    }
    found.retain(|variant| variant.bytes != body);
    found
}

/// So many bytes of guesses are kept at once, roughly: of a body of some megabytes the commonest rewritings only.
const KEPT_BYTES: usize = 64 << 20;
/// Bodies over this are tried with one habit only: two make hundreds of copies.
const PAIRS_UP_TO: usize = 64 * 1024;

/// One habit, and two of different kinds.
fn written(document: &Document, habits: &[Habit], found: &mut Vec<Variant>) {
    let original = document.write();
    for habit in habits {
        let one = habit.apply(document);
        let text = one.write();
        if text == original {
            continue;
        }
        if found.len() * text.len() > KEPT_BYTES {
            return;
        }
        found.push(Variant::new(habit.cause(), text.clone().into_bytes()));
        if text.len() > PAIRS_UP_TO {
            continue;
        }
        for other in habits.iter().filter(|other| other.cause() > habit.cause()) {
            let two = other.apply(&one).write();
            if two != text {
                found.push(Variant::several(vec![habit.cause(), other.cause()], two.into_bytes()));
            }
        }
    }
}

/// Three and more habits at once: whole frameworks differ from WeChat Pay in all of them.
fn several(document: &Document, habits: &[Habit], found: &mut Vec<Variant>) {
    if found.iter().map(|variant| variant.bytes.len()).sum::<usize>() > KEPT_BYTES {
        return;
    }
    for chosen in 0_u32..(1 << habits.len().min(8)) {
        let mut text = document.clone();
        let mut causes = Vec::new();
        for (_, habit) in habits.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0) {
            let next = habit.apply(&text);
            if next != text {
                causes.push(habit.cause());
            }
            text = next;
        }
        if causes.len() > 2 {
            found.push(Variant::several(causes, text.write().into_bytes()));
        }
    }
}

fn in_place_of_nothing(query: Option<&str>) -> Vec<Vec<u8>> {
    let mut texts: Vec<String> = ["{}", "null", "[]", "\"\"", "undefined", "{ }"].map(str::to_owned).to_vec();
    if let Some(query) = query.filter(|q| !q.is_empty()) {
        texts.push(query.to_owned());
        texts.push(format!("?{query}"));
        let decoded = String::from_utf8_lossy(&percent_decode(query.as_bytes(), true)).into_owned();
        texts.push(decoded);
        for numbers in [false, true] {
            for decode in [false, true] {
                let pair = |part: &str| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    let clean = |text: &str| {
                        let bytes =
                            if decode { percent_decode(text.as_bytes(), true) } else { text.as_bytes().to_vec() };
                        String::from_utf8_lossy(&bytes).into_owned()
                    };
                    let (name, value) = (clean(name), clean(value));
                    let digits = !value.is_empty() && value.len() < 16 && value.bytes().all(|b| b.is_ascii_digit());
                    let value = if numbers && digits { value } else { quote(&value) };
                    (quote(&name), value)
                };
                let pairs: Vec<_> = query.split('&').map(pair).collect();
                let mut sorted = pairs.clone();
                sorted.sort();
                for pairs in [pairs, sorted] {
                    for (comma, colon) in [(",", ":"), (", ", ": "), (",", ": ")] {
                        let inner: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}{colon}{value}")).collect();
                        texts.push(format!("{{{}}}", inner.join(comma)));
                    }
                }
            }
        }
    }
    texts.into_iter().map(String::into_bytes).collect()
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn with_blanks(body: &[u8]) -> Vec<Vec<u8>> {
    let blanks: [&[u8]; 6] = [b"\n", b" ", b"\r\n", b"\n\n", b"\t", b"\r"];
    let mut texts: Vec<Vec<u8>> = blanks.iter().map(|blank| [body, blank].concat()).collect();
    if !body.is_empty() {
        texts.extend(blanks.iter().map(|blank| [blank, body].concat()));
        texts.extend(blanks.iter().map(|blank| [blank, body, blank].concat()));
    }
    texts
}

/// Every way of taking blanks off the ends.
fn without_blanks(body: &[u8]) -> Vec<Vec<u8>> {
    let lead = body.iter().take_while(|b| BLANKS.contains(b)).count().min(8);
    let tail = body.iter().rev().take_while(|b| BLANKS.contains(b)).count().min(8);
    let mut texts = vec![body.trim_ascii().to_vec(), body.trim_ascii_start().to_vec(), body.trim_ascii_end().to_vec()];
    for from in 0..=lead {
        for cut in 0..=tail {
            if let Some(text) = body.len().checked_sub(cut).and_then(|to| body.get(from..to)) {
                texts.push(text.to_vec());
            }
        }
    }
    texts
}

fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
}

/// The same characters in the character sets that are mixed up with UTF-8.
fn in_another_charset(body: &[u8]) -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    match std::str::from_utf8(body) {
        Ok(text) if text.is_ascii() => {}
        Ok(text) => {
            for encoding in [GBK, GB18030] {
                let (bytes, _, missing) = encoding.encode(text);
                if !missing {
                    texts.push(bytes.into_owned());
                }
            }
            // A question mark a character, or (in UTF-16 languages) one for each half of a pair.
            for pairs in [false, true] {
                for latin in [false, true] {
                    let mut bytes = Vec::new();
                    for c in text.chars() {
                        match u8::try_from(u32::from(c)) {
                            Ok(byte) if byte < 0x80 || latin => bytes.push(byte),
                            _ => bytes.extend(std::iter::repeat_n(b'?', if pairs { c.len_utf16() } else { 1 })),
                        }
                    }
                    texts.push(bytes);
                }
            }
            // Some encoders replace byte by byte.
            texts.push(body.iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect());
            texts.push(body.iter().map(|b| char::from(*b)).collect::<String>().into_bytes());
            texts.push(WINDOWS_1252.decode_without_bom_handling(body).0.into_owned().into_bytes());
            // And back: the body itself went through that.
            let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            let (windows, _, missing) = WINDOWS_1252.encode(text);
            let candidates = latin.into_iter().chain((!missing).then(|| windows.into_owned()));
            texts.extend(candidates.filter(|bytes| std::str::from_utf8(bytes).is_ok()));
        }
        Err(_) => {
            for encoding in [GBK, GB18030, WINDOWS_1252] {
                texts.extend(decode(encoding, body).map(String::into_bytes));
            }
            texts.push(body.iter().map(|b| char::from(*b)).collect::<String>().into_bytes());
        }
    }
    texts
}

/// The forms that languages give an object when it is used as a string.
fn object_strings(document: &Document) -> Vec<String> {
    let mut texts: Vec<String> =
        ["[object Object]", "Array", "Object", "undefined", "Map", "System.Object"].map(str::to_owned).to_vec();
    texts.push(python(&document.root));
    texts.push(java(&document.root));
    let compact = Habit::Spacing(Spacing::COMPACT).apply(document);
    for text in [document.write(), compact.write()] {
        let plain = quote(&text);
        let escaped = |not_ascii, slash| {
            let mut document = Document::parse(&plain).ok()?;
            if not_ascii {
                let unicode = super::json::Unicode::Escape { not_ascii: true, html: "", upper: false };
                document = Habit::Unicode(unicode).apply(&document);
            }
            if slash {
                document = Habit::Slashes { escaped: true }.apply(&document);
            }
            Some(document.write())
        };
        texts.extend([escaped(true, false), escaped(false, true), escaped(true, true)].into_iter().flatten());
        texts.push(plain);
    }
    texts
}

/// `str(dict)`.
fn python(node: &Node) -> String {
    match node {
        Node::Scalar(raw) => match raw.as_str() {
            "true" => "True".to_owned(),
            "false" => "False".to_owned(),
            "null" => "None".to_owned(),
            raw if raw.starts_with('"') => python_string(&unquote(raw).unwrap_or_default()),
            raw => raw.to_owned(),
        },
        Node::Object(members, _) => {
            let each = members
                .iter()
                .map(|m| format!("{}: {}", python_string(&unquote(&m.key).unwrap_or_default()), python(&m.value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
        Node::Array(items, _) => format!("[{}]", items.iter().map(|i| python(&i.value)).collect::<Vec<_>>().join(", ")),
    }
}

fn python_string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `Map.toString()`.
fn java(node: &Node) -> String {
    match node {
        Node::Scalar(raw) => unquote(raw).unwrap_or_else(|| raw.clone()),
        Node::Object(members, _) => {
            let each = members.iter().map(|m| format!("{}={}", unquote(&m.key).unwrap_or_default(), java(&m.value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
        Node::Array(items, _) => format!("[{}]", items.iter().map(|i| java(&i.value)).collect::<Vec<_>>().join(", ")),
    }
}

/// `createTime` as `create_time`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() {
            if at > 0 {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// What stood there before a log or a filter wrote it its own way.
fn out_of_logs(body: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    if body.windows(2).any(|pair| pair == b"\\x") {
        texts.push(nginx(body, true));
        texts.push(nginx(body, false));
    }
    if let Ok(text) = std::str::from_utf8(body)
        && text.contains('&')
    {
        let quotes =
            ["&quot;", "&#34;", "&#034;", "&#x22;"].iter().fold(text.to_owned(), |t, entity| t.replace(entity, "\""));
        let others = [
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&apos;", "'"),
            ("&#x2F;", "/"),
            ("&#47;", "/"),
            ("&#x3D;", "="),
            ("&#61;", "="),
            ("&#43;", "+"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&amp;", "&"),
        ];
        let all = others.iter().fold(quotes.clone(), |t, (entity, c)| t.replace(entity, c));
        texts.extend([quotes.into_bytes(), all.into_bytes()]);
    }
    texts
}

/// `\xHH` as bytes: all, or those that are ASCII.
fn nginx(body: &[u8], all: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let hex = body.get(at..at + 4).filter(|piece| piece.starts_with(b"\\x")).and_then(|piece| piece.get(2..));
        let value = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match value {
            Some(value) if all || value.is_ascii() => {
                out.push(value);
                at += 4;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}
