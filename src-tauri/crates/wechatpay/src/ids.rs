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

impl std::hash::Hash for SerialNo {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.trim_start_matches('0').hash(state);
    }
}

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
            return wrong(
                "charset",
                "must be plain ASCII without blanks or line ends",
                "须为不含空白与换行的 ASCII 字符",
            );
        }
        if text.contains('?') {
            return wrong(
                "no_query",
                "must not have a query string: WeChat Pay drops it",
                "不能带查询参数：微信支付会丢弃",
            );
        }
        if text.contains('#') {
            return wrong("no_fragment", "must not have a fragment (#…)", "不能带 # 片段");
        }
        let rest = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => rest,
            (None, Some(rest)) if sandbox => rest,
            (None, Some(_)) => return wrong("https", "must begin with https://", "须以 https:// 开头"),
            (None, None) => {
                return wrong(
                    "absolute",
                    "must be a full URL beginning with https://",
                    "须为以 https:// 开头的完整地址",
                );
            }
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
            return wrong(
                "full_path",
                "must have a host and a path, like https://shop.example.com/notify",
                "须有域名与路径，如 https://shop.example.com/notify",
            );
        }
        let port = match authority.strip_prefix('[') {
            Some(six) => six.split_once(']').map(|(_, port)| port).unwrap_or("]"),
            None => authority.get(host.len()..).unwrap_or_default(),
        };
        let six = authority.starts_with('[');
        let is_host = if six { host.parse::<std::net::Ipv6Addr>().is_ok() } else { is_host_name(host) };
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
        if !is_host || !is_port || path.contains('\\') {
            return wrong("host", "must have a sound host name and port", "域名或端口不正确");
        }
        if !sandbox && is_private(host) {
            return wrong(
                "public_host",
                "must be reachable from the internet; this is a private or loopback address",
                "须能从公网访问；这是内网或本机地址",
            );
        }
        Ok(NotifyUrl(text.to_owned()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters, digits and hyphens in labels of 1 to 63; a name of digits and dots only must be an IPv4 address, since some
/// programs read `127.1` as one.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && every(label, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with("0x") || every(last, |b| b.is_ascii_digit());
    name.split('.').all(label) && (!numeric || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// Loopback, private, link-local and shared addresses, and the names that mean this machine.
fn is_private(host: &str) -> bool {
    use std::net::IpAddr;
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            let never = ip.octets()[0] == 0 || ip.is_multicast() || ip.is_broadcast();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared || never
        }
        Ok(IpAddr::V6(ip)) => {
            let v4 = ip.to_ipv4_mapped().is_some_and(|ip| is_private(&ip.to_string()));
            let never = ip.is_unspecified() || ip.is_multicast();
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || v4 || never
        }
        Err(_) => {
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local") || !name.contains('.')
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabets_and_lengths_have_two_ends() {
        fn ok<T>(parse: fn(&str) -> Result<T, FieldError>, text: &str) -> bool {
            parse(text).is_ok()
        }
        let long = |n: usize| "7".repeat(n);
        let rows = [
            (ok(OutTradeNo::parse, "a_-|*9"), true),
            (ok(OutTradeNo::parse, "12345"), false),
            (ok(OutTradeNo::parse, &long(32)), true),
            (ok(OutTradeNo::parse, &long(33)), false),
            (ok(OutTradeNo::parse, "abc@de"), false),
            (ok(OutTradeNo::parse, "订单123456"), false),
            (ok(OutTradeNo::parse, "abcdef\n"), false),
            (ok(OutRefundNo::parse, "@"), true),
            (ok(OutRefundNo::parse, ""), false),
            (ok(OutRefundNo::parse, &long(64)), true),
            (ok(OutRefundNo::parse, &long(65)), false),
            (ok(Mchid::parse, "1900000001"), true),
            (ok(Mchid::parse, "19000x"), false),
            (ok(Mchid::parse, ""), false),
            (ok(Mchid::parse, " 1900000001"), false),
            (ok(Appid::parse, "wxd678efh567hg6787"), true),
            (ok(Appid::parse, "d678efh567hg6787"), false),
            (ok(Openid::parse, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"), true),
            (ok(Openid::parse, "o b"), false),
            (ok(PublicKeyId::parse, "PUB_KEY_ID_0114232134912410000000000000"), true),
            (ok(PublicKeyId::parse, "0114232134912410000000000000"), false),
            (ok(TransactionId::parse, &long(32)), true),
            (ok(TransactionId::parse, "42/../1"), false),
            (ok(PrepayId::parse, "wx201410272009395522657a690389285100"), true),
            (ok(PrepayId::parse, ""), false),
        ];
        for (at, (found, wanted)) in rows.into_iter().enumerate() {
            assert_eq!(found, wanted, "row {at}");
        }
    }

    #[test]
    fn serials_are_one_whatever_the_tool_made_of_them() {
        let serial = SerialNo::parse("0C4AEF34B89340881BB2B25226393DC2E47F094B").unwrap();
        for text in ["c4aef34b89340881bb2b25226393dc2e47f094b", "0c4aef34b89340881bb2b25226393dc2e47f094b"] {
            assert_eq!(SerialNo::parse(text).unwrap(), serial);
            assert_eq!(SerialNo::parse(text).unwrap().as_str(), serial.as_str());
        }
        for text in ["", "0x12", "12:34", "PUB_KEY_ID_01", "12 34", &"A".repeat(65)] {
            assert!(SerialNo::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_notify_url_is_refused_by_the_rule_that_it_breaks() {
        let rows = [
            ("https://shop.example.com/notify", None),
            ("https://shop.example.com:8443/notify", None),
            ("https://8.8.8.8/n", None),
            ("https://[2001:4860:4860::8888]:443/n", None),
            ("http://shop.example.com/notify", Some("https")),
            ("shop.example.com/notify", Some("absolute")),
            ("ftp://shop.example.com/n", Some("absolute")),
            ("https://shop.example.com", Some("full_path")),
            ("https:///n", Some("full_path")),
            ("https://shop.example.com/n?a=1", Some("no_query")),
            ("https://shop.example.com/n?", Some("no_query")),
            ("https://shop.example.com/n#x", Some("no_fragment")),
            ("https://u:p@shop.example.com/n", Some("no_credentials")),
            ("https://shop.example.com/n ", Some("charset")),
            ("https://shop.example.com/支付", Some("charset")),
            ("https://shop.example.com:0/n", Some("host")),
            ("https://shop.example.com:99999/n", Some("host")),
            ("https://shop..example.com/n", Some("host")),
            ("https://shop.example.com\\n/n", Some("host")),
            ("https://127.1/n", Some("host")),
            ("https://2130706433/n", Some("host")),
            ("https://[::1/n", Some("host")),
            ("https://127.0.0.1/n", Some("public_host")),
            ("https://10.0.0.8/n", Some("public_host")),
            ("https://172.16.3.4/n", Some("public_host")),
            ("https://192.168.1.1/n", Some("public_host")),
            ("https://169.254.169.254/n", Some("public_host")),
            ("https://100.64.0.1/n", Some("public_host")),
            ("https://0.0.0.0/n", Some("public_host")),
            ("https://localhost/n", Some("public_host")),
            ("https://desk/n", Some("public_host")),
            ("https://desk.local./n", Some("public_host")),
            ("https://[::1]/n", Some("public_host")),
            ("https://[::ffff:10.0.0.1]/n", Some("public_host")),
            ("https://[fd00::1]/n", Some("public_host")),
        ];
        for (url, rule) in rows {
            assert_eq!(NotifyUrl::parse(url).err().map(|e| e.rule), rule, "{url}");
        }
        let of = |length: usize| format!("https://shop.example.com/{}", "n".repeat(length - 25));
        assert!(NotifyUrl::parse(&of(255)).is_ok());
        assert_eq!(NotifyUrl::parse(&of(256)).unwrap_err().rule, "length_255");
        for url in ["http://127.0.0.1:8787/notify/shop", "http://localhost:1/n", "http://[::1]:80/n"] {
            assert!(NotifyUrl::parse_for_sandbox(url).is_ok(), "{url}");
        }
        assert!(NotifyUrl::parse_for_sandbox("http://127.0.0.1:8787/notify?x=1").is_err());
    }
}
