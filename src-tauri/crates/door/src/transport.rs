//! The streams a door can serve: TCP, and whatever is laid over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A two-way byte stream that can be asked to end rudely.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Make the next drop of this stream a reset (RST) instead of an orderly end, where it can be.
    fn reset_on_drop(&self) {}
}

impl Transport for TcpStream {
    fn reset_on_drop(&self) {
        // A linger time of zero is the one portable way to send RST.
        let _ = socket2::SockRef::from(self).set_linger(Some(std::time::Duration::ZERO));
    }
}

/// A stream taken out of a door by [`Answer::Tunnel`](crate::Answer::Tunnel): first what was already
/// read beyond the `CONNECT`, then the socket.
pub struct Wire {
    early: Bytes,
    inner: Box<dyn Transport>,
}

impl Wire {
    pub(crate) fn new(early: Bytes, inner: Box<dyn Transport>) -> Self {
        Wire { early, inner }
    }
}

impl Transport for Wire {
    fn reset_on_drop(&self) {
        self.inner.reset_on_drop();
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let n = self.early.len().min(buf.remaining());
        buf.put_slice(self.early.get(..n).unwrap_or_default());
        self.early.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
