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
    pub(crate) tally: Tally,
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
        let inner = Arc::new(Inner {
            limits: Arc::new(limits),
            handler: Arc::new(move |request| Box::pin(handler(request))),
            tally: Tally::default(),
            admission: Admission::new(max),
            stage: watch::Sender::new(Stage::Open),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&inner)));
        Ok(Door { addr, inner, accepting })
    }

    /// The address that is listened on, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counters as they stand.
    pub fn counters(&self) -> Counters {
        self.inner.tally.snapshot(self.inner.admission.open())
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
        let place = self.inner.admission.enter(&self.inner.tally).await;
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

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let (io, peer) = match listener.accept().await {
            Ok(taken) => taken,
            Err(error) => {
                count(&inner.tally.accept_errors);
                inner.admission.evict_oldest(&inner.tally);
                tracing::warn!(%error, "accept failed; the oldest unfinished connection made room");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = inner.admission.enter(&inner.tally).await;
        count(&inner.tally.accepted);
        let _ = io.set_nodelay(true);
        tokio::spawn(connection::run(Arc::clone(&inner), io, peer, None, place));
    }
}
