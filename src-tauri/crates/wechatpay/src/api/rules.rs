//! The rules that fields of several calls share: length, alphabet, one of a list, encrypted or not. Lengths are counted in
//! characters: whether the gateway counts characters or bytes for Chinese text is unconfirmed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::FieldError;

/// A text that must have `min` to `max` characters, none of them a control character or outside the basic plane (the
/// gateway does not take emoji).
pub(crate) fn text(field: &str, value: &str, min: usize, max: usize) -> Result<(), FieldError> {
    let count = value.chars().count();
    if count < min {
        return Err(FieldError::new(field, "required", value, "must not be empty", "不能为空"));
    }
    if count > max {
        return Err(FieldError::new(
            field,
            "max_length",
            value,
            format!("has {count} characters, at most {max} are allowed"),
            format!("有 {count} 个字符，最多 {max} 个"),
        ));
    }
    if value.chars().any(char::is_control) {
        return Err(FieldError::new(field, "no_control", value, "must not hold control characters", "不能含控制字符"));
    }
    if value.chars().any(|c| u32::from(c) > 0xffff) {
        return Err(FieldError::new(
            field,
            "basic_plane",
            value,
            "must not hold emoji or other characters of 4 bytes: WeChat Pay doesn't take them",
            "不能含表情等 4 字节字符：微信支付不支持",
        ));
    }
    Ok(())
}

pub(crate) fn optional(field: &str, value: Option<&String>, max: usize) -> Result<(), FieldError> {
    value.map_or(Ok(()), |value| text(field, value, 1, max))
}

pub(crate) fn one_of(field: &str, value: &str, allowed: &[&str]) -> Result<(), FieldError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let list = allowed.join(", ");
    Err(FieldError::new(field, "one_of", value, format!("must be one of {list}"), format!("须为 {list} 之一")))
}

pub(crate) fn currency(field: &str, value: &str) -> Result<(), FieldError> {
    one_of(field, value, &["CNY"])
}

/// A sensitive field that went through OAEP: base64 of 256 to 512 bytes. What is not must not be shown in the error.
pub(crate) fn encrypted(field: &str, value: &str) -> Result<(), FieldError> {
    if STANDARD.decode(value).is_ok_and(|bytes| (256..=512).contains(&bytes.len())) {
        return Ok(());
    }
    let en = "must be encrypted with WeChat Pay's key (base64 of RSA-OAEP)";
    Err(FieldError::new(field, "encrypted", "***", en, "须用微信支付的公钥加密（RSA-OAEP 的 base64）"))
}

/// A request with encrypted fields must say by which key.
pub(crate) fn named_key(field: &str, encrypted_for: Option<&str>) -> Result<(), FieldError> {
    if encrypted_for.is_some_and(|serial| !serial.is_empty()) {
        return Ok(());
    }
    let en = "is encrypted: encrypted_for must name the key's serial";
    Err(FieldError::new(field, "serial_required", "", en, "是加密字段：须在 encrypted_for 指明加密所用公钥的序列号"))
}
