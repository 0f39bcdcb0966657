//! Where may be sent to, and that nothing leads elsewhere: spellings, names, redirects, long and slow answers.

use super::*;

#[test]
fn every_spelling_of_an_address_is_judged_as_the_address_it_is() {
    for (url, refused) in [
        ("http://127.0.0.1:8080/n", None),
        ("http://2130706433/", None),
        ("http://0x7f.1/", None),
        ("http://[::1]:9/", None),
        ("http://[::ffff:127.0.0.1]/", None),
        ("https://pay.example.com/notify?x=1", None),
        ("http://8.8.8.8/", None),
        ("http://[2606:4700::1111]/", None),
        ("ftp://127.0.0.1/", Some("INVALID_FIELD")),
        ("file:///etc/passwd", Some("INVALID_FIELD")),
        ("gopher://127.0.0.1/", Some("INVALID_FIELD")),
        ("javascript:alert(1)", Some("INVALID_FIELD")),
        ("127.0.0.1:8080", Some("INVALID_FIELD")),
        ("//127.0.0.1/", Some("INVALID_FIELD")),
        ("", Some("INVALID_FIELD")),
        ("http://user:secret@127.0.0.1/", Some("INVALID_FIELD")),
        ("http://127.0.0.1@169.254.169.254/", Some("INVALID_FIELD")),
        ("http://127.0.0.1/#x", Some("INVALID_FIELD")),
        ("http://127.0.0.1:0/", Some("INVALID_FIELD")),
        ("http://127.0.0.1:70000/", Some("INVALID_FIELD")),
        ("http://169.254.169.254/latest/meta-data/", Some("TARGET_REFUSED")),
        ("http://2852039166/", Some("TARGET_REFUSED")),
        ("http://0xa9fea9fe/", Some("TARGET_REFUSED")),
        ("http://0251.0376.0251.0376/", Some("TARGET_REFUSED")),
        ("http://169.254.43518/", Some("TARGET_REFUSED")),
        ("http://１６９.254.169.254/", Some("TARGET_REFUSED")),
        ("http://[::ffff:169.254.169.254]/", Some("TARGET_REFUSED")),
        ("http://[::ffff:a9fe:a9fe]/", Some("TARGET_REFUSED")),
        ("http://[64:ff9b::169.254.169.254]/", Some("TARGET_REFUSED")),
        ("http://[64:ff9b::127.0.0.1]/", Some("TARGET_REFUSED")),
        ("http://[2002:a9fe:a9fe::]/", Some("TARGET_REFUSED")),
        ("http://[2002:7f00:1::]/", Some("TARGET_REFUSED")),
        ("http://[::169.254.169.254]/", Some("TARGET_REFUSED")),
        ("http://10.0.0.1/", Some("TARGET_REFUSED")),
        ("http://10.1/", Some("TARGET_REFUSED")),
        ("http://172.16.0.1/", Some("TARGET_REFUSED")),
        ("http://172.31.255.255/", Some("TARGET_REFUSED")),
        ("http://192.168.1.1/", Some("TARGET_REFUSED")),
        ("http://100.100.100.200/", Some("TARGET_REFUSED")),
        ("http://168.63.129.16/", Some("TARGET_REFUSED")),
        ("http://[fe80::1]/", Some("TARGET_REFUSED")),
        ("http://[fd00:ec2::254]/", Some("TARGET_REFUSED")),
        ("http://0.0.0.0/", Some("TARGET_REFUSED")),
        ("http://0/", Some("TARGET_REFUSED")),
        ("http://[::]/", Some("TARGET_REFUSED")),
        ("http://224.0.0.1/", Some("TARGET_REFUSED")),
        ("http://255.255.255.255/", Some("TARGET_REFUSED")),
        ("http://[ff02::1]/", Some("TARGET_REFUSED")),
    ] {
        let judged = Target::parse("to", url, false).err().map(|problem| problem.code);
        assert_eq!(judged.as_deref(), refused, "{url}");
    }
}

#[test]
fn private_addresses_are_for_those_who_ask_and_impossible_ones_for_nobody() {
    assert!(Target::parse("to", "http://192.168.1.1/", true).is_ok());
    assert!(Target::parse("to", "http://[fe80::1]/", true).is_ok());
    assert!(Target::parse("to", "http://0.0.0.0/", true).is_err());
    let problem = Target::parse("to", "http://user:canary@h/", true).expect_err("credentials");
    assert!(!format!("{problem:?}").contains("canary"));
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let near = Target::parse("to", "http://localhost:9/", false).expect("a target").route().await.expect("it has one");
    assert!(near.addresses.iter().all(|address| address.ip().is_loopback()), "{near:?}");
    let none = Target::parse("to", "http://no-such-host.invalid/", false).expect("a target");
    assert_eq!(none.route().await.expect_err("no address").code, "TARGET_UNKNOWN");
}

#[test]
fn what_belongs_to_a_connection_stays_behind() {
    let all = [
        ("Host", "a"),
        ("Accept", "*/*"),
        ("connection", "close, X-Only-Here"),
        ("x-only-here", "1"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Wechatpay-Nonce", "n"),
        ("X-Guitai-Delivery", "cb_1"),
        ("Content-Type", "application/json"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let kept: Vec<String> = end_to_end(&all).into_iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["Accept", "Wechatpay-Nonce", "Content-Type"]);
}

/// A server that reads a request and answers with these bytes (none: it hangs), and how often it was asked.
async fn server(answer: Option<Vec<u8>>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = listener.local_addr().expect("a place");
    let (asked, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let _ = asked.send(String::from_utf8_lossy(&head[..read]).into_owned());
            if let Some(answer) = &answer {
                let _ = stream.write_all(answer).await;
            }
            // a closed socket would be an answer too
            held.push(stream);
        }
    });
    (place, heard)
}

fn answer(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    Some([format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat())
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let (place, mut heard) = server(answer("204 No Content", b"")).await;
    let target =
        Target::parse("to", &format!("http://rebound.invalid:{}/notify", place.port()), false).expect("a name");
    // the name has no address any more, or another one: nobody asks
    let route = target.reached_at(vec![place]).expect("loopback may be sent to");
    let sent = route.post(&[("X-Mark".to_owned(), "1".to_owned())], b"{}".to_vec()).await;
    assert_eq!((sent.status, sent.error), (Some(204), None));
    let asked = heard.recv().await.expect("it was asked").to_ascii_lowercase();
    assert!(asked.starts_with("post /notify http/1.1") && asked.contains("host: rebound.invalid:"), "{asked}");
}

#[test]
fn a_name_with_one_address_that_may_not_be_is_refused_whole() {
    let target = Target::parse("to", "http://pay.example.com/notify", false).expect("a name");
    let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 80);
    for (addresses, code) in [
        (&["93.184.215.14"][..], None),
        (&["127.0.0.1"], None),
        (&["93.184.215.14", "10.0.0.1"], Some("TARGET_REFUSED")),
        (&["169.254.169.254"], Some("TARGET_REFUSED")),
        (&["::ffff:169.254.169.254"], Some("TARGET_REFUSED")),
        (&["93.184.215.14", "fd00::1"], Some("TARGET_REFUSED")),
        (&["0.0.0.0"], Some("TARGET_REFUSED")),
        (&[], Some("TARGET_UNKNOWN")),
    ] {
        let route = target.reached_at(addresses.iter().map(|text| at(text)).collect());
        assert_eq!(route.err().map(|problem| problem.code).as_deref(), code, "{addresses:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_a_long_one_is_cut() {
    let (elsewhere, mut led_astray) = server(answer("200 OK", b"secret")).await;
    for (status, location) in [
        ("301 Moved", format!("http://{elsewhere}/")),
        ("302 Found", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("307 Temporary Redirect", format!("http://{elsewhere}/")),
        ("308 Permanent Redirect", "file:///etc/passwd".to_owned()),
    ] {
        let (place, mut heard) = server(answer(&format!("{status}\r\nLocation: {location}"), b"")).await;
        let route =
            Target::parse("to", &format!("http://{place}/"), false).expect("a target").route().await.expect("a route");
        let sent = route.post(&[], Vec::new()).await;
        assert_eq!(sent.status.map(|status| status.to_string()).as_deref(), status.get(..3), "{location}");
        assert!(heard.recv().await.is_some() && heard.try_recv().is_err(), "asked once: {location}");
    }
    assert!(led_astray.try_recv().is_err(), "nobody followed");

    for (size, kept, cut) in
        [(0, 0, false), (ANSWER, ANSWER, false), (ANSWER + 1, ANSWER, true), (1_000_000, ANSWER, true)]
    {
        let (place, _heard) = server(answer("200 OK", &vec![b'x'; size])).await;
        let route =
            Target::parse("to", &format!("http://{place}/"), false).expect("a target").route().await.expect("a route");
        let sent = route.post(&[], Vec::new()).await;
        assert_eq!((sent.status, sent.body.len(), sent.cut), (Some(200), kept, cut), "{size}");
    }
}

#[tokio::test]
async fn a_target_that_never_answers_is_given_up_after_five_seconds() {
    let (place, _heard) = server(None).await;
    let target = Target::parse("to", &format!("http://{place}/"), false).expect("a target");
    let sent = target.route().await.expect("a route").post(&[], Vec::new()).await;
    assert_eq!((sent.status, sent.error.as_deref()), (None, Some("no whole answer within 5 s")));
    assert!(sent.latency_ms >= 5_000, "{}", sent.latency_ms);
}
