//! When the gateway doesn't answer, or not well: what is tried again, what is an unknown outcome, and what a wrong clock
//! explains. The backup host is met through a proxy that lets nobody connect to the main one.

use guitai_console::wire::Via;
use guitai_console::{Console, Options, Outside};
use guitai_tests::command::Guitai;
use guitai_tests::house::House;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wechatpay::time::Timestamp;

const NATIVE: &str = "/v3/pay/transactions/native";

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_and_what_got_lost_is_asked_again_as_it_was() {
    let house = House::open().await;
    // one bad answer each: the same call succeeds with its second attempt
    for fault in ["http_500", "SYSTEM_ERROR", "FREQUENCY_LIMITED", "connection_reset"] {
        let no = house.created(100).await.out_trade_no;
        house.fault("POST", NATIVE, fault, 1).await;
        house.desk.order_prepay(None, &no, Via::Native).await.unwrap_or_else(|e| panic!("{fault}: {e:?}"));
        let calls = house.order(&no).await.exchanges;
        assert_eq!(calls.len(), 2, "{fault}");
        assert_eq!(bodies(&house.desk, &calls).await.len(), 1, "{fault}: the same parameters");
    }
    // never a whole answer: given up after four attempts, the outcome is unknown, and the same call is right again
    let no = house.created(100).await.out_trade_no;
    house.fault("POST", NATIVE, "connection_reset", 50).await;
    let problem = house.desk.order_prepay(None, &no, Via::Native).await.expect_err("no answer");
    assert_eq!(problem.code, "OUTCOME_UNKNOWN");
    let dossier = house.order(&no).await;
    assert_eq!((dossier.order.outcome_unknown, dossier.exchanges.len()), (true, 4), "the budget");
    house.control("faults", &json!([])).await;
    let prepaid = house.desk.order_prepay(None, &no, Via::Native).await.expect("the same again");
    assert!(!prepaid.order.outcome_unknown);
    let calls = house.order(&no).await.exchanges;
    assert_eq!((calls.len(), bodies(&house.desk, &calls).await.len()), (5, 1), "the same number and parameters");
    // a refusal is not repeated
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", false).await;
    assert_eq!(house.desk.order_prepay(None, &no, Via::Native).await.expect_err("paid").code, "ORDERPAID");
    assert_eq!(house.order(&no).await.order.state, "SUCCESS", "WeChat Pay knew more, so it was asked");
    house.close().await;
}

async fn bodies(desk: &Console, calls: &[guitai_console::wire::ExchangeSummary]) -> std::collections::BTreeSet<String> {
    let mut all = std::collections::BTreeSet::new();
    for call in calls.iter().filter(|call| call.purpose == "prepay") {
        all.insert(desk.exchange_show(&call.id).await.expect("a call").request_body);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_measured_and_shown() {
    let house = House::open().await;
    house.prepaid(100).await;
    let skew = house.desk.status().await.expect("a status").clock_skew_ms.expect("measured at the first answer");
    assert!(skew.abs() < 300_000, "the same machine: {skew} ms");
    // a desk whose clock is an hour ahead: refused, and the clock is blamed
    let ahead = Timestamp::from_second(Timestamp::now().as_second() + 3_600).expect("an instant");
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        data_dir: folder.path().to_owned(),
        passphrase: None,
        interactive: false,
        outside: Outside::fixed(ahead, 7),
    };
    let desk = Console::open(options).await.expect("a desk");
    desk.merchant_add_from_sandbox("late", &house.ready).await.expect("a merchant");
    let check = desk.merchant_check(None).await.expect("a check");
    let clock = check.checks.iter().find(|item| item.name == "clock_skew").expect("the clock is looked at");
    assert_eq!((check.ok, clock.ok), (false, Some(false)), "{check:?}");
    let skew = desk.status().await.expect("a status").clock_skew_ms.expect("measured from a refusal too");
    assert!((3_300_000..3_900_000).contains(&skew), "{skew}");
    desk.close().await;
    house.close().await;
}

/// A proxy in front of the sandbox's: `api.mch.weixin.qq.com` can't be connected to. Says which hosts were asked for.
fn proxy(behind: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let log = log.clone();
            std::thread::spawn(move || carry(client, behind, &log));
        }
    });
    (place, asked)
}

fn carry(mut client: TcpStream, behind: SocketAddr, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend_from_slice(&byte);
    }
    let host = String::from_utf8_lossy(&head).split([' ', ':']).nth(1).unwrap_or_default().to_owned();
    log.lock().expect("the log").push(host.clone());
    if host == "api.mch.weixin.qq.com" {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    }
    let mut server = TcpStream::connect(behind).expect("the sandbox's proxy");
    server.write_all(&head).expect("the request goes on");
    let (mut from, mut to) = (server.try_clone().expect("a stream"), client.try_clone().expect("a stream"));
    let back = std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let _ = std::io::copy(&mut client, &mut server);
    let _ = server.shutdown(std::net::Shutdown::Write);
    let _ = back.join();
}

#[test]
fn the_backup_host_takes_the_order_when_the_main_one_can_not_be_reached() {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let text = |name: &str| sandbox.ready[name].as_str().unwrap().to_owned();
    let behind = text("proxy_url").trim_start_matches("http://").parse().expect("host and port");
    let (place, asked) = proxy(behind);
    let live = ["--base-url", "https://api.mch.weixin.qq.com", "--notify-url", "https://pay.example.com/notify/shop"];
    let _ = guitai.json(&[&["merchant", "add", "shop", "--from-sandbox", &file][..], &live].concat());
    let create = ["order", "create", "--amount", "1", "--description", "x", "--out-trade-no", "BACKUP-01"];
    let _ = guitai.json(&create);
    let prepay = ["order", "prepay", "BACKUP-01", "--via", "native", "--json"];
    assert_eq!(guitai.run(&prepay).document()["error"]["code"], "LIVE_READ_ONLY");
    let _ = guitai.json(&["merchant", "update", "shop", "--live", "on"]);

    let mut command = guitai.command(&prepay);
    for name in ["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command.env("HTTPS_PROXY", format!("http://{place}")).env("https_proxy", format!("http://{place}"));
    command.env("SSL_CERT_FILE", text("ca_certificate"));
    let ran = guitai_tests::command::finish(command, b"");
    assert_eq!(ran.status, Some(0), "{}\n{}\n{:?}", ran.stdout, ran.stderr, asked.lock().unwrap());
    assert!(ran.document()["code_url"].as_str().unwrap().starts_with("weixin://"), "{}", ran.stdout);
    let hosts = asked.lock().expect("the log").clone();
    assert_eq!(hosts.first().map(String::as_str), Some("api.mch.weixin.qq.com"), "{hosts:?}");
    assert_eq!(hosts.last().map(String::as_str), Some("api2.mch.weixin.qq.com"), "{hosts:?}");
    let exchanges = guitai.json(&["order", "show", "BACKUP-01"])["exchanges"].clone();
    let ends: Vec<_> = exchanges.as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert_eq!(ends.last(), Some(&"ok"), "{exchanges}");
}
