//! The door itself: bind, accept, close.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::admission::Admission;
use crate::answer::Answer;
use crate::connection;
use crate::counters::{Counters, Tally, count};
use crate::limits::Limits;
use crate::request::Request;
use crate::transport::Transport;

/// Connections the kernel may hold before they are accepted.
const BACKLOG: i32 = 1024;
/// The pause after a failed accept, so that a full descriptor table doesn't spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// So many failures on end, with descriptors to spare, mean that the socket itself is broken.
const REOPEN_AFTER: u32 = 25;
/// The descriptor limit to ask for; systems give what they can.
const DESCRIPTORS: u64 = 65_536;

pub(crate) type Handler = dyn Fn(Request) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;

/// Where a door is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// Requests in flight are finished, none is begun.
    Closing,
    /// The grace is over.
    Killed,
}

/// What the door and its connections share.
pub(crate) struct Inner {
    pub(crate) limits: Arc<Limits>,
    pub(crate) handler: Arc<Handler>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) stage: watch::Sender<Stage>,
}

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Another program listens there.
    #[error("port {} is in use by another program", addr.port())]
    PortInUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The system refused for another reason.
    #[error("can't listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// An open port with its handler. Dropping it closes the port at once and cuts what is in flight;
/// [`close`](Door::close) is the polite way.
pub struct Door {
    addr: SocketAddr,
    inner: Arc<Inner>,
    accepting: JoinHandle<()>,
}

/// A way into an open door's handler for streams that came by another way than its port. Cheap to clone.
#[derive(Clone)]
pub struct Entrance {
    inner: Arc<Inner>,
}

/// Reads a door's counters, also after it was closed. Cheap to clone; keeps neither the port nor the handler.
#[derive(Clone)]
pub struct Meter {
    tally: Arc<Tally>,
    admission: Arc<Admission>,
}

impl Meter {
    /// The counters as they stand.
    pub fn counters(&self) -> Counters {
        self.tally.snapshot(self.admission.open(), self.admission.evicted())
    }
}

impl Door {
    /// Listen on `addr` (port 0: any free one) and serve until [`close`](Door::close). Must be called
    /// within a Tokio runtime. Raises the process's descriptor limit where it can.
    ///
    /// A panic in `handler` is answered 500; the handler's work isn't stopped when its client goes.
    ///
    /// # Errors
    /// [`DoorError::PortInUse`] when another program has the port, [`DoorError::Listen`] otherwise.
    pub fn open<H, F>(addr: SocketAddr, limits: Limits, handler: H) -> Result<Door, DoorError>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => DoorError::PortInUse { addr },
            _ => DoorError::Listen { addr, source },
        };
        let listener = bind(addr).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let max = limits.max_connections.min(third_of_descriptors());
        let admission = Admission::new(max, limits.held_bytes, limits.eviction_grace);
        let inner = Arc::new(Inner {
            limits: Arc::new(limits),
            handler: Arc::new(move |request| Box::pin(handler(request))),
            tally: Arc::default(),
            admission,
            stage: watch::Sender::new(Stage::Open),
        });
        let accepting = tokio::spawn(accept(listener, addr, Arc::clone(&inner)));
        Ok(Door { addr, inner, accepting })
    }

    /// The address that is listened on, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counters as they stand.
    pub fn counters(&self) -> Counters {
        self.meter().counters()
    }

    /// The counters for somebody who must not hold the door open.
    pub fn meter(&self) -> Meter {
        Meter { tally: Arc::clone(&self.inner.tally), admission: Arc::clone(&self.inner.admission) }
    }

    /// A handle for streams that came by another way, such as a proxy's TLS streams.
    pub fn entrance(&self) -> Entrance {
        Entrance { inner: Arc::clone(&self.inner) }
    }

    /// Stop accepting, let requests in flight be answered (for at most [`Limits::close_grace`]), then
    /// cut the rest.
    pub async fn close(mut self) {
        // First the port: who comes now is refused by the system and comes again.
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.inner.stage.send_replace(Stage::Closing);
        let _ = timeout(self.inner.limits.close_grace, self.inner.admission.empty()).await;
        // Dropping `self` cuts what is left.
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
        self.inner.stage.send_replace(Stage::Killed);
    }
}

impl Entrance {
    /// Serve one stream with the door's handler, limits and counters until it ends. `via` is the origin
    /// its client believes to talk to; requests carry it.
    pub async fn serve_stream<T: Transport>(&self, io: T, peer: SocketAddr, via: Option<Arc<str>>) {
        let place = self.inner.admission.enter().await;
        count(&self.inner.tally.accepted);
        connection::run(Arc::clone(&self.inner), io, peer, via, place).await;
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // On Unix this lets a restart take the port while old connections fade; on Windows it would let
    // another program steal it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn third_of_descriptors() -> usize {
    let soft = rlimit::increase_nofile_limit(DESCRIPTORS).unwrap_or(256);
    usize::try_from(soft / 3).unwrap_or(usize::MAX)
}

async fn accept(mut listener: TcpListener, addr: SocketAddr, inner: Arc<Inner>) {
    let mut failures = 0_u32;
    loop {
        let (io, peer) = match listener.accept().await {
            Ok(taken) => taken,
            Err(error) => {
                count(&inner.tally.accept_errors);
                inner.admission.evict_oldest();
                if failures == 0 {
                    tracing::warn!(%error, "accept failed; the oldest unfinished connection made room");
                }
                failures += 1;
                sleep(ACCEPT_PAUSE).await;
                if failures.is_multiple_of(REOPEN_AFTER) && !passes(&error) {
                    tracing::error!(%error, "accept goes on failing; the port is opened again");
                    drop(listener);
                    listener = reopen(addr).await;
                }
                continue;
            }
        };
        failures = 0;
        let place = inner.admission.enter().await;
        count(&inner.tally.accepted);
        let _ = io.set_nodelay(true);
        tokio::spawn(connection::run(Arc::clone(&inner), io, peer, None, place));
    }
}

/// Does this failure of `accept` end when descriptors come free? Then a new socket would fail as well.
fn passes(error: &io::Error) -> bool {
    // EMFILE and ENFILE, which have no kind of their own: by the numbers that all Unix systems share.
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

async fn reopen(addr: SocketAddr) -> TcpListener {
    loop {
        match bind(addr) {
            Ok(listener) => return listener,
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_listening_socket_that_broke_is_opened_again() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let addr = listener.local_addr().expect("bound");
        // From here on every accept fails, and no descriptor is short.
        socket2::SockRef::from(&listener).shutdown(std::net::Shutdown::Both).expect("shut down");
        let inner = Arc::new(Inner {
            limits: Arc::new(Limits::listener()),
            handler: Arc::new(|_| Box::pin(async { Answer::empty(204) })),
            tally: Arc::default(),
            admission: Admission::new(10, 1000, Duration::ZERO),
            stage: watch::Sender::new(Stage::Open),
        });
        let accepting = tokio::spawn(accept(listener, addr, Arc::clone(&inner)));
        // Few and far between: a client that calls very often ends up with the port itself as its own end.
        let mut ticks = tokio::time::interval(ACCEPT_PAUSE);
        let mut stream = loop {
            ticks.tick().await;
            let failed = inner.tally.snapshot(0, 0).accept_errors;
            if failed >= u64::from(REOPEN_AFTER)
                && let Ok(stream) = tokio::net::TcpStream::connect(addr).await
            {
                break stream;
            }
        };
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        assert!(inner.tally.snapshot(0, 0).accept_errors >= u64::from(REOPEN_AFTER));
        accepting.abort();
    }
}
