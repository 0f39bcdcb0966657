//! The stream as hyper sees it: nothing until a whole request is in and judged, then a plain head
//! in its place; then the answer going out.
//!
//! Everything that ends the reading of a request is decided here, in one `poll_read`: a refusal, the
//! absolute deadline, an eviction, the door's closing. To hyper each of them is the end of the stream;
//! what is then said to the client is [`connection`](crate::connection)'s business.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

use crate::admission::Place;
use crate::answer::Tunnel;
use crate::framing::{Framer, Head, Step};
use crate::limits::{Keep, Limits, Refused};
use crate::refusal::Refusal;
use crate::request::{Answered, Request};
use crate::transport::Transport;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How a connection ends, when not by an ordinary answer.
#[derive(Debug)]
pub(crate) enum Ending {
    Refused(Refusal, Asked),
    Silent,
    Reset,
    Cut(Bytes),
    Tunnel(Tunnel),
}

/// What a refusal may say of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    path: Option<String>,
    accept_language: Option<String>,
}

impl Asked {
    pub(crate) fn of(target: &str, headers: &[(String, String)]) -> Self {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let languages = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept-language"));
        Asked { path: Some(path.to_owned()), accept_language: languages.map(|(_, value)| value.clone()) }
    }

    pub(crate) fn refused(&self, status: u16) -> Refused<'_> {
        Refused { status, path: self.path.as_deref(), accept_language: self.accept_language.as_deref() }
    }
}

/// What the gate and the service of one connection hand to each other.
#[derive(Default)]
pub(crate) struct Link {
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    request: Option<Request>,
    ending: Option<Ending>,
    closing: bool,
}

impl Link {
    pub(crate) fn take_request(&self) -> Option<Request> {
        self.with(|s| s.request.take())
    }

    /// The first ending given stands.
    pub(crate) fn end(&self, ending: Ending) {
        self.with(|s| {
            s.ending.get_or_insert(ending);
        });
    }

    pub(crate) fn take_ending(&self) -> Option<Ending> {
        self.with(|s| s.ending.take())
    }

    /// No further request is to be begun on this connection.
    pub(crate) fn close(&self) {
        self.with(|s| s.closing = true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.with(|s| s.closing)
    }

    fn with<T>(&self, f: impl FnOnce(&mut LinkState) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct Gate<T> {
    io: T,
    framer: Framer,
    limits: Arc<Limits>,
    place: Place,
    link: Arc<Link>,
    peer: SocketAddr,
    via: Option<Arc<str>>,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
    /// Whether a request was answered on this connection before.
    kept: bool,
    /// What of `100 Continue` is still to be written and flushed.
    interim: Option<&'static [u8]>,
    /// Whoever wants to know when the answer under way is out.
    answered: Option<watch::Sender<Option<bool>>>,
}

enum Phase {
    /// A request is awaited or half in.
    Reading,
    /// What hyper is told of the request.
    Telling(Bytes),
    /// The handler or hyper is at work; `true` once the client is waited for to take the answer.
    Answering(bool),
    /// Hyper asked for the next request before the answer was known to be out.
    Flushing,
    /// Nothing more comes in.
    Over,
}

impl<T: Transport> Gate<T> {
    pub(crate) fn new(
        io: T,
        limits: Arc<Limits>,
        place: Place,
        link: Arc<Link>,
        peer: SocketAddr,
        via: Option<Arc<str>>,
    ) -> Self {
        let timer = Box::pin(sleep(limits.read_deadline));
        let framer = Framer::new(Arc::clone(&limits));
        Gate {
            io,
            framer,
            limits,
            place,
            link,
            peer,
            via,
            phase: Phase::Reading,
            timer,
            kept: false,
            interim: None,
            answered: None,
        }
    }

    /// The bare stream, its place, and what was read too far. `out`: the answer under way, if there is one, is.
    pub(crate) fn into_parts(mut self, out: bool) -> (T, Place, Bytes) {
        self.tell_answered(out);
        let rest = self.framer.take_rest();
        (self.io, self.place, rest)
    }

    /// Read until a request is whole; `None`: nothing more comes, and the link says why.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let ending = loop {
            self.place.seat().watch(cx.waker());
            if self.place.seat().is_evicted() {
                break Ending::Silent;
            }
            match self.framer.advance() {
                Ok(Step::Whole(head, body)) => {
                    if !self.place.answering() {
                        break Ending::Silent;
                    }
                    return Poll::Ready(Some(self.admit(head, body)));
                }
                Ok(Step::Continue) => self.interim = Some(CONTINUE),
                Ok(Step::More) => {}
                Err(refusal) => break self.refuse(refusal),
            }
            let started = self.framer.started();
            if self.timer.as_mut().poll(cx).is_ready() {
                break if started { self.refuse(Refusal::Deadline) } else { Ending::Silent };
            }
            if ready!(self.poll_interim(cx)).is_err() {
                break Ending::Silent;
            }
            let mut space = [0_u8; 4096];
            let mut piece = ReadBuf::new(&mut space);
            let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut piece) else {
                if self.link.is_closing() && !started {
                    break Ending::Silent;
                }
                return Poll::Pending;
            };
            match read {
                Ok(()) if piece.filled().is_empty() => {
                    break if started { self.refuse(Refusal::CutShort) } else { Ending::Silent };
                }
                Ok(()) => {
                    if self.kept && !started {
                        self.rearm(self.limits.read_deadline);
                    }
                    self.framer.push(piece.filled());
                    self.place.hold(self.framer.held());
                }
                Err(_) => break Ending::Silent,
            }
        };
        self.link.end(ending);
        self.phase = Phase::Over;
        Poll::Ready(None)
    }

    fn refuse(&self, refusal: Refusal) -> Ending {
        let asked = self.framer.head().map(|head| Asked::of(&head.target, &head.headers));
        Ending::Refused(refusal, asked.unwrap_or_default())
    }

    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(mut left) = self.interim else {
            return Poll::Ready(Ok(()));
        };
        while !left.is_empty() {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, left))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            left.advance(n);
            self.interim = Some(left);
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.interim = None;
        Poll::Ready(Ok(()))
    }

    /// Lay the request out for the handler and say what hyper is told of it: only what bears on how
    /// the answer is written. Hyper never sees what a stranger wrote.
    fn admit(&mut self, head: Head, body: Bytes) -> Bytes {
        let method = if head.method == "HEAD" { "HEAD" } else { "GET" };
        let version = if head.http10 { "1.0" } else { "1.1" };
        let close = if self.limits.keep != Keep::Never && head.keep { "" } else { "connection: close\r\n" };
        let (tell, answered) = watch::channel(None);
        self.answered = Some(tell);
        self.link.with(|s| {
            s.request = Some(Request {
                method: head.method,
                target: head.target,
                headers: head.headers,
                body,
                peer: self.peer,
                received_at: SystemTime::now(),
                via: self.via.clone(),
                answered: Answered(answered),
            });
        });
        Bytes::from(format!("{method} / HTTP/{version}\r\nhost: a\r\n{close}\r\n"))
    }

    fn tell_answered(&mut self, out: bool) {
        if let Some(answered) = self.answered.take() {
            let _ = answered.send(Some(out));
        }
    }

    fn rearm(&mut self, span: Duration) {
        self.timer.as_mut().reset(Instant::now() + span);
    }

    /// Fails when the client has not taken the answer by its deadline.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !matches!(self.phase, Phase::Answering(true)) {
            self.phase = Phase::Answering(true);
            self.rearm(self.limits.answer_deadline);
        }
        self.timer.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl<T: Transport> AsyncRead for Gate<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.phase {
                Phase::Reading => match ready!(this.poll_request(cx)) {
                    Some(told) => this.phase = Phase::Telling(told),
                    None => return Poll::Ready(Ok(())),
                },
                Phase::Telling(told) if told.is_empty() => this.phase = Phase::Answering(false),
                Phase::Telling(told) => {
                    let n = told.len().min(buf.remaining());
                    buf.put_slice(&told.split_to(n));
                    if told.is_empty() {
                        this.phase = Phase::Answering(false);
                    }
                    return Poll::Ready(Ok(()));
                }
                // Hyper reads again only after it wrote the whole answer to its buffer; the next
                // request begins when that buffer is known to be out (see `poll_flush`). It may ask in the
                // middle of its own flush, so it must be called once more.
                Phase::Answering(_) => {
                    this.phase = Phase::Flushing;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Phase::Flushing => return Poll::Pending,
                Phase::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: Transport> AsyncWrite for Gate<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.io).poll_write(cx, data) {
            Poll::Pending if !matches!(this.phase, Phase::Flushing) => this.poll_overdue(cx).map(Err),
            done => done,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.io).poll_flush(cx))?;
        if matches!(this.phase, Phase::Flushing) {
            this.phase = Phase::Reading;
            this.tell_answered(true);
            this.kept = true;
            this.place.hold(this.framer.held());
            this.place.reading();
            let span = if this.framer.started() { this.limits.read_deadline } else { this.limits.idle_deadline };
            this.rearm(span);
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
