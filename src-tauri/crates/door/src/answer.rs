//! What a handler can do with a request: answer it, or misbehave on purpose.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::transport::Wire;

/// A handler's decision.
#[derive(Debug)]
pub enum Answer {
    /// An ordinary response. `Content-Length`, `Date` and `Connection` are the door's to write.
    Full {
        /// The status code, 200 to 599.
        status: u16,
        /// The header fields in order; a name may come more than once.
        headers: Vec<(String, String)>,
        /// The body; left out by the door for `HEAD`, 204 and 304.
        body: Bytes,
    },
    /// Never answer: the connection is held until the answer deadline, then closed without a byte.
    Hang,
    /// Close the socket at once with a TCP reset.
    Reset,
    /// Send exactly these bytes, whatever they are, and close: an answer cut in the middle.
    Cut {
        /// The raw bytes, status line and all.
        bytes: Bytes,
    },
    /// Say `200` to a `CONNECT` and give the stream away. Only a door that takes `CONNECT` sends it.
    Tunnel(Tunnel),
}

impl Answer {
    /// A response without headers and body.
    pub fn empty(status: u16) -> Self {
        Answer::Full { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A response with one `Content-Type` and a body.
    pub fn full(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Answer::Full { status, headers, body: body.into() }
    }
}

type TunnelEnd = dyn FnOnce(Wire) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send;

/// What happens to a stream after a `CONNECT` was granted. The door keeps counting the connection
/// until the future ends.
pub struct Tunnel(pub(crate) Box<TunnelEnd>);

impl Tunnel {
    /// A tunnel that ends in `end`, which gets the bare stream.
    pub fn new<E, F>(end: E) -> Self
    where
        E: FnOnce(Wire) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Tunnel(Box::new(move |wire| Box::pin(end(wire))))
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}
