//! The two addresses of a profile: the gateway it talks to and the URL that WeChat Pay calls back. Only the texts are
//! judged; nothing is resolved or connected to.

use std::net::IpAddr;
use url::{Host, Url};
use wechatpay::api::GATEWAY;
use wechatpay::error::FieldError;
use wechatpay::ids::NotifyUrl;

/// Host names of the real gateway (reference 11.6).
const LIVE: [&str; 4] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "api.wechatpay.cn", "api2.wechatpay.cn"];

/// Scheme, host and port of a gateway, without a slash at the end.
pub(super) fn base_url(text: Option<&str>) -> Result<String, FieldError> {
    let Some(text) = text else { return Ok(GATEWAY.to_owned()) };
    let wrong = |rule, en: &str, zh: &str| Err(FieldError::new("base_url", rule, text, en, zh));
    if text.len() > 255 || !text.is_ascii() || text.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
        return wrong(
            "charset",
            "must be at most 255 ASCII characters without blanks",
            "最多 255 个 ASCII 字符，不含空白",
        );
    }
    let Ok(url) = Url::parse(text) else {
        return wrong(
            "absolute",
            "must be a full URL like https://api.mch.weixin.qq.com",
            "须为完整地址，如 https://api.mch.weixin.qq.com",
        );
    };
    let Some(host) = url.host() else {
        return wrong("absolute", "must have a host", "须有主机名");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong(
            "scheme",
            "must begin with https:// (or http:// for a sandbox)",
            "须以 https:// 开头（沙箱可用 http://）",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("no_credentials", "must not hold a user name or password", "不能带用户名或密码");
    }
    if text.contains(['?', '#']) {
        return wrong("no_query", "must not have a query string or fragment", "不能带查询参数或 # 片段");
    }
    if url.path() != "/" {
        return wrong(
            "no_path",
            "must end after the host: paths like /v3/… are added",
            "到主机名为止，/v3/… 会自动加上",
        );
    }
    if url.scheme() == "http" && !is_near(&host) {
        return wrong(
            "https",
            "must begin with https:// unless it is on this machine or a private network",
            "除本机和内网外须以 https:// 开头",
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Is it the real gateway: real money, and the strict rules for `notify_url`.
pub(super) fn is_live(base_url: &str) -> bool {
    Url::parse(base_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_ascii_lowercase))
        .is_some_and(|host| LIVE.contains(&host.as_str()) || host.ends_with(".mch.weixin.qq.com"))
}

/// Where WeChat Pay calls back: public and https for a live merchant.
pub(super) fn notify_url(text: &str, live: bool) -> Result<NotifyUrl, FieldError> {
    if live { NotifyUrl::parse(text) } else { NotifyUrl::parse_for_sandbox(text) }
}

/// This machine, a private network, or a name that only such a network knows.
fn is_near(host: &Host<&str>) -> bool {
    let address = match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            return !name.contains('.')
                || [".localhost", ".local", ".internal", ".test"].iter().any(|end| name.ends_with(end));
        }
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
    };
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways() {
        for (text, expected) in [
            ("https://api.mch.weixin.qq.com", Ok("https://api.mch.weixin.qq.com")),
            ("https://api.mch.weixin.qq.com/", Ok("https://api.mch.weixin.qq.com")),
            ("http://127.0.0.1:8788", Ok("http://127.0.0.1:8788")),
            ("http://[::1]:8788", Ok("http://[::1]:8788")),
            ("http://localhost:1", Ok("http://localhost:1")),
            ("http://192.168.1.9:1", Ok("http://192.168.1.9:1")),
            ("http://sandbox:8788", Ok("http://sandbox:8788")),
            ("http://api.mch.weixin.qq.com", Err("https")),
            ("http://8.8.8.8", Err("https")),
            ("https://user:pw@example.com", Err("no_credentials")),
            ("https://example.com?x=1", Err("no_query")),
            ("https://example.com/#a", Err("no_query")),
            ("https://example.com/v3", Err("no_path")),
            ("ftp://example.com", Err("scheme")),
            ("example.com", Err("absolute")),
            ("", Err("absolute")),
            (" https://example.com", Err("charset")),
            ("https://exa mple.com", Err("charset")),
            ("https://例子.com", Err("charset")),
        ] {
            let found = base_url(Some(text)).map_err(|error| error.rule);
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
        assert_eq!(base_url(None).as_deref(), Ok(GATEWAY));
    }

    #[test]
    fn live_is_told_by_the_host() {
        for (text, live) in [
            (GATEWAY, true),
            ("https://api2.mch.weixin.qq.com", true),
            ("https://API.wechatpay.cn", true),
            ("https://api.mch.weixin.qq.com.example.com", false),
            ("https://example.com/api.mch.weixin.qq.com", false),
            ("http://127.0.0.1:1", false),
        ] {
            assert_eq!(is_live(text), live, "{text}");
        }
    }

    #[test]
    fn a_live_merchant_is_called_back_from_the_internet_only() {
        assert!(notify_url("http://127.0.0.1:8787/notify/a", false).is_ok());
        for text in [
            "http://shop.example.com/n",
            "https://127.0.0.1/n",
            "https://192.168.0.1/n",
            "https://shop.example.com/n?a=1",
        ] {
            assert!(notify_url(text, true).is_err(), "{text}");
        }
    }
}
