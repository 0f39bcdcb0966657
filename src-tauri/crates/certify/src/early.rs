//! An answer that comes before the request is whole: a backend may refuse a large body at its head and close. The
//! reset that follows can cost an HTTP client the answer; here it is read all the same. Plain http only.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::backend::Answer;
use crate::stage::Letter;

/// What fits the buffers of a connection is never cut short by an early answer.
const LARGE: usize = 64 * 1024;
/// Of the answer.
const READ: usize = 16 * 1024;

/// Could this error hide an answer?
pub(crate) fn is_possible(error: &reqwest::Error, url: &url::Url, letter: &Letter) -> bool {
    url.scheme() == "http" && letter.body.len() > LARGE && !error.is_timeout() && !error.is_connect()
}

/// Posts a letter and reads while it writes.
pub(crate) async fn send(url: &url::Url, letter: &Letter, limit: Duration) -> Option<Answer> {
    let host = url.host_str()?;
    let port = url.port_or_known_default()?;
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let mut head = format!("POST {}{query} HTTP/1.1\r\nHost: {host}:{port}\r\n", url.path());
    for (name, value) in &letter.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", letter.body.len()));
    let from = Instant::now();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let exchange = async {
        let (mut reader, mut writer) = tokio::net::TcpStream::connect((bare, port)).await.ok()?.into_split();
        let body = letter.body.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(head.as_bytes()).await?;
            writer.write_all(&body).await?;
            // Held until the answer is read: closing it now would be a second signal.
            Ok::<_, std::io::Error>(writer)
        });
        let (mut got, mut part) = (Vec::new(), [0u8; 4096]);
        while got.len() < READ {
            match reader.read(&mut part).await {
                Ok(n) if n > 0 => got.extend_from_slice(part.get(..n).unwrap_or_default()),
                // The end, or the reset: what came before it counts.
                _ => break,
            }
        }
        writing.abort();
        Some(got)
    };
    let got = tokio::time::timeout(limit, exchange).await.ok()??;
    read(&String::from_utf8_lossy(&got), from.elapsed())
}

fn read(text: &str, latency: Duration) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let content_type = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.trim().to_owned());
    Some(Answer {
        status: Some(status),
        latency,
        content_type: content_type.unwrap_or_default(),
        body: body.to_owned(),
        broke: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_at_the_head_is_read_though_the_connection_is_reset() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut some = [0u8; 64];
            let _ = stream.read(&mut some).await;
            stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-type: text/plain\r\n\r\nno").await.unwrap();
        });
        let letter = Letter { headers: Vec::new(), body: vec![b'a'; 1024 * 1024] };
        let answer = send(&url, &letter, Duration::from_secs(30)).await.expect("an answer");
        assert_eq!(
            (answer.status, answer.content_type.as_str(), answer.body.as_str()),
            (Some(413), "text/plain", "no")
        );
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for text in ["", "HTTP/1.1", "nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"] {
            assert!(read(text, Duration::ZERO).is_none(), "{text}");
        }
    }
}
