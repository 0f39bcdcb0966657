//! Where deliveries are sent on somebody's word, and the one way of sending them there: the address is judged, resolved
//! once, and connected to as it was judged; no proxy, no redirect, five seconds, 64 KiB of answer.

use crate::gateway;
use crate::problem;
use crate::visible;
use crate::wire::Problem;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, redirect};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use url::{Host, Url};

/// From resolving the name to the answer's last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;
/// Characters of an address at most.
const LONGEST: usize = 2_048;
/// Belong to one connection or to one host, so they are not sent on; those that `Connection` names go too.
const HOP_BY_HOP: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "host",
    "content-length",
];

/// An address that may be sent to as far as its text can tell.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
    port: u16,
    allow_private: bool,
}

/// A target whose name was resolved and judged, with a client that connects nowhere else. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    url: Url,
    addresses: Vec<SocketAddr>,
    client: Client,
}

/// What came of sending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// `None`: no whole head of an answer came.
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The answer went on beyond 64 KiB or ended early.
    pub(crate) cut: bool,
    pub(crate) error: Option<String>,
}

/// What kind of place an IP address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// This machine.
    Loopback,
    /// A private or link-local network, or a cloud's inner address.
    Private,
    /// The internet.
    Public,
    /// No single machine: unspecified, multicast, reserved.
    Nowhere,
}

impl Target {
    /// Judges the text of an address: http or https, a host, no user name or password, no fragment; an IP address in
    /// whatever spelling must be one that may be sent to.
    ///
    /// # Errors
    /// `INVALID_FIELD` at `field`; `TARGET_REFUSED` for a private or impossible address.
    pub(crate) fn parse(field: &str, text: &str, allow_private: bool) -> Result<Target, Problem> {
        let text = text.trim();
        let wrong = |rule: &'static str, en: &str, zh: &str| {
            // the address may hold a password: it is not repeated
            let shown = if text.contains('@') { "***" } else { text };
            Problem::from(wechatpay::error::FieldError::new(field, rule, &visible(shown, 200), en, zh))
        };
        let url = Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| Url::parse(text).ok());
        let Some(url) = url else {
            return Err(wrong(
                "absolute",
                "must be a full URL like http://127.0.0.1:8080/notify",
                "须为完整地址，如 http://127.0.0.1:8080/notify",
            ));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("scheme", "must begin with http:// or https://", "须以 http:// 或 https:// 开头"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("no_credentials", "must not hold a user name or password", "不能带用户名或密码"));
        }
        if url.fragment().is_some() {
            return Err(wrong("no_fragment", "must not have a # fragment", "不能带 # 片段"));
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return Err(wrong("port", "must have a port from 1 to 65535", "端口须为 1 到 65535"));
        }
        let target = Target { port, allow_private, url };
        let address = match target.url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(wrong("absolute", "must have a host", "须有主机名")),
        };
        if let Some(address) = address {
            target.judge(address).map_err(|place| refused(address, place))?;
        }
        Ok(target)
    }

    /// The address in its one spelling.
    pub(crate) fn text(&self) -> &str {
        self.url.as_str()
    }

    /// May it be private or link-local?
    pub(crate) fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Resolves the name once and judges every address it has; one that may not be sent to refuses them all.
    ///
    /// # Errors
    /// `TARGET_REFUSED`, `TARGET_UNKNOWN` for a name that has no address.
    pub(crate) async fn route(&self) -> Result<Route, Problem> {
        let addresses = match self.url.host() {
            Some(Host::Ipv4(address)) => vec![SocketAddr::from((address, self.port))],
            Some(Host::Ipv6(address)) => vec![SocketAddr::from((address, self.port))],
            Some(Host::Domain(name)) => {
                let looking = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, self.port))).await;
                match looking {
                    Ok(Ok(found)) => found.collect(),
                    Ok(Err(error)) => return Err(unknown(name, &error.to_string())),
                    Err(_) => return Err(unknown(name, "no answer from the resolver within 5 s")),
                }
            }
            None => Vec::new(),
        };
        self.reached_at(addresses)
    }

    /// The route to these addresses, which its name was found to have; nothing looks the name up again.
    fn reached_at(&self, addresses: Vec<SocketAddr>) -> Result<Route, Problem> {
        if addresses.is_empty() {
            return Err(unknown(self.url.host_str().unwrap_or_default(), "it has no address"));
        }
        for address in &addresses {
            self.judge(address.ip()).map_err(|place| refused(address.ip(), place))?;
        }
        let client = client(&self.url, &addresses).map_err(|error| {
            problem::new(
                "TARGET_UNREACHABLE",
                "本机没有准备好发送请求。",
                "This machine is not able to send.",
                "检查系统的根证书后再试。",
                "Check the system's root certificates and try again.",
            )
            .with_why(error.clone(), error)
        })?;
        Ok(Route { url: self.url.clone(), addresses, client })
    }

    /// The same route where the name still has the same addresses, so that its client can be kept.
    pub(crate) async fn route_again(&self, before: Option<Route>) -> Result<Route, Problem> {
        match (self.url.host(), before) {
            (Some(Host::Ipv4(_) | Host::Ipv6(_)), Some(route)) => Ok(route),
            (_, before) => {
                let fresh = self.route().await?;
                Ok(before.filter(|before| before.addresses == fresh.addresses).unwrap_or(fresh))
            }
        }
    }

    fn judge(&self, address: IpAddr) -> Result<(), Place> {
        match place(address) {
            Place::Loopback | Place::Public => Ok(()),
            Place::Private if self.allow_private => Ok(()),
            other => Err(other),
        }
    }
}

impl Route {
    /// `POST`s these headers and this body. Never fails: what goes wrong is in [`Sent::error`].
    pub(crate) async fn post(&self, headers: &[(String, String)], body: Vec<u8>) -> Sent {
        let began = Instant::now();
        let mut sent = Sent::default();
        // the client's own limit ends the call; this one also bounds what the client doesn't count
        if tokio::time::timeout(PATIENCE, self.carry(headers, body, &mut sent)).await.is_err() {
            sent.cut = sent.status.is_some();
            sent.error = Some(format!("no whole answer within {} s", PATIENCE.as_secs()));
        }
        sent.latency_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        sent
    }

    async fn carry(&self, headers: &[(String, String)], body: Vec<u8>, sent: &mut Sent) {
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                map.append(name, value);
            }
        }
        let mut response = match self.client.post(self.url.clone()).headers(map).body(body).send().await {
            Ok(response) => response,
            Err(error) => {
                sent.error = Some(words(error));
                return;
            }
        };
        sent.status = Some(response.status().as_u16());
        let received = response.headers().iter();
        sent.headers = received
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        loop {
            match response.chunk().await {
                Ok(None) => return,
                Ok(Some(chunk)) => {
                    let room = ANSWER.saturating_sub(sent.body.len());
                    sent.body.extend(chunk.iter().take(room));
                    if chunk.len() > room {
                        sent.cut = true;
                        return;
                    }
                }
                Err(error) => {
                    sent.cut = true;
                    sent.error = Some(words(error));
                    return;
                }
            }
        }
    }
}

/// What was received, as it may be sent on: in order, without what belongs to the connection it came over and without
/// marks of our own that somebody else may have set.
pub(crate) fn end_to_end(headers: &[(String, String)]) -> Vec<(String, String)> {
    let named: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let goes_on = |name: &str| {
        let name = name.to_ascii_lowercase();
        !HOP_BY_HOP.contains(&name.as_str()) && !named.contains(&name) && !name.starts_with("x-guitai-")
    };
    headers.iter().filter(|(name, _)| goes_on(name)).cloned().collect()
}

fn client(url: &Url, addresses: &[SocketAddr]) -> Result<Client, String> {
    let mut building = Client::builder()
        // a proxy would resolve the name again, and connect where nobody looked
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .gzip(false)
        .http1_only()
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        // a kept connection that the backend closes at that moment would look like a failed delivery
        .pool_max_idle_per_host(0);
    if let Some(Host::Domain(name)) = url.host() {
        building = building.resolve_to_addrs(name, addresses);
    }
    if url.scheme() == "http" {
        building = building.tls_certs_only([]);
    }
    building.build().map_err(words)
}

fn place(address: IpAddr) -> Place {
    match address.to_canonical() {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (127, ..) => Place::Loopback,
        (0, ..) | (224..=255, ..) => Place::Nowhere,
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Place::Nowhere,
        (10, ..) | (192, 168, ..) | (169, 254, ..) => Place::Private,
        (172, 16..=31, ..) | (100, 64..=127, ..) | (192, 0, 0, _) | (198, 18..=19, ..) => Place::Private,
        // a cloud's own service, at a public-looking address
        (168, 63, 129, 16) => Place::Private,
        _ => Place::Public,
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| {
        let [one, two] = high.to_be_bytes();
        let [three, four] = low.to_be_bytes();
        // wrapped in another protocol it is not this machine's own loopback any more
        match place_v4(Ipv4Addr::new(one, two, three, four)) {
            Place::Loopback => Place::Private,
            other => other,
        }
    };
    match (a, b, c, d, e, f) {
        _ if address.is_loopback() => Place::Loopback,
        _ if address.is_unspecified() || address.is_multicast() => Place::Nowhere,
        (0, 0, 0, 0, 0, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => inner(g, h),
        (0x64, 0xff9b, 1, ..) => Place::Private,
        (0x2002, ..) => inner(b, c),
        (0x2001, 0, ..) => Place::Private,
        (0x2001, 0xdb8, ..) => Place::Nowhere,
        (0xfc00..=0xfdff, ..) | (0xfe80..=0xfeff, ..) => Place::Private,
        (0x2000..=0x3fff, ..) => Place::Public,
        _ => Place::Nowhere,
    }
}

fn refused(address: IpAddr, place: Place) -> Problem {
    let (zh, en, hint_zh, hint_en) = match place {
        Place::Nowhere => (
            format!("{address} 不是一台机器的地址，没有发送。"),
            format!("{address} is no machine's address; nothing was sent."),
            "换成后端的地址。",
            "Give the backend's address.",
        ),
        _ => (
            format!("{address} 是内网、链路本地或云平台内部的地址，没有发送。"),
            format!("{address} is a private, link-local or cloud-internal address; nothing was sent."),
            "确认是自己的后端后，加上 --allow-private。",
            "If it is your own backend, add --allow-private.",
        ),
    };
    problem::new("TARGET_REFUSED", zh, en, hint_zh, hint_en)
}

fn unknown(name: &str, reason: &str) -> Problem {
    let name = visible(name, 200);
    problem::new(
        "TARGET_UNKNOWN",
        format!("找不到主机 {name} 的地址，没有发送。"),
        format!("The host {name} has no address; nothing was sent."),
        "检查主机名和网络。",
        "Check the name and the network.",
    )
    .with_why(reason, reason)
}

/// The error with its causes and without the URL, which may hold a secret.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no whole answer within {} s", PATIENCE.as_secs());
    }
    gateway::words(error)
}

#[cfg(test)]
mod tests;
