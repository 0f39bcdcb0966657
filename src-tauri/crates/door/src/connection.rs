//! One connection from its first byte to its last.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::admission::Place;
use crate::answer::Answer;
use crate::counters::count;
use crate::door::{Inner, Stage};
use crate::gate::{Asked, Ending, Gate, Link};
use crate::limits::{Keep, Refused};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::transport::{Transport, Wire};

/// Tells hyper to leave the connection without an answer; the link says what happens instead.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an ordinary answer")]
struct NoAnswer;

/// Serve `io` until it ends, the door is closed, or the door's grace is over.
pub(crate) async fn run<T: Transport>(inner: Arc<Inner>, io: T, peer: SocketAddr, via: Option<Arc<str>>, place: Place) {
    let mut stage = inner.stage.subscribe();
    tokio::select! {
        () = serve(&inner, io, peer, via, place) => {}
        _ = stage.wait_for(|s| *s == Stage::Killed) => {}
    }
}

async fn serve<T: Transport>(inner: &Arc<Inner>, io: T, peer: SocketAddr, via: Option<Arc<str>>, place: Place) {
    let link = Arc::new(Link::default());
    let gate = Gate::new(io, Arc::clone(&inner.limits), place, Arc::clone(&link), peer, via);
    let service = service_fn(|_| {
        let (inner, link) = (Arc::clone(inner), Arc::clone(&link));
        Box::pin(async move { exchange(&inner, &link).await })
    });
    let mut connection = http1::Builder::new()
        .half_close(true) // or hyper would read on while the handler works
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(gate), service);

    let mut stage = inner.stage.subscribe();
    let mut open = true;
    let out = loop {
        tokio::select! {
            // Its errors are the client's going away, or an ending that the link names.
            done = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => break done.is_ok(),
            _ = stage.wait_for(|s| *s != Stage::Open), if open => {
                open = false;
                link.close();
            }
        }
    };
    let (io, place, early) = connection.into_parts().io.into_inner().into_parts(out);
    finish(inner, io, place, early, link.take_ending()).await;
}

/// One request and its answer, as hyper's service.
async fn exchange(inner: &Inner, link: &Link) -> Result<http::Response<Full<Bytes>>, NoAnswer> {
    let Some(request) = link.take_request() else {
        link.end(Ending::Silent);
        return Err(NoAnswer);
    };
    count(&inner.tally.requests);
    let (ending, mut response) = match decide(inner, request).await {
        Answer::Full { status, headers, body } => (None, response(inner, status, headers, body)),
        Answer::Hang => {
            let mut stage = inner.stage.subscribe();
            let _ = timeout(inner.limits.answer_deadline, stage.wait_for(|s| *s != Stage::Open)).await;
            (Some(Ending::Silent), None)
        }
        Answer::Reset => (Some(Ending::Reset), None),
        Answer::Cut { bytes } => (Some(Ending::Cut(bytes)), None),
        Answer::Tunnel(tunnel) => (Some(Ending::Tunnel(tunnel)), None),
    };
    if let Some(ending) = ending {
        link.end(ending);
    }
    let leaves = |answer: &http::Response<_>| inner.limits.keep == Keep::AfterSuccess && !answer.status().is_success();
    if let Some(response) = response.as_mut().filter(|answer| link.is_closing() || leaves(answer)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.ok_or(NoAnswer)
}

/// Run the handler. A panic ends its work only, and a client that goes away doesn't stop work that was begun.
async fn decide(inner: &Inner, request: Request) -> Answer {
    let asked = Asked::of(&request.target, &request.headers);
    let mut work = Work::begin(inner, request);
    match timeout(inner.limits.answer_deadline, &mut work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Panicked)) => {
            count(&inner.tally.panics);
            tracing::error!("a handler panicked; the door answers 500 and goes on");
            plain(inner, &asked.refused(500))
        }
        Err(_) => {
            work.end();
            count(&inner.tally.overdue);
            tracing::warn!("a handler missed the answer deadline");
            plain(inner, &asked.refused(503))
        }
    }
}

type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A handler at work, on the connection's own task: a task for each request would be woken on another thread, for nothing.
/// Whoever drops it before its end sends it on as a task of its own.
struct Work(Option<Handling>);

struct Panicked;

impl Work {
    fn begin(inner: &Inner, request: Request) -> Work {
        // `None` is a handler that panicked before its first wait.
        Work(catch_unwind(AssertUnwindSafe(|| (inner.handler)(request))).ok())
    }

    /// Give it up for good.
    fn end(&mut self) {
        let remains = self.0.take();
        // What is left of a future may panic as well.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(remains)));
    }
}

impl Future for Work {
    type Output = Result<Answer, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(handling) = &mut self.0 else { return Poll::Ready(Err(Panicked)) };
        let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        self.end();
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let (Some(handling), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn(handling));
        }
    }
}

fn plain(inner: &Inner, refused: &Refused<'_>) -> Answer {
    let (content_type, body) = (inner.limits.refusal_body)(refused);
    let status = refused.status;
    if content_type.is_empty() { Answer::empty(status) } else { Answer::full(status, content_type, body) }
}

/// `None` when even the apology can't be built, which fixed text can't fail to.
fn response(
    inner: &Inner,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
) -> Option<http::Response<Full<Bytes>>> {
    assemble(status, headers, body).or_else(|| {
        tracing::error!(status, "a handler's answer is not valid HTTP; the door answers 500");
        match plain(inner, &Asked::default().refused(500)) {
            Answer::Full { status, headers, body } => assemble(status, headers, body),
            _ => None,
        }
    })
}

fn assemble(status: u16, headers: Vec<(String, String)>, body: Bytes) -> Option<http::Response<Full<Bytes>>> {
    let status = StatusCode::from_u16(status).ok().filter(|s| (200..600).contains(&s.as_u16()))?;
    let body = if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED { Bytes::new() } else { body };
    let mut response = http::Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_str(&value).ok()?;
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&name) {
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}

async fn finish<T: Transport>(inner: &Inner, mut io: T, mut place: Place, early: Bytes, ending: Option<Ending>) {
    let last_words = match ending {
        None => Bytes::new(),
        Some(Ending::Refused(refusal, asked)) => {
            inner.tally.refuse(refusal);
            tracing::debug!(cause = refusal.slug(), "refused a request");
            refusal_bytes(inner, refusal, &asked)
        }
        Some(Ending::Cut(bytes)) => bytes,
        Some(Ending::Silent) => return,
        Some(Ending::Reset) => {
            io.reset_on_drop();
            return;
        }
        Some(Ending::Tunnel(tunnel)) => {
            let granted = b"HTTP/1.1 200 Connection Established\r\n\r\n";
            if send(&mut io, granted, inner.limits.answer_deadline).await {
                (tunnel.0)(Wire::new(early, Box::new(io))).await;
            }
            return;
        }
    };
    place.hold(0);
    place.reading();
    if send(&mut io, &last_words, inner.limits.linger.max(Duration::from_secs(1))).await {
        linger(&mut io, inner.limits.linger, &place).await;
    }
}

fn refusal_bytes(inner: &Inner, refusal: Refusal, asked: &Asked) -> Bytes {
    let status = refusal.status();
    let (content_type, body) = (inner.limits.refusal_body)(&asked.refused(status));
    let mut head = format!("HTTP/1.1 {status} {}\r\n", refusal.phrase());
    if !content_type.is_empty() {
        head += &format!("Content-Type: {content_type}\r\n");
    }
    if refusal == Refusal::Method {
        head += &format!("Allow: {}\r\n", inner.limits.methods.join(", "));
    }
    head += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat().into()
}

async fn send<T: Transport>(io: &mut T, bytes: &[u8], within: Duration) -> bool {
    let write = async {
        io.write_all(bytes).await?;
        io.flush().await
    };
    matches!(timeout(within, write).await, Ok(Ok(())))
}

/// Say that no more is coming and read on for a while: closing a socket with unread bytes in it
/// resets it, and the reset can overtake the answer.
async fn linger<T: Transport>(io: &mut T, span: Duration, place: &Place) {
    let seat = place.seat();
    let drain = async {
        if io.shutdown().await.is_err() {
            return;
        }
        let mut space = [0_u8; 4096];
        while !seat.is_evicted() && io.read(&mut space).await.is_ok_and(|n| n > 0) {}
    };
    tokio::select! {
        _ = timeout(span, drain) => {}
        () = std::future::poll_fn(|cx| {
            seat.watch(cx.waker());
            if seat.is_evicted() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }) => {}
    }
}
