//! Where one request ends and the next begins, decided on the raw bytes and strictly.
//!
//! Pure: bytes in, a whole request or a refusal out, the same whatever pieces the bytes came in.
//! It reads no socket and no clock. Two readings of one message are what smuggling needs, so
//! everything that two programs might read differently is refused here: bare line feeds, folded
//! headers, two lengths, a length beside a transfer coding.

mod chunked;
#[cfg(test)]
mod fuzz;
mod head;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::limits::Limits;
use crate::refusal::Refusal;
use chunked::Chunked;
pub(crate) use head::{BodyLength, Head};

/// How far the reading of one connection's bytes got.
pub(crate) struct Framer {
    limits: Arc<Limits>,
    buffer: BytesMut,
    state: State,
}

enum State {
    Head { scanned: usize },
    Body { head: Head, body: Body },
}

enum Body {
    Sized(usize),
    Chunked(Chunked),
}

/// What the bytes so far amount to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing yet; read on.
    More,
    /// The head is in and acceptable, and the client waits for `100 Continue` before the body.
    /// Said once a request.
    Continue,
    /// A whole request. What came after it stays in the buffer.
    Whole(Head, Bytes),
}

impl Framer {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Framer { limits, buffer: BytesMut::new(), state: State::Head { scanned: 0 } }
    }

    /// Take in bytes from the wire.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether any byte of the present request is in.
    pub(crate) fn started(&self) -> bool {
        !self.buffer.is_empty() || matches!(self.state, State::Body { .. })
    }

    /// Bytes in memory: what waits, and what of a chunked body is in.
    pub(crate) fn held(&self) -> usize {
        let body = match &self.state {
            State::Body { body: Body::Chunked(chunked), .. } => chunked.held(),
            _ => 0,
        };
        self.buffer.len() + body
    }

    /// The head of a request whose body isn't whole, or was refused.
    pub(crate) fn head(&self) -> Option<&Head> {
        match &self.state {
            State::Body { head, .. } => Some(head),
            State::Head { .. } => None,
        }
    }

    /// The bytes after the last whole request.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        std::mem::take(&mut self.buffer).freeze()
    }

    /// Judge what came. After a refusal the connection is of no further use.
    pub(crate) fn advance(&mut self) -> Result<Step, Refusal> {
        let mut asked = false;
        if let State::Head { scanned } = &mut self.state {
            let Some(end) = head::find_end(&self.buffer, scanned, &self.limits)? else {
                return Ok(Step::More);
            };
            let raw = self.buffer.split_to(end);
            let head = head::parse(&raw, &self.limits)?;
            let body = match head.body {
                BodyLength::None => Body::Sized(0),
                BodyLength::Sized(n) if n > self.limits.body_bytes as u64 => {
                    self.state = State::Body { head, body: Body::Sized(usize::MAX) };
                    return Err(Refusal::BodyTooLarge);
                }
                BodyLength::Sized(n) => Body::Sized(usize::try_from(n).map_err(|_| Refusal::BodyTooLarge)?),
                BodyLength::Chunked => Body::Chunked(Chunked::new(self.limits.body_bytes, self.limits.head_bytes)),
            };
            asked = head.expects_continue;
            self.state = State::Body { head, body };
        }
        let State::Body { body, .. } = &mut self.state else {
            return Ok(Step::More);
        };
        let whole = match body {
            Body::Sized(n) if self.buffer.len() >= *n => Some(self.buffer.split_to(*n).freeze()),
            Body::Sized(_) => None,
            Body::Chunked(chunked) => chunked.advance(&mut self.buffer)?,
        };
        match whole {
            Some(bytes) => match std::mem::replace(&mut self.state, State::Head { scanned: 0 }) {
                State::Body { head, .. } => Ok(Step::Whole(head, bytes)),
                State::Head { .. } => Ok(Step::More),
            },
            None if asked => Ok(Step::Continue),
            None => Ok(Step::More),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut framer = Framer::new(Arc::new(Limits::sandbox()));
        let mut seen = Vec::new();
        for part in bytes.chunks(piece.max(1)) {
            framer.push(part);
            loop {
                match framer.advance() {
                    Ok(Step::More) => break,
                    Ok(Step::Continue) => continue,
                    Ok(Step::Whole(head, body)) => {
                        seen.push(format!("{} {} {:?} {:?}", head.method, head.target, head.headers, body));
                    }
                    Err(refusal) => {
                        seen.push(refusal.slug().to_owned());
                        return seen;
                    }
                }
            }
        }
        seen
    }

    #[test]
    fn a_pipelined_stream_comes_apart_in_the_same_place_whatever_the_pieces() {
        let stream = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
            3;ext=1\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n\
            GET /b?c HTTP/1.1\r\nhOST: y\r\n\r\nPOST /c HTTP/1.1\r\nHost: z\r\nContent-Length: 4\r\n\r\nGET GET /d HTTP/1.1\r\n\r\n";
        let whole = read(stream, stream.len());
        assert_eq!(whole.len(), 4, "{whole:?}");
        assert!(whole[0].contains("abc0123456789"), "{whole:?}");
        assert!(whole[1].contains("/b?c") && whole[1].contains("hOST"), "{whole:?}");
        assert!(whole[2].ends_with("b\"GET \""), "{whole:?}");
        assert_eq!(whole[3], "host", "{whole:?}");
        for piece in 1..40 {
            assert_eq!(read(stream, piece), whole, "in pieces of {piece}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn mutated_requests_never_panic_and_read_alike_in_any_pieces(
            places in proptest::collection::vec((0usize..220, any::<u8>()), 0..6),
            piece in 1usize..30,
        ) {
            let mut stream = b"POST /notify/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello\
                POST /y HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec();
            for (at, byte) in places {
                let len = stream.len();
                stream[at % len] = byte;
            }
            let whole = read(&stream, stream.len());
            prop_assert_eq!(read(&stream, piece), whole);
        }
    }
}
