//! Those at the door who are not WeChat Pay: malformed, forged, oversized, slow, and gone again at once.

use guitai_tests::command::http;
use guitai_tests::house::{read_key, signed_headers};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Slow ones at once.
const SLOW: usize = 20;

const MALFORMED: [&[u8]; 8] = [
    b"GET /notify/shop HTTP/2.0\r\nHost: a\r\n\r\n",
    b"POST /notify/shop HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /notify/shop HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST  /notify/shop HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /notify/shop HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /.env HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Lets all of them come until it is over.
pub fn come(work: &mut JoinSet<()>, place: &str, serial: &str, over: &Arc<AtomicBool>) {
    let addr = place.trim_start_matches("http://").to_owned();
    work.spawn(malformed(addr.clone(), over.clone()));
    work.spawn(oversized(addr.clone(), over.clone()));
    work.spawn(churning(addr.clone(), over.clone()));
    for _ in 0..SLOW {
        work.spawn(slow(addr.clone(), over.clone()));
    }
    work.spawn(forged(format!("{place}/notify/shop"), serial.to_owned(), over.clone()));
}

async fn malformed(addr: String, over: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    for bytes in MALFORMED.iter().cycle() {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            return;
        }
        let _ = say(&addr, bytes).await;
    }
}

/// What is said, and what is answered until the door closes.
async fn say(addr: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    Ok(())
}

async fn oversized(addr: String, over: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let body = vec![b'x'; 100 * 1024];
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        for length in [body.len(), 60_000_000_000] {
            let mut bytes =
                format!("POST /notify/shop HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
            bytes.extend(&body);
            let _ = say(&addr, &bytes).await;
        }
    }
}

async fn churning(addr: String, over: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        drop(TcpStream::connect(&addr).await);
    }
}

/// One byte at a time, until the door has had enough.
async fn slow(addr: String, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(&addr).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        for byte in b"POST /notify/shop HTTP/1.1\r\nHost: slow.example.com\r\n".iter().cycle().take(200) {
            if over.load(Ordering::Relaxed) || stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// In the right form, by the wrong key or with a serial that nobody knows.
async fn forged(url: String, serial: String, over: Arc<AtomicBool>) {
    let key = read_key(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/keys/other_key.pem")));
    let (client, mut tick) = (http(), tokio::time::interval(Duration::from_millis(200)));
    let body = r#"{"id":"forged","event_type":"TRANSACTION.SUCCESS","resource_type":"encrypt-resource"}"#;
    for serial in [serial.as_str(), "7DEADBEEF00000000000000000000000000000AA"].into_iter().cycle() {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            return;
        }
        let request = signed_headers(body, &key, serial)
            .into_iter()
            .fold(client.post(&url), |request, (name, value)| request.header(name, value));
        let _ = request.body(body).send().await;
    }
}
