//! A whole request as a handler sees it: everything as it was sent, nothing decoded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::watch;

/// One complete request. The framing was checked; the content was not looked at.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, as sent, one of [`Limits::methods`](crate::Limits::methods).
    pub method: String,
    /// The raw request target (`/path?query`), not decoded and not normalised.
    pub target: String,
    /// The header fields in order, names as sent, values without the blanks around them.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, chunked coding taken off; empty when there is none.
    pub body: Bytes,
    /// The address at the other end of the socket. Behind a tunnel everyone is 127.0.0.1.
    pub peer: SocketAddr,
    /// When the last byte of the request was in.
    pub received_at: SystemTime,
    /// The origin the client believes to talk to (`https://api.mch.weixin.qq.com`) when the stream
    /// came through [`Entrance::serve_stream`](crate::Entrance::serve_stream); `None` on a door's own port.
    pub via: Option<Arc<str>>,
    /// Tells when the answer went out, for work that must come after it.
    pub answered: Answered,
}

/// The fate of the answer to one request.
#[derive(Debug, Clone)]
pub struct Answered(pub(crate) watch::Receiver<Option<bool>>);

impl Default for Answered {
    /// Of a request that came through no door: its answer never goes out.
    fn default() -> Self {
        Answered(watch::channel(None).1)
    }
}

impl Answered {
    /// Returns when the connection is done with the answer. `true`: every byte of it was handed to the system. `false`:
    /// the client was gone, or the answer was no ordinary one.
    pub async fn wait(mut self) -> bool {
        match self.0.wait_for(Option::is_some).await {
            Ok(told) => told.unwrap_or(false),
            Err(_) => false,
        }
    }
}

impl Request {
    /// The value of the first header of this name, whatever its letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The target up to the first `?`, raw.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The target after the first `?`, raw; `None` without a `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Request {
        Request {
            method: "GET".into(),
            target: target.into(),
            headers: vec![("HoSt".into(), "a".into()), ("host".into(), "b".into())],
            body: Bytes::new(),
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
            received_at: SystemTime::UNIX_EPOCH,
            via: None,
            answered: Answered::default(),
        }
    }

    #[test]
    fn path_and_query_are_cut_at_the_first_question_mark_and_stay_raw() {
        for (target, path, query) in [
            ("/a", "/a", None),
            ("/a?", "/a", Some("")),
            ("/a%2f?b=c?d", "/a%2f", Some("b=c?d")),
            ("//x/../y", "//x/../y", None),
        ] {
            assert_eq!((request(target).path(), request(target).query()), (path, query), "{target}");
        }
        assert_eq!(request("/").header("HOST"), Some("a"));
        assert_eq!(request("/").header("accept"), None);
    }
}
