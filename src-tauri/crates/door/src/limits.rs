//! How much a stranger may ask of a door. Plain numbers; the reasons are in `ARCHITECTURE.md`.

use std::time::Duration;

use bytes::Bytes;

/// The content type and body of a refusal. An empty content type leaves the header out.
pub type RefusalBody = fn(refused: &Refused<'_>) -> (&'static str, Bytes);

/// What the door answers by itself, and what it knows of the request: nothing where the head was not understood.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'r> {
    /// The status of the answer.
    pub status: u16,
    /// The path that was asked for, without its query.
    pub path: Option<&'r str>,
    /// The languages that were asked for.
    pub accept_language: Option<&'r str>,
}

/// When a connection may carry another request. A refusal by the door itself always ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// One request a connection.
    Never,
    /// After an answer of 2xx: a tunnel that brings genuine callbacks keeps its connection, a stranger doesn't.
    AfterSuccess,
    /// After any answer.
    Always,
}

/// The limits of one door. Start from [`Limits::listener`] or [`Limits::sandbox`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once. A third of the process's descriptor limit bounds it too.
    pub max_connections: usize,
    /// From four fifths of the places on, the oldest connection whose request isn't whole makes room for the next, unless
    /// it came less long ago than this.
    pub eviction_grace: Duration,
    /// Bytes of the request line and header fields together; more is 431.
    pub head_bytes: usize,
    /// Header fields; more is 431.
    pub header_count: usize,
    /// Bytes of the request target; more is 414.
    pub target_bytes: usize,
    /// Bytes of the body after chunked coding is taken off; more is 413.
    pub body_bytes: usize,
    /// Bytes of requests in memory, of all connections together; beyond it the oldest unfinished ones go.
    pub held_bytes: usize,
    /// From accept (on a kept connection: from the first byte of the request) to the last byte of
    /// the body, however the bytes trickle; then 408.
    pub read_deadline: Duration,
    /// How long a kept connection may be silent between two requests; then it is closed.
    pub idle_deadline: Duration,
    /// From the last byte in to the handler's answer (then 503), and again for the answer's bytes to
    /// be taken by the client.
    pub answer_deadline: Duration,
    /// How long to read on after the last answer, so that a reset doesn't destroy it on its way.
    pub linger: Duration,
    /// How long [`Door::close`](crate::Door::close) waits for requests in flight.
    pub close_grace: Duration,
    /// The methods that reach the handler; others are 405. `CONNECT` in it makes this a proxy's door:
    /// targets are then `host:port` (`CONNECT`) or of any printable form.
    pub methods: &'static [&'static str],
    /// Whether a connection may carry a second request.
    pub keep: Keep,
    /// What refusals look like.
    pub refusal_body: RefusalBody,
}

impl Limits {
    /// For the callback listener on a public tunnel: small, short, a connection kept only for who was
    /// answered yes, and refusals in WeChat Pay's form `{"code":"FAIL","message":…}`.
    pub fn listener() -> Self {
        Limits {
            max_connections: 1024,
            eviction_grace: Duration::from_millis(50),
            head_bytes: 16 * 1024,
            header_count: 64,
            target_bytes: 2 * 1024,
            body_bytes: 64 * 1024,
            held_bytes: 16 * 1024 * 1024,
            read_deadline: Duration::from_secs(10),
            // Longer than the 90 s for which tunnels keep a connection: the side that sends closes it, so that no
            // callback is on its way into a connection that was just given up.
            idle_deadline: Duration::from_secs(120),
            answer_deadline: Duration::from_secs(8),
            linger: Duration::from_millis(500),
            close_grace: Duration::from_secs(5),
            methods: &["GET", "HEAD", "POST"],
            keep: Keep::AfterSuccess,
            refusal_body: |refused| ("application/json; charset=utf-8", fail_body(refused.status)),
        }
    }

    /// For the sandbox gateway on loopback: bodies to 1 MiB, kept connections, refusals in the gateway's form; of a method
    /// that nothing has, WeChat Pay says nothing.
    pub fn sandbox() -> Self {
        Limits {
            max_connections: 2048,
            body_bytes: 1024 * 1024,
            idle_deadline: Duration::from_secs(90),
            answer_deadline: Duration::from_secs(30),
            methods: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            keep: Keep::Always,
            refusal_body: |refused| match gateway_body(refused.status) {
                Some(body) => ("application/json; charset=utf-8", body),
                None => ("", Bytes::new()),
            },
            ..Limits::listener()
        }
    }

    /// For an HTTP `CONNECT` proxy on loopback.
    pub fn proxy() -> Self {
        Limits {
            body_bytes: 64 * 1024,
            methods: &["CONNECT", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            keep: Keep::Never,
            refusal_body: |_| ("", Bytes::new()),
            ..Limits::sandbox()
        }
    }

    pub(crate) fn takes_connect(&self) -> bool {
        self.methods.contains(&"CONNECT")
    }
}

/// What WeChat Pay says of such requests isn't known; so it is said in both languages what is wrong.
fn gateway_body(status: u16) -> Option<Bytes> {
    let zh = match status {
        405 => return None,
        408 => "请求超时未发完",
        413 => "请求正文超过 1 MiB",
        414 | 431 => "请求行或请求头过长",
        417 => "不支持的 Expect",
        500 => "沙箱内部错误",
        501 => "不支持的 Transfer-Encoding",
        503 => "沙箱繁忙，请稍后重试",
        505 => "不支持的 HTTP 版本",
        _ => "不是合法的 HTTP/1.1 请求",
    };
    let code = if status >= 500 { "SYSTEM_ERROR" } else { "INVALID_REQUEST" };
    let message = said(status);
    Some(Bytes::from(format!("{{\"code\":\"{code}\",\"message\":\"{zh} ({message})\"}}")))
}

fn fail_body(status: u16) -> Bytes {
    Bytes::from(format!("{{\"code\":\"FAIL\",\"message\":\"{}\"}}", said(status)))
}

fn said(status: u16) -> &'static str {
    match status {
        405 => "method not allowed",
        408 => "the request took too long",
        413 => "the body is too large",
        414 | 431 => "the request head is too large",
        417 => "expectation not supported",
        500 => "internal error",
        501 => "transfer coding not supported",
        503 => "busy, try again",
        505 => "HTTP version not supported",
        _ => "malformed request",
    }
}
