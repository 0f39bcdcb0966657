//! A door with an echoing handler, and a client that speaks raw bytes.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod table;

use std::net::SocketAddr;
use std::time::Duration;

use guitai_door::{Answer, Door, Limits, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use table::GOOD;

/// Far more than any test needs: a test that meets it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Answers 200 with what it saw: method, target and body.
pub async fn echo(request: Request) -> Answer {
    let text = format!("{} {} {}", request.method, request.target, String::from_utf8_lossy(&request.body));
    Answer::full(200, "text/plain", text)
}

pub fn open(limits: Limits) -> Door {
    Door::open(loopback(), limits, echo).expect("a free port")
}

pub async fn connect(addr: SocketAddr) -> TcpStream {
    timeout(PATIENCE, TcpStream::connect(addr)).await.expect("in time").expect("connected")
}

/// Send, and read all until the other side closes.
pub async fn talk(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr).await;
    // The door may refuse and close while we still send.
    let _ = stream.write_all(bytes).await;
    read_all(&mut stream).await
}

pub async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the door closes in time");
    all
}

/// Read one response with a Content-Length (or none for 204), leaving the connection open.
pub async fn read_answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    timeout(PATIENCE, async {
        loop {
            let byte = stream.read_u8().await.expect("an answer");
            all.push(byte);
            if all.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8_lossy(&all).to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|t| t.split("\r\n").next())
            .and_then(|t| t.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("the body");
        all.extend(body);
    })
    .await
    .expect("in time");
    String::from_utf8_lossy(&all).into_owned()
}

/// The status codes of all responses in `bytes`, interim ones included.
pub fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.").skip(1).filter_map(|t| t.get(2..5)?.parse().ok()).collect()
}
