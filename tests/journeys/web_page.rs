//! What a web page that the merchant happens to have open can do to the ports on this machine: nothing. It can send, to
//! 127.0.0.1 or to a name of its own that it lets point there, what a browser lets it send; it has no header of ours.

use guitai_tests::command::get;
use guitai_tests::house::House;
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request as a browser would write it; status and whole answer.
async fn ask(
    place: SocketAddr,
    method: &str,
    target: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut stream = tokio::net::TcpStream::connect(place).await.expect("it listens");
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.get(9..12).and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no status in {answer:?}"));
    (status, answer)
}

fn place(url: &str) -> SocketAddr {
    let rest = url.strip_prefix("http://").expect("http");
    rest.split('/').next().expect("an address").parse().expect("an address")
}

/// Nobody is let in by an answer, and no page may read it.
fn gives_nothing_away(answer: &str, what: &str) {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    assert!(!head.contains("access-control-"), "{what}: {answer}");
    assert!(!answer.starts_with("HTTP/1.1 101"), "{what}: {answer}");
}

const FORMS: [(&str, &str); 4] = [
    ("text/plain", r#"{"out_trade_no":"@","outcome":"SUCCESS"}"#),
    ("application/x-www-form-urlencoded", "out_trade_no=@&outcome=SUCCESS"),
    (
        "multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=\"out_trade_no\"\r\n\r\n@\r\n--b--\r\n",
    ),
    ("application/json", r#"{"out_trade_no":"@","outcome":"SUCCESS"}"#),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_moves_nothing_at_the_sandbox() {
    let house = House::open().await;
    let no = house.prepaid(100).await;
    let at = place(house.base_url());
    let local = at.to_string();
    let before = get(&format!("{}/_sandbox/switches", house.base_url())).await;
    let controls =
        ["payments", "reset", "clock", "faults", "callback-faults", "switches", "certificates", "login-codes"];
    for origin in
        ["https://evil.example.com", "null", "http://evil.example.com:8788", "http://127.0.0.1.evil.example.com"]
    {
        for control in controls {
            for (kind, body) in FORMS {
                let headers = [("Origin", origin), ("Content-Type", kind)];
                let target = format!("/_sandbox/{control}");
                let (status, answer) = ask(at, "POST", &target, &local, &headers, &body.replace('@', &no)).await;
                assert_eq!(status, 403, "{control} {kind} from {origin}: {answer}");
                gives_nothing_away(&answer, control);
            }
            let preflight = [
                ("Origin", origin),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "content-type"),
                ("Access-Control-Request-Private-Network", "true"),
            ];
            let (status, answer) = ask(at, "OPTIONS", &format!("/_sandbox/{control}"), &local, &preflight, "").await;
            assert!(status >= 400, "{control}: {answer}");
            gives_nothing_away(&answer, control);
        }
    }
    // A name of the page's own that points here (DNS rebinding): its own origin, so the browser sends none with a GET.
    for host in [
        "evil.example.com",
        "evil.example.com:8788",
        "127.0.0.1.evil.example.com",
        "localhost.evil.example.com",
        "[::ffff:1.2.3.4]",
        "0.0.0.0",
        "192.168.1.10",
    ] {
        for (method, control) in [
            ("GET", "requests"),
            ("GET", "notifications"),
            ("GET", "switches"),
            ("POST", "reset"),
            ("POST", "payments"),
        ] {
            for more in [
                &[][..],
                &[("X-Forwarded-Host", "127.0.0.1"), ("Forwarded", "host=127.0.0.1"), ("X-Forwarded-For", "127.0.0.1")],
            ] {
                let body = if method == "POST" { r#"{"out_trade_no":"x","outcome":"SUCCESS"}"# } else { "" };
                let (status, answer) = ask(at, method, &format!("/_sandbox/{control}"), host, more, body).await;
                assert_eq!(status, 403, "{method} {control} as {host}: {answer}");
                gives_nothing_away(&answer, host);
            }
        }
    }
    // An image or a link of a page has no Origin; browsers say where it comes from all the same.
    let (status, answer) = ask(
        at,
        "GET",
        "/_sandbox/requests",
        &local,
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        "",
    )
    .await;
    assert_eq!(status, 403, "{answer}");
    for target in ["/_sandbox/requests", "/v3/certificates", "/"] {
        let upgrade = [
            ("Origin", "https://evil.example.com"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ];
        let (status, answer) = ask(at, "GET", target, &local, &upgrade, "").await;
        assert!(status >= 400, "{answer}");
        gives_nothing_away(&answer, target);
    }
    // Nothing of it did anything.
    assert_eq!(get(&format!("{}/_sandbox/switches", house.base_url())).await, before);
    assert_eq!(get(&format!("{}/_sandbox/notifications", house.base_url())).await, json!([]));
    assert_eq!(house.order(&no).await.order.state, "NOTPAY");
    // … and the merchant's own test code still may.
    house.pay(&no, "SUCCESS", false).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_moves_nothing_at_the_listener() {
    let mut house = House::open().await;
    let no = house.prepaid(100).await;
    let listener = place(&house.notify_url());
    for host in ["evil.example.com", "127.0.0.1"] {
        for (kind, body) in FORMS {
            let headers = [("Origin", "https://evil.example.com"), ("Content-Type", kind)];
            let (status, answer) = ask(listener, "POST", "/notify/shop", host, &headers, &body.replace('@', &no)).await;
            assert!(matches!(status, 400 | 401), "{kind}: {answer}");
            gives_nothing_away(&answer, kind);
        }
        for (method, target) in [
            ("GET", "/notify/shop"),
            ("OPTIONS", "/notify/shop"),
            ("PUT", "/notify/shop"),
            ("GET", "/"),
            ("GET", "/_sandbox/requests"),
            ("POST", "/v1/login"),
            ("GET", "/metrics"),
            ("GET", "/admin"),
        ] {
            let headers = [("Origin", "https://evil.example.com"), ("Access-Control-Request-Method", "POST")];
            let (status, answer) = ask(listener, method, target, host, &headers, "").await;
            assert_eq!(status, 404, "{method} {target}: {answer}");
            gives_nothing_away(&answer, target);
        }
    }
    assert_eq!(house.order(&no).await.order.state, "NOTPAY");

    // The merchant API: a page of another origin gets no word that it could read, and no preflight through.
    let api = place(&house.serve_api().await);
    for (method, target) in
        [("OPTIONS", "/v1/orders"), ("POST", "/v1/orders"), ("POST", "/v1/login"), ("GET", "/v1/catalog")]
    {
        let headers = [
            ("Origin", "https://evil.example.com"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Private-Network", "true"),
            ("Content-Type", "text/plain"),
        ];
        let body = if method == "POST" { r#"{"code":"sandbox-evil"}"# } else { "" };
        let (_, answer) = ask(api, method, target, "127.0.0.1", &headers, body).await;
        gives_nothing_away(&answer, target);
    }
    house.close().await;
}
