//! A load generator: whole HTTP/1.1 requests, made beforehand, sent over a number of connections as fast as they are
//! answered. It keeps a connection for as long as the server does, and makes a new one where the server closes.
//!
//! Small on purpose: what it costs is taken from the same cores that the server runs on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longer than any server of this house takes to give up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes to send, once each.
pub type Shots = Arc<Vec<Vec<u8>>>;

/// What came of them.
#[derive(Debug, Default)]
pub struct Volley {
    /// Answered with the status that was hoped for.
    pub good: usize,
    /// Answered with another.
    pub refused: usize,
    /// Not answered.
    pub broken: usize,
    /// From the first byte out to the last answer in.
    pub span: Duration,
    /// Microseconds from the first byte out (or the connection's first, where one had to be made) to the whole answer.
    pub micros: Vec<u32>,
    /// The first answers, whole, with the number of the request that they answer.
    pub first: Vec<(usize, Vec<u8>)>,
}

impl Volley {
    /// How many were sent: always the first ones.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.good + self.refused + self.broken
    }

    /// Good answers a second.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.good as f64 / self.span.as_secs_f64().max(1e-9)
    }

    fn add(&mut self, other: Volley) {
        self.good += other.good;
        self.refused += other.refused;
        self.broken += other.broken;
        self.micros.extend(other.micros);
        self.first.extend(other.first);
    }
}

/// Sends every shot once, `connections` of them at a time, until all are answered or `most` is over. `keep`: how many of the
/// first answers are kept.
pub async fn fire(place: SocketAddr, shots: &Shots, connections: usize, most: Duration, keep: usize) -> Volley {
    let (next, began) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut gunners = JoinSet::new();
    for _ in 0..connections {
        let (shots, next) = (shots.clone(), next.clone());
        gunners.spawn(async move {
            let mut mine = Volley::default();
            let (mut line, mut space) = (None, Vec::with_capacity(4_096));
            loop {
                // first the clock: a number that was taken is sent, so what is sent has no gaps
                if began.elapsed() >= most {
                    return mine;
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(shot) = shots.get(number) else { return mine };
                let sent = Instant::now();
                let answer = tokio::time::timeout(PATIENCE, exchange(place, &mut line, shot, &mut space)).await;
                match answer {
                    Ok(Ok(200..=299)) => {
                        mine.good += 1;
                        mine.micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                        if number < keep {
                            mine.first.push((number, space.clone()));
                        }
                    }
                    Ok(Ok(_)) => mine.refused += 1,
                    Ok(Err(_)) | Err(_) => {
                        mine.broken += 1;
                        line = None;
                    }
                }
            }
        });
    }
    let mut all = Volley::default();
    while let Some(done) = gunners.join_next().await {
        all.add(done.unwrap_or_default());
    }
    all.span = began.elapsed();
    all.micros.sort_unstable();
    all
}

/// One request and its answer, which is left in `space`; its status.
async fn exchange(
    place: SocketAddr,
    line: &mut Option<TcpStream>,
    shot: &[u8],
    space: &mut Vec<u8>,
) -> std::io::Result<u16> {
    // a kept connection may have been closed by the server meanwhile: that is no failure of this request
    if let Some(mut stream) = line.take()
        && stream.write_all(shot).await.is_ok()
        && let Ok(head) = head_of(&mut stream, space).await
    {
        return body_of(stream, line, space, head).await;
    }
    let mut stream = TcpStream::connect(place).await?;
    stream.set_nodelay(true)?;
    stream.write_all(shot).await?;
    let head = head_of(&mut stream, space).await?;
    body_of(stream, line, space, head).await
}

/// Reads to the end of the head; its length.
async fn head_of(stream: &mut TcpStream, space: &mut Vec<u8>) -> std::io::Result<usize> {
    space.clear();
    loop {
        if stream.read_buf(space).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(at) = space.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(at + 4);
        }
    }
}

/// Reads the body; keeps the connection where the server does.
async fn body_of(
    mut stream: TcpStream,
    line: &mut Option<TcpStream>,
    space: &mut Vec<u8>,
    head: usize,
) -> std::io::Result<u16> {
    let (status, body, close) = read_head(space.get(..head).unwrap_or_default())?;
    while space.len() < head + body {
        if stream.read_buf(space).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    if !close {
        *line = Some(stream);
    }
    Ok(status)
}

/// Status, length of the body, whether the server closes.
fn read_head(head: &[u8]) -> std::io::Result<(u16, usize, bool)> {
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let text = std::str::from_utf8(head).map_err(|_| broken())?;
    let status = text.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(broken)?;
    let (mut length, mut close) = (0, false);
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| broken())?;
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok((status, length, close))
}

#[cfg(test)]
mod tests {
    use super::*;
    use guitai_door::{Keep, Limits};

    #[tokio::test]
    async fn every_shot_is_answered_once_whether_the_server_keeps_connections_or_not() {
        for keep in [Keep::Never, Keep::AfterSuccess, Keep::Always] {
            let limits = Limits { keep, ..Limits::sandbox() };
            let seen = Arc::new(AtomicUsize::new(0));
            let counted = seen.clone();
            let handler = move |request: guitai_door::Request| {
                counted.fetch_add(1, Ordering::Relaxed);
                async move {
                    let status = if request.path() == "/good" { 200 } else { 400 };
                    guitai_door::Answer::full(status, "text/plain", "ok")
                }
            };
            let door = guitai_door::Door::open("127.0.0.1:0".parse().expect("an address"), limits, handler);
            let door = door.expect("the door opens");
            let shot = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
            let shots: Shots = Arc::new((0..100).map(|n| shot(if n % 10 == 0 { "/bad" } else { "/good" })).collect());
            let volley = fire(door.addr(), &shots, 8, PATIENCE, 5).await;
            assert_eq!((volley.good, volley.refused, volley.broken), (90, 10, 0));
            assert_eq!((volley.micros.len(), seen.load(Ordering::Relaxed)), (90, 100));
            assert!(volley.first.iter().all(|(number, answer)| *number < 5 && answer.ends_with(b"ok")));
            door.close().await;
        }
    }
}
