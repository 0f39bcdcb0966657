//! What ill-meant and broken peers do: notify_urls that redirect, never answer, answer too much or hang up; requests that are
//! no HTTP, too large or nonsense. Nothing stops, hangs or grows.

use super::*;

/// What a notify_url does with a delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// 302 to another place of the same host.
    Redirects,
    /// Takes the request and says nothing.
    NeverAnswers,
    /// 200, and 100 MB after it.
    AnswersTooMuch,
    /// Closes before a byte was read.
    HangsUp,
}

/// A raw callback URL; says what was asked of it, and how many bytes of an answer it got rid of.
struct Odd {
    url: String,
    asked: mpsc::UnboundedReceiver<String>,
    sent: mpsc::UnboundedReceiver<usize>,
}

async fn odd(does: Does) -> Odd {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    let ((asking, asked), (sending, sent)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if does == Does::HangsUp {
                let _ = asking.send("nothing".to_owned());
                continue;
            }
            let mut head = vec![0; 64 * 1_024];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let line = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
            let _ = asking.send(line);
            match does {
                Does::Redirects => {
                    let answer =
                        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                }
                Does::AnswersTooMuch => {
                    let mut gone = 0;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await;
                    while gone < 100_000_000 && stream.write_all(&[b'x'; 100_000]).await.is_ok() {
                        gone += 100_000;
                    }
                    let _ = sending.send(gone);
                }
                _ => silent.push(stream),
            }
        }
    });
    Odd { url, asked, sent }
}

impl Bench {
    async fn told(&self, number: &str, wanted: usize) -> crate::NotificationView {
        let mut events = self.sandbox.subscribe();
        loop {
            let all = self.sandbox.notifications();
            if let Some(view) = all.into_iter().find(|n| n.out_trade_no == number && n.attempts.len() >= wanted) {
                return view;
            }
            let _ = events.recv().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_notify_urls_cost_a_step_of_the_ladder_and_nobody_else_anything() {
    let bench = Bench::new().await;
    let mut silent = odd(Does::NeverAnswers).await;
    bench.prepay("ORDER-silent", &silent.url, &[]).await;
    bench.pay("ORDER-silent").await;
    silent.asked.recv().await.unwrap();

    // While that one is waited for, the others are told.
    let mut shop = Shop::open();
    bench.prepay("ORDER-good", &shop.url(), &[]).await;
    bench.pay("ORDER-good").await;
    opened(&shop.next().await).unwrap();
    assert_eq!(bench.told("ORDER-good", 1).await.state, "DELIVERED");
    let waiting = bench.told("ORDER-silent", 0).await;
    assert!(waiting.attempts.is_empty(), "still waited for");

    let mut redirecting = odd(Does::Redirects).await;
    bench.prepay("ORDER-redirect", &redirecting.url, &[]).await;
    bench.pay("ORDER-redirect").await;
    assert_eq!(redirecting.asked.recv().await.unwrap(), "POST /notify HTTP/1.1");
    let view = bench.told("ORDER-redirect", 1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("PENDING", Some(302)));

    let mut closing = odd(Does::HangsUp).await;
    bench.prepay("ORDER-closing", &closing.url, &[]).await;
    bench.pay("ORDER-closing").await;
    closing.asked.recv().await.unwrap();
    let view = bench.told("ORDER-closing", 1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("PENDING", None));
    assert!(view.attempts[0].error.as_ref().is_some_and(|why| !why.is_empty()));

    let mut flooding = odd(Does::AnswersTooMuch).await;
    bench.prepay("ORDER-flood", &flooding.url, &[]).await;
    bench.pay("ORDER-flood").await;
    flooding.asked.recv().await.unwrap();
    let view = bench.told("ORDER-flood", 1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("DELIVERED", Some(200)), "the status decides");
    let gone = flooding.sent.recv().await.unwrap();
    assert!(gone < 50_000_000, "hung up on after {gone} bytes");

    let view = bench.told("ORDER-silent", 1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("PENDING", None));
    assert!(view.attempts[0].error.as_deref().is_some_and(|why| why.contains("5 s")), "{view:?}");

    // Each of them gets the next step; the redirect was not followed.
    bench.sandbox.advance(15).await.unwrap();
    silent.asked.recv().await.unwrap();
    assert_eq!(redirecting.asked.recv().await.unwrap(), "POST /notify HTTP/1.1");
    closing.asked.recv().await.unwrap();
    assert_eq!(bench.told("ORDER-redirect", 2).await.state, "PENDING");
    assert_eq!(bench.told("ORDER-closing", 2).await.state, "PENDING");
    bench.sandbox.stop().await;
}

/// Raw bytes out, everything back.
async fn raw(bench: &Bench, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(bench.sandbox.door_addr()).await.unwrap();
    // The answer may come, and the connection close, before all of it is taken.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut back = Vec::new();
    let _ = stream.read_to_end(&mut back).await;
    String::from_utf8_lossy(&back).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_gets_a_message_and_the_next_one_its_answer() {
    let bench = Bench::new().await;
    let many_headers = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(2_000));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000));
    let too_large =
        format!("POST /v3/certificates HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n{}", "x".repeat(9_999));
    for (bytes, status) in [
        ("nonsense\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\u{0}", 400),
        ("GET /v3/certificates HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        (many_headers.as_str(), 431),
        (long_target.as_str(), 414),
        (too_large.as_str(), 413),
    ] {
        let answer = raw(&bench, bytes.as_bytes()).await;
        let shown: String = bytes.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer}");
        let body: Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default()).unwrap_or(Value::Null);
        assert!(body["message"].as_str().is_some_and(|m| m.len() > 10), "{shown:?}: {answer}");
        assert!(verified(bench.call("GET", "/v3/certificates", "", &[]).await).is_ok(), "after {shown:?}");
    }
    // A method that no path has: nothing is said, as the real gateway does.
    assert_eq!(
        raw(&bench, b"BREW /v3/certificates HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .split("\r\n\r\n")
            .nth(1),
        Some("")
    );
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_and_deep_bodies_are_refused_with_a_reason_and_little_of_them_is_kept() {
    let bench = Bench::new().await;
    const MIB: usize = 1_024 * 1_024;
    let target = "/v3/pay/transactions/jsapi";
    let long = json!({ "appid": APPID, "mchid": MCHID, "description": "x".repeat(MIB - 200) }).to_string();
    let deep = "[".repeat(MIB / 2) + &"]".repeat(MIB / 2);
    let deep_object = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    let names: String = (0..80_000).map(|n| format!("\"f{n}\":1,")).collect();
    for body in [long, deep, deep_object, format!("{{{names}\"z\":1}}"), "\u{0}".repeat(MIB), "1e999".to_owned()] {
        let answer = bench.call("POST", target, &body, &[]).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, said["code"].as_str()), (400, Some("PARAM_ERROR")), "{said}");
        assert!(said["message"].as_str().is_some_and(|m| !m.is_empty()) && answer.body.len() < 2_000, "{said}");
        let control = bench.control("POST", "payments", &serde_json::from_str(&body).unwrap_or(json!("x"))).await;
        assert!((400..500).contains(&control.0) && control.1["error"]["message"].is_string(), "{control:?}");
        assert!(verified(bench.call("GET", "/v3/certificates", "", &[]).await).is_ok());
    }
    let kept: usize = bench.sandbox.requests(500).iter().map(|r| serde_json::to_vec(r).unwrap().len()).sum();
    assert!(kept < MIB, "the log holds {kept} bytes of 6 MiB");
    bench.sandbox.stop().await;
}
