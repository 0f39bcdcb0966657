//! The identifiers of the field. Each is parsed once, at the edge, with the rule that WeChat Pay states for what *we*
//! send; what the gateway sends back is held to nothing stricter than a length (reference 13).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::FieldError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:literal, $check:expr, $en:literal, $zh:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// The text breaks the rule of the field; the error names field, rule and value.
            pub fn parse(text: &str) -> Result<Self, FieldError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok($name(text.to_owned())) } else { Err(FieldError::new($field, $rule, text, $en, $zh)) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = FieldError;
            fn from_str(text: &str) -> Result<Self, FieldError> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn every(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

id!(
    /// 商户号: decimal digits, 10 in practice, at most 32.
    Mchid, "mchid", "digits_1_32",
    |t| (1..=32).contains(&t.len()) && every(t, |b| b.is_ascii_digit()),
    "must be digits, at most 32 (ten in practice)", "须为数字，最多 32 位（实际为 10 位）");
id!(
    /// 应用ID: `wx` and letters or digits. Real ones have 18 characters; up to 32 are declared.
    Appid, "appid", "wx_alphanumeric",
    |t| (3..=32).contains(&t.len()) && t.starts_with("wx") && every(t, |b| b.is_ascii_alphanumeric()),
    "must be wx and letters or digits, 18 characters in practice", "须以 wx 开头，由字母数字组成（实际 18 位）");
id!(
    /// 用户标识: one user under one appid, at most 128 characters.
    Openid, "openid", "openid_1_128",
    |t| (1..=128).contains(&t.len()) && every(t, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
    "must be letters, digits, - or _, at most 128 characters", "须由字母、数字、- 或 _ 组成，最多 128 个字符");
id!(
    /// 商户订单号: `[0-9A-Za-z_\-|*]{6,32}`, unique per mchid.
    OutTradeNo, "out_trade_no", "charset_6_32",
    |t| (6..=32).contains(&t.len()) && every(t, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*')),
    "must have 6 to 32 letters, digits or _ - | *", "须为 6 到 32 个字母、数字或 _ - | *");
id!(
    /// 商户退款单号: `[0-9A-Za-z_\-|*@]{1,64}`, unique per mchid; the same number again is the same refund.
    OutRefundNo, "out_refund_no", "charset_1_64",
    |t| (1..=64).contains(&t.len()) && every(t, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*' | b'@')),
    "must have 1 to 64 letters, digits or _ - | * @", "须为 1 到 64 个字母、数字或 _ - | * @");
id!(
    /// 微信支付订单号: 28 digits in practice, at most 32 characters.
    TransactionId, "transaction_id", "length_1_32",
    |t| (1..=32).contains(&t.len()) && every(t, |b| b.is_ascii_alphanumeric()),
    "must be at most 32 letters or digits", "须为最多 32 个字母或数字");
id!(
    /// 微信支付退款号: 29 digits in practice, at most 32 characters.
    RefundId, "refund_id", "length_1_32",
    |t| (1..=32).contains(&t.len()) && every(t, |b| b.is_ascii_alphanumeric()),
    "must be at most 32 letters or digits", "须为最多 32 个字母或数字");
id!(
    /// 预支付交易会话标识: 36 characters in practice, at most 64.
    PrepayId, "prepay_id", "length_1_64",
    |t| (1..=64).contains(&t.len()) && every(t, |b| b.is_ascii_graphic()),
    "must be at most 64 characters", "须为最多 64 个字符");
id!(
    /// The id of a WeChat Pay public key: `PUB_KEY_ID_` and digits.
    PublicKeyId, "public_key_id", "pub_key_id",
    |t| t.strip_prefix("PUB_KEY_ID_").is_some_and(|d| (1..=64).contains(&d.len()) && every(d, |b| b.is_ascii_digit())),
    "must be PUB_KEY_ID_ and digits", "须为 PUB_KEY_ID_ 加数字");

/// A certificate's serial: hex, upper case, whole bytes, leading zero kept. Compared ignoring case and leading zeros.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct SerialNo(String);

impl SerialNo {
    /// Reads hex digits in any letter case; an odd count is padded, since some tools drop a leading zero.
    ///
    /// # Errors
    /// Not 1 to 64 hex digits: decimal, colons, `0x` and `PUB_KEY_ID_…` are not serials.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if !(1..=64).contains(&text.len()) || !every(text, |b| b.is_ascii_hexdigit()) {
            return Err(FieldError::new(
                "serial_no",
                "hex",
                text,
                "must be the certificate's serial in hex digits without colons: openssl x509 -noout -serial -in apiclient_cert.pem",
                "须为证书序列号的十六进制数字，不带冒号：openssl x509 -noout -serial -in apiclient_cert.pem",
            ));
        }
        let pad = if text.len() % 2 == 1 { "0" } else { "" };
        Ok(SerialNo(format!("{pad}{}", text.to_ascii_uppercase())))
    }

    /// Upper case hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SerialNo {
    fn eq(&self, other: &Self) -> bool {
        self.0.trim_start_matches('0') == other.0.trim_start_matches('0')
    }
}

impl Eq for SerialNo {}

impl fmt::Display for SerialNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SerialNo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Where notifications go: a full http(s) URL without query or fragment, at most 255 characters (reference 8.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NotifyUrl(String);

impl NotifyUrl {
    /// For a live merchant: `https`, a public host name, a path.
    ///
    /// # Errors
    /// Names the rule that the URL breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        Self::check(text, false)
    }

    /// For a sandbox: `http` and private or loopback addresses too.
    ///
    /// # Errors
    /// Names the rule that the URL breaks.
    pub fn parse_for_sandbox(text: &str) -> Result<Self, FieldError> {
        Self::check(text, true)
    }

    fn check(text: &str, sandbox: bool) -> Result<Self, FieldError> {
        let wrong = |rule, en: &str, zh: &str| Err(FieldError::new("notify_url", rule, text, en, zh));
        if text.chars().count() > 255 {
            return wrong("length_255", "must have at most 255 characters", "最多 255 个字符");
        }
        if text.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) || !text.is_ascii() {
            return wrong("charset", "must be plain ASCII without blanks or line ends", "须为不含空白与换行的 ASCII 字符");
        }
        if text.contains('?') {
            return wrong("no_query", "must not have a query string: WeChat Pay drops it", "不能带查询参数：微信支付会丢弃");
        }
        if text.contains('#') {
            return wrong("no_fragment", "must not have a fragment (#…)", "不能带 # 片段");
        }
        let rest = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => rest,
            (None, Some(rest)) if sandbox => rest,
            (None, Some(_)) => return wrong("https", "must begin with https://", "须以 https:// 开头"),
            (None, None) => return wrong("absolute", "must be a full URL beginning with https://", "须为以 https:// 开头的完整地址"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return wrong("no_credentials", "must not hold a user name or password", "不能带用户名或密码");
        }
        let host = match authority.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        if host.is_empty() || path.is_empty() {
            return wrong("full_path", "must have a host and a path, like https://shop.example.com/notify", "须有域名与路径，如 https://shop.example.com/notify");
        }
        if !sandbox && is_private(host) {
            return wrong("public_host", "must be reachable from the internet; this is a private or loopback address", "须能从公网访问；这是内网或本机地址");
        }
        Ok(NotifyUrl(text.to_owned()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Loopback, private, link-local and shared addresses, and the names that mean this machine.
fn is_private(host: &str) -> bool {
    use std::net::IpAddr;
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || shared
        }
        Ok(IpAddr::V6(ip)) => {
            let v4 = ip.to_ipv4_mapped().is_some_and(|ip| is_private(&ip.to_string()));
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local() || v4
        }
        Err(_) => name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local") || !name.contains('.'),
    }
}

impl fmt::Display for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NotifyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_for_sandbox(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
