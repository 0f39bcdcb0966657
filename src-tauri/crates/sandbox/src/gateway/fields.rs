//! Request fields read with WeChat Pay's rules, and its PARAM_ERROR texts when they are broken (reference 11.3). The texts
//! for wrong types and minima are live ones; those for missing fields, lengths and patterns are built in the same style.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::refused::Refused;

/// The JSON body of a request.
pub(crate) struct Fields {
    root: Value,
    strict: bool,
}

/// How long a text may be, in characters.
pub(crate) type Length = std::ops::RangeInclusive<usize>;

impl Fields {
    /// Reads the body. In strict mode unknown names and nulls are refused.
    pub(crate) fn read(body: &[u8], strict: bool) -> Result<Fields, Refused> {
        let wrong = |issue: &str| {
            Refused::param("请求内容不是合法的 JSON 对象", "The body is not a JSON object")
                .with_detail(json!({ "issue": issue, "location": "body" }))
        };
        let root: Value = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
        if root.is_object() { Ok(Fields { root, strict }) } else { Err(wrong("body is not a JSON object")) }
    }

    /// A digest of everything in it: the same whatever the order of names and the white space.
    pub(crate) fn digest(&self, salt: &str) -> String {
        use sha2::Digest as _;
        let mut text = salt.to_owned();
        canonical(&self.root, &mut text);
        let mut hex = String::with_capacity(64);
        for byte in sha2::Sha256::digest(text.as_bytes()) {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// One object inside it, as fields of its own; `None` if absent.
    pub(crate) fn object(&self, pointer: &str, name: &str) -> Result<Option<&Map<String, Value>>, Refused> {
        match self.at(pointer)? {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(wrong_type(pointer, name, "object", other)),
        }
    }

    /// An object that must be there.
    pub(crate) fn need_object(&self, pointer: &str, name: &str) -> Result<&Map<String, Value>, Refused> {
        self.object(pointer, name)?.ok_or_else(|| missing(pointer, name))
    }

    /// A list; `None` if absent.
    pub(crate) fn list(&self, pointer: &str, name: &str) -> Result<Option<&Vec<Value>>, Refused> {
        match self.at(pointer)? {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(pointer, name, "array", other)),
        }
    }

    /// A text; `None` if absent.
    pub(crate) fn text(&self, pointer: &str, name: &str, length: Length) -> Result<Option<&str>, Refused> {
        let text = match self.at(pointer)? {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(other) => return Err(wrong_type(pointer, name, "string", other)),
        };
        check_length("body", pointer, name, text, &length)?;
        // Four bytes of UTF-8 (emoji and the like) are not supported in fields (reference 2.5).
        if text.chars().any(|letter| letter > '\u{ffff}') {
            return Err(wrong_form("body", pointer, name, text));
        }
        Ok(Some(text))
    }

    /// A text that must be there.
    pub(crate) fn need_text(&self, pointer: &str, name: &str, length: Length) -> Result<&str, Refused> {
        self.text(pointer, name, length)?.ok_or_else(|| missing(pointer, name))
    }

    /// A text that is one of a few; `None` if absent or empty.
    pub(crate) fn choice(&self, pointer: &str, name: &str, allowed: &[&str]) -> Result<Option<&str>, Refused> {
        let Some(text) = self.text(pointer, name, 0..=64)?.filter(|t| !t.is_empty()) else { return Ok(None) };
        if allowed.contains(&text) { Ok(Some(text)) } else { Err(wrong_form("body", pointer, name, text)) }
    }

    /// A text that must be there and be one of a few.
    pub(crate) fn need_choice(&self, pointer: &str, name: &str, allowed: &[&str]) -> Result<&str, Refused> {
        self.choice(pointer, name, allowed)?.ok_or_else(|| missing(pointer, name))
    }

    /// A whole number not below `minimum`; `None` if absent.
    pub(crate) fn int(&self, pointer: &str, name: &str, minimum: i64) -> Result<Option<i64>, Refused> {
        let Some(value) = self.at(pointer)? else { return Ok(None) };
        let Some(number) = value.as_i64() else {
            return Err(Refused::param(
                format!(
                    "无法将 JSON 输入源“/body{pointer}”映射到目标字段“{name}”中，此字段需要一个合法的 64 位有符号整数"
                ),
                format!("/body{pointer} must be a 64-bit signed integer"),
            )
            .with_detail(json!({ "location": "body", "value": value })));
        };
        if number < minimum {
            return Err(Refused::param(
                format!("输入源“/body{pointer}”映射到数值字段“{name}”规则校验失败，值低于最小值 {minimum}"),
                format!("/body{pointer} is below the minimum {minimum}"),
            )
            .with_inner(268_435_464)
            .with_detail(json!({ "location": "body", "value": number })));
        }
        Ok(Some(number))
    }

    /// A whole number that must be there.
    pub(crate) fn need_int(&self, pointer: &str, name: &str, minimum: i64) -> Result<i64, Refused> {
        self.int(pointer, name, minimum)?.ok_or_else(|| missing(pointer, name))
    }

    /// A yes or no; `None` if absent.
    pub(crate) fn flag(&self, pointer: &str, name: &str) -> Result<Option<bool>, Refused> {
        match self.at(pointer)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(pointer, name, "bool", other)),
        }
    }

    /// In strict mode: no names but these at the top.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refused> {
        let Some(extra) = self
            .root
            .as_object()
            .filter(|_| self.strict)
            .and_then(|map| map.keys().find(|k| !known.contains(&k.as_str())))
        else {
            return Ok(());
        };
        let en = format!("The parameter {extra} is not known");
        Err(not_allowed(&format!("/{extra}"), None, "参数中含有非法的额外参数", &en).with_inner(270_924_358))
    }

    fn at(&self, pointer: &str) -> Result<Option<&Value>, Refused> {
        match self.root.pointer(pointer) {
            Some(Value::Null) if self.strict => Err(Refused::param(
                format!("输入源“/body{pointer}”不允许为 null"),
                format!("/body{pointer} must not be null"),
            )),
            Some(Value::Null) | None => Ok(None),
            Some(value) => Ok(Some(value)),
        }
    }
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            out.push('{');
            for name in names {
                let _ = write!(out, "{}:", Value::from(name.as_str()));
                map.get(name).into_iter().for_each(|v| canonical(v, out));
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// A text of wrong length.
pub(crate) fn check_length(
    location: &str,
    pointer: &str,
    name: &str,
    text: &str,
    length: &Length,
) -> Result<(), Refused> {
    let count = text.chars().count();
    let (zh, en) = if count > *length.end() {
        (format!("大于最大值 {}", length.end()), format!("above the maximum {}", length.end()))
    } else if count < *length.start() {
        (format!("小于最小值 {}", length.start()), format!("below the minimum {}", length.start()))
    } else {
        return Ok(());
    };
    Err(Refused::param(
        format!("输入源“/{location}{pointer}”映射到字段“{name}”字符串规则校验失败，字符数 {count}，{zh}"),
        format!("/{location}{pointer} has {count} characters, {en}"),
    )
    .with_inner(268_435_464)
    .with_detail(approximate(location, pointer, Some(text), "string length is out of range")))
}

/// A text with characters that are not allowed, or of another form.
pub(crate) fn wrong_form(location: &str, pointer: &str, name: &str, text: &str) -> Refused {
    Refused::param(
        format!("输入源“/{location}{pointer}”映射到字段“{name}”字符串规则校验失败，不符合格式要求"),
        format!("/{location}{pointer} has a wrong form"),
    )
    .with_detail(approximate(location, pointer, Some(text), "string does not match the pattern"))
}

/// A value that breaks a rule of another kind, with a text of its own.
pub(crate) fn not_allowed(pointer: &str, value: Option<&str>, zh: &str, en: &str) -> Refused {
    Refused::param(zh, en).with_detail(approximate("body", pointer, value, en))
}

/// The detail where no live one was seen: the documented form (reference 11.1). A pointer names a field of a body, a plain
/// name one of a query; of a value its beginning is enough.
fn approximate(location: &str, pointer: &str, value: Option<&str>, issue: &str) -> Value {
    let field = if location == "body" { pointer } else { pointer.trim_start_matches('/') };
    let mut detail = json!({ "field": field, "issue": issue, "location": location });
    if let (Some(value), Some(map)) = (value, detail.as_object_mut()) {
        map.insert("value".into(), json!(value.chars().take(64).collect::<String>()));
    }
    detail
}

/// A field that must be there and is not.
pub(crate) fn missing(pointer: &str, name: &str) -> Refused {
    missing_in("body", pointer, name)
}

/// The same, in the query.
pub(crate) fn missing_in(location: &str, pointer: &str, name: &str) -> Refused {
    Refused::param(
        format!("输入源“/{location}{pointer}”映射到字段“{name}”必填性规则校验失败，此字段为必填项"),
        format!("/{location}{pointer} is required"),
    )
    .with_detail(approximate(location, pointer, None, "field is required"))
}

fn wrong_type(pointer: &str, name: &str, kind: &str, value: &Value) -> Refused {
    Refused::param(
        format!("无法将 JSON 输入源“/body{pointer}”映射到目标字段“{name}”中，此字段需要一个 {kind} 类型的 Json 值"),
        format!("/body{pointer} must be a JSON {kind}"),
    )
    .with_detail(json!({ "location": "body", "value": value }))
}
