//! Journeys over real HTTP with the merchant's side of `wechatpay`: what works here works against WeChat Pay.

mod chaos;
mod errors;
mod hostile;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use guitai_door::{Answer, Door, Limits, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use wechatpay::api::{Answer as ApiAnswer, AnswerError, VerifiedAnswer};
use wechatpay::notification::{self, Event, Notification, RawCallback, Refusal};
use wechatpay::verify::Rejection;

use crate::clock::Clock;
use crate::fixture::{self, APPID, MCHID, PUBLIC_KEY_ID};
use crate::{Options, PayCommand, RedeliverFault, Sandbox, SandboxError, start};

/// A merchant's callback URL that answers as told and keeps what came.
struct Shop {
    door: Door,
    status: Arc<AtomicU16>,
    came: mpsc::UnboundedReceiver<Request>,
}

impl Shop {
    fn open() -> Shop {
        let status = Arc::new(AtomicU16::new(204));
        let (sender, came) = mpsc::unbounded_channel();
        let answer = status.clone();
        let handler = move |request: Request| {
            let _ = sender.send(request);
            let status = answer.load(Ordering::SeqCst);
            async move { Answer::empty(status) }
        };
        let door = Door::open(([127, 0, 0, 1], 0).into(), Limits::listener(), handler).unwrap();
        Shop { door, status, came }
    }

    fn url(&self) -> String {
        format!("http://{}/notify", self.door.addr())
    }

    async fn next(&mut self) -> Request {
        self.came.recv().await.unwrap()
    }
}

fn opened(request: &Request) -> Result<Notification, Refusal> {
    let raw = RawCallback { headers: request.headers.clone(), body: request.body.to_vec() };
    notification::open(&raw, &fixture::trusted(), &[fixture::api_v3_key()], Clock::wall()).result
}

struct Bench {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        fixture::lay(&folder.path().join("sandbox/keys"));
        let sandbox = open(&folder).await.unwrap();
        Bench { folder, sandbox }
    }

    async fn restarted(self) -> Bench {
        self.sandbox.stop().await;
        let sandbox = open(&self.folder).await.unwrap();
        Bench { folder: self.folder, sandbox }
    }

    async fn call(&self, method: &str, target: &str, body: &str, more: &[(&str, &str)]) -> ApiAnswer {
        let mut headers = fixture::headers(method, target, body.as_bytes());
        headers.extend(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        http(self.sandbox.door_addr(), method, target, &headers, body).await
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [("Host".to_owned(), "localhost".to_owned())];
        let answer =
            http(self.sandbox.door_addr(), method, &format!("/_sandbox/{path}"), &headers, &body.to_string()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    async fn prepay(&self, number: &str, notify_url: &str, more: &[(&str, &str)]) -> Value {
        let body = json!({ "appid": APPID, "mchid": MCHID, "description": "奶茶", "out_trade_no": number,
            "notify_url": notify_url, "amount": { "total": 1250 }, "payer": { "openid": self.sandbox.openid_for("payer") } });
        let answer = self.call("POST", "/v3/pay/transactions/jsapi", &body.to_string(), more).await;
        serde_json::from_slice(verified(answer).unwrap().body()).unwrap()
    }

    async fn pay(&self, number: &str) -> Value {
        self.sandbox.pay(PayCommand { out_trade_no: Some(number.to_owned()), ..PayCommand::default() }).await.unwrap()
    }

    /// Waits until a notification has as many attempts as wanted, by the events of the sandbox.
    async fn attempts(&self, wanted: usize) -> crate::NotificationView {
        let mut events = self.sandbox.subscribe();
        loop {
            if let Some(view) = self.sandbox.notifications().into_iter().find(|n| n.attempts.len() >= wanted) {
                return view;
            }
            let _ = events.recv().await;
        }
    }
}

async fn open(folder: &tempfile::TempDir) -> Result<Sandbox, SandboxError> {
    start(Options { data_dir: folder.path().to_owned(), port: 0, proxy_port: 0, merchants: 1 }).await
}

fn verified(answer: ApiAnswer) -> Result<VerifiedAnswer, AnswerError> {
    VerifiedAnswer::check(answer, &fixture::trusted(), Clock::wall())
}

/// One exchange on a connection of its own, read to its end.
async fn http(addr: SocketAddr, method: &str, target: &str, headers: &[(String, String)], body: &str) -> ApiAnswer {
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let mut text = format!("{method} {target} HTTP/1.1\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw).await;
    let Some(end) = raw.windows(4).position(|w| w == b"\r\n\r\n") else {
        return ApiAnswer { status: 0, headers: Vec::new(), body: raw };
    };
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    ApiAnswer { status, headers, body: raw[end + 4..].to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_and_its_notification_believed() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    let prepaid = bench.prepay("ORDER1", &shop.url(), &[]).await;
    let params = fixture::signer().pay_params_jsapi(
        &wechatpay::ids::Appid::parse(APPID).unwrap(),
        &wechatpay::ids::PrepayId::parse(prepaid["prepay_id"].as_str().unwrap()).unwrap(),
        Clock::wall().as_second(),
        "nonce",
    );
    let mut params = serde_json::to_value(params).unwrap();
    assert_eq!(
        bench.control("POST", "pay-params", &params).await,
        (200, json!({"ok": true, "err_msg": "requestPayment:ok"}))
    );
    params["package"] = json!("");
    assert_eq!(bench.control("POST", "pay-params", &params).await.1["cause"], "package_wrong");

    let (status, paid) =
        bench.control("POST", "payments", &json!({"prepay_id": prepaid["prepay_id"], "outcome": "SUCCESS"})).await;
    assert_eq!((status, paid["trade_state"].as_str()), (200, Some("SUCCESS")));
    let came = shop.next().await;
    let notification = opened(&came).unwrap();
    let Event::Payment(transaction) = notification.event() else { panic!("{notification:?}") };
    assert_eq!(transaction.out_trade_no, "ORDER1");
    assert_eq!(transaction.transaction_id.as_deref(), paid["transaction_id"].as_str());
    for (name, value) in
        [("User-Agent", "Mozilla/4.0"), ("Accept", "*/*"), ("Pragma", "no-cache"), ("Content-Type", "application/json")]
    {
        assert_eq!(came.header(name), Some(value));
    }
    assert_eq!(came.header("Request-ID"), None);
    let view = bench.attempts(1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("DELIVERED", Some(204)));
    assert_eq!(view.id, notification.id());
    let again = bench.control("POST", "payments", &json!({"out_trade_no": "ORDER1", "outcome": "SUCCESS"})).await;
    assert_eq!((again.0, again.1["error"]["code"].as_str()), (409, Some("ORDERPAID")));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_who_goes_away_leaves_the_order_unpaid_and_unnotified() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    for outcome in ["CANCEL", "PAYERROR"] {
        let (status, object) =
            bench.control("POST", "payments", &json!({"out_trade_no": "ORDER1", "outcome": outcome})).await;
        assert_eq!((status, object["trade_state"].as_str()), (200, Some("NOTPAY")));
    }
    let quiet = json!({"out_trade_no": "ORDER1", "outcome": "SUCCESS", "notify": false});
    assert_eq!(bench.control("POST", "payments", &quiet).await.1["trade_state"], "SUCCESS");
    bench.sandbox.advance(86_400).await.unwrap();
    assert!(bench.sandbox.notifications().is_empty());
    assert!(shop.came.try_recv().is_err());
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_notification_survives_a_restart_and_climbs_on() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    shop.status.store(500, Ordering::SeqCst);
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    bench.pay("ORDER1").await;
    let first = opened(&shop.next().await).unwrap();
    let view = bench.attempts(1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].status), ("PENDING", Some(500)));
    let bench = bench.restarted().await;
    bench.sandbox.advance(15).await.unwrap();
    let came = shop.next().await;
    let second = opened(&came).unwrap();
    assert_eq!((second.id(), second.plaintext()), (first.id(), first.plaintext()));
    bench.attempts(2).await;
    shop.status.store(200, Ordering::SeqCst);
    bench.sandbox.advance(15).await.unwrap();
    assert_ne!(shop.next().await.header("Wechatpay-Nonce"), came.header("Wechatpay-Nonce"), "signed anew");
    let view = bench.attempts(3).await;
    assert_eq!((view.state.as_str(), view.next_attempt_at), ("DELIVERED", None));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_over_the_whole_ladder_gives_up_after_sixteen_attempts() {
    let bench = Bench::new().await;
    let shop = Shop::open();
    shop.status.store(500, Ordering::SeqCst);
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    bench.pay("ORDER1").await;
    bench.attempts(1).await;
    bench.sandbox.advance(24 * 3_600 + 5 * 60).await.unwrap();
    let view = bench.attempts(16).await;
    assert_eq!((view.state.as_str(), view.next_attempt_at, view.attempts.len()), ("GAVE_UP", None, 16));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_is_held_and_hurried_and_what_waits_follows() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    shop.status.store(500, Ordering::SeqCst);
    assert_eq!(bench.control("POST", "clock", &json!({ "rate": 0 })).await.1["rate"], 0);
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    bench.pay("ORDER1").await;
    opened(&shop.next().await).unwrap();
    let view = bench.attempts(1).await;
    let (_, held) = bench.control("GET", "clock", &Value::Null).await;
    assert_eq!(held["next_due"], json!(view.next_attempt_at));
    let signed_at = |request: &Request| request.header("Wechatpay-Timestamp").unwrap().parse::<i64>().unwrap();
    // Held, it stands still even over a restart, and goes on only by jumps.
    let bench = bench.restarted().await;
    let (_, again) = bench.control("GET", "clock", &Value::Null).await;
    assert_eq!((&again["now"], &again["rate"]), (&held["now"], &json!(0)));
    bench.sandbox.advance(15).await.unwrap();
    opened(&shop.next().await).unwrap();
    bench.attempts(2).await;
    // Hurried, the next step comes by itself; its signature is of the wall's time.
    assert_eq!(bench.control("POST", "clock", &json!({ "rate": 3600 })).await.1["rate"], 3_600);
    let came = shop.next().await;
    assert!((signed_at(&came) - Clock::wall().as_second()).abs() < 60);
    opened(&came).unwrap();
    let (_, hurried) = bench.control("GET", "clock", &Value::Null).await;
    assert_ne!(hurried["now"], again["now"]);
    for (body, status) in
        [(json!({ "rate": 3601 }), 400), (json!({ "rate": -1 }), 400), (json!({}), 400), (json!({ "rate": 1 }), 200)]
    {
        assert_eq!(bench.control("POST", "clock", &body).await.0, status, "{body}");
    }
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_redelivered_fault_is_what_it_says() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    bench.pay("ORDER1").await;
    opened(&shop.next().await).unwrap();
    let id = bench.attempts(1).await.id;
    let mut made = 1;
    for (fault, slug) in [
        (Some(RedeliverFault::BadSignature), "signature_mismatch"),
        (Some(RedeliverFault::StaleTimestamp), "timestamp_stale"),
        (Some(RedeliverFault::TamperedCiphertext), "undecryptable"),
        (Some(RedeliverFault::WrongSerial), "serial_unknown"),
        (Some(RedeliverFault::SignatureProbe), "probe"),
        (Some(RedeliverFault::Duplicate), "genuine"),
        (None, "genuine"),
    ] {
        let (status, attempt) =
            bench.control("POST", &format!("notifications/{id}/redeliver"), &json!({ "fault": fault })).await;
        assert_eq!((status, attempt["status"].as_i64()), (200, Some(204)), "{fault:?}");
        let deliveries = if fault == Some(RedeliverFault::Duplicate) { 2 } else { 1 };
        made += deliveries;
        for _ in 0..deliveries {
            let found = match opened(&shop.next().await) {
                Ok(notification) => {
                    assert_eq!(notification.id(), id);
                    "genuine"
                }
                Err(Refusal::NotGenuine(rejection)) => rejection.slug(),
                Err(Refusal::Undecryptable { .. }) => "undecryptable",
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, slug, "{fault:?}");
        }
    }
    assert_eq!(bench.attempts(made).await.attempts.len(), made, "nothing was scheduled");
    assert_eq!(bench.control("POST", "notifications/nobody/redeliver", &json!({"fault": null})).await.0, 404);
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_settles_by_the_clock_and_tells() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    // the prepay names the public key, so the payment's notification is signed with it
    bench.prepay("ORDER1", &shop.url(), &[("Wechatpay-Serial", PUBLIC_KEY_ID)]).await;
    bench.pay("ORDER1").await;
    let came = shop.next().await;
    assert_eq!(came.header("Wechatpay-Serial"), Some(PUBLIC_KEY_ID));
    opened(&came).unwrap();
    let body = json!({ "out_trade_no": "ORDER1", "out_refund_no": "R1", "notify_url": shop.url(),
        "amount": { "refund": 250, "total": 1250, "currency": "CNY" } });
    let answer = bench.call("POST", "/v3/refund/domestic/refunds", &body.to_string(), &[]).await;
    let object: Value = serde_json::from_slice(verified(answer).unwrap().body()).unwrap();
    assert_eq!(object["status"], "PROCESSING");
    bench.sandbox.advance(1).await.unwrap();
    let answer = bench.call("GET", "/v3/refund/domestic/refunds/R1", "", &[]).await;
    let object: Value = serde_json::from_slice(verified(answer).unwrap().body()).unwrap();
    assert_eq!(object["status"], "SUCCESS", "settled by the time the clock's answer is out");
    let came = shop.next().await;
    assert_eq!(came.header("Wechatpay-Serial"), Some(fixture::platform_serial().as_str()));
    let notification = opened(&came).unwrap();
    let Event::Refund(refund) = notification.event() else { panic!("{notification:?}") };
    assert_eq!((refund.out_refund_no.as_str(), refund.amount.refund.get()), ("R1", 250));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_strike_calls_as_told() {
    let bench = Bench::new().await;
    let target = "/v3/certificates";
    let fault = |name: &str| json!([{ "match": { "method": "GET", "path": target }, "times": 1, "fault": name }]);
    for (name, status, code) in [
        ("http_500", 500, None),
        ("FREQUENCY_LIMITED", 429, Some("FREQUENCY_LIMITED")),
        ("SYSTEM_ERROR", 500, Some("SYSTEM_ERROR")),
        ("connection_reset", 0, None),
    ] {
        assert_eq!(bench.control("POST", "faults", &fault(name)).await.0, 200);
        let answer = bench.call("GET", target, "", &[]).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        assert_eq!((answer.status, body["code"].as_str()), (status, code), "{name}");
        assert!(verified(bench.call("GET", target, "", &[]).await).is_ok(), "{name} struck once");
    }
    for (name, why) in [
        ("unsigned_response", Rejection::HeaderMissing("Wechatpay-Timestamp")),
        ("wrong_signature", Rejection::SignatureMismatch),
    ] {
        bench.control("POST", "faults", &fault(name)).await;
        let answer = verified(bench.call("GET", target, "", &[]).await);
        assert_eq!(answer, Err(AnswerError::NotGenuine { status: 200, why }), "{name}");
    }
    assert_eq!(bench.control("GET", "faults", &Value::Null).await, (200, json!([])));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callback_faults_strike_the_ladder_by_rule() {
    let bench = Bench::new().await;
    let mut shop = Shop::open();
    shop.status.store(401, Ordering::SeqCst);
    let rules = json!([{ "fault": "bad_signature", "times": 1, "out_trade_no": "ORDER1" }]);
    assert_eq!(bench.control("POST", "callback-faults", &rules).await.0, 200);
    bench.prepay("ORDER1", &shop.url(), &[]).await;
    bench.pay("ORDER1").await;
    assert!(matches!(opened(&shop.next().await), Err(Refusal::NotGenuine(Rejection::SignatureMismatch))));
    let view = bench.attempts(1).await;
    assert_eq!((view.state.as_str(), view.attempts[0].fault), ("PENDING", Some(RedeliverFault::BadSignature)));
    shop.status.store(204, Ordering::SeqCst);
    bench.sandbox.advance(15).await.unwrap();
    assert!(opened(&shop.next().await).is_ok(), "struck once");
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_listed_and_ended_and_the_longest_listed_signs() {
    let bench = Bench::new().await;
    let first = fixture::platform_serial();
    let answer = bench.control("DELETE", &format!("certificates/{first}"), &Value::Null).await;
    assert_eq!((answer.0, answer.1["error"]["code"].as_str()), (409, Some("CERTIFICATE_NEEDED")), "the only one stays");
    assert_eq!(bench.control("DELETE", "certificates/ABCD", &Value::Null).await.0, 404);
    let (status, made) = bench.control("POST", "certificates", &json!({})).await;
    assert_eq!(status, 200);
    let second = made["serial_no"].as_str().unwrap().to_owned();
    let pem = std::fs::read(made["certificate"].as_str().unwrap()).unwrap();
    let certificate = wechatpay::keys::Certificate::from_pem(&pem).unwrap();
    assert_eq!(certificate.serial().as_str(), second);
    assert_eq!((second.len(), second.starts_with('0')), (40, false));
    let list = bench.call("GET", "/v3/certificates", "", &[("Wechatpay-Serial", &second)]).await;
    assert_eq!(list.header("Wechatpay-Serial"), Some(first.as_str()));
    let list: Value = serde_json::from_slice(verified(list).unwrap().body()).unwrap();
    let serials: Vec<_> = list["data"].as_array().unwrap().iter().map(|c| c["serial_no"].as_str().unwrap()).collect();
    assert_eq!(serials, [first.as_str(), second.as_str()]);
    assert_eq!(bench.control("DELETE", &format!("certificates/{first}"), &Value::Null).await.0, 204);
    let bench = bench.restarted().await;
    let answer = bench.call("GET", "/v3/certificates", "", &[("Wechatpay-Serial", &first)]).await;
    assert_eq!(
        (answer.status, answer.header("Wechatpay-Serial")),
        (200, Some(second.as_str())),
        "once listed is still taken"
    );
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_is_signed_over_nothing_and_has_a_request_id() {
    let bench = Bench::new().await;
    bench.prepay("ORDER1", "http://127.0.0.1:1/n", &[]).await;
    let body = json!({ "mchid": MCHID }).to_string();
    let answer = bench.call("POST", "/v3/pay/transactions/out-trade-no/ORDER1/close", &body, &[]).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("Content-Type"), Some("application/json; charset=utf-8"), "SDKs read it");
    assert!(answer.request_id().unwrap().ends_with("-0"));
    assert!(verified(answer).is_ok());
    let answer = bench
        .call(
            "GET",
            &format!("/v3/pay/transactions/out-trade-no/ORDER9?mchid={MCHID}"),
            "",
            &[("Accept-Language", "en")],
        )
        .await;
    assert_eq!(answer.body, br#"{"code":"ORDER_NOT_EXIST","message":"The order does not exist"}"#);
    assert!(answer.request_id().unwrap().ends_with("-268512771"));
    assert!(answer.header("Wechatpay-Signature").is_none());
    assert_eq!(answer.header("X-Guitai-Diagnosis"), None, "nothing is wrong with its signature");
    let wrongly_signed = fixture::headers("GET", "v3/certificates", b"");
    let answer = http(bench.sandbox.door_addr(), "GET", "/v3/certificates", &wrongly_signed, "").await;
    assert_eq!((answer.status, answer.header("X-Guitai-Diagnosis")), (401, Some("url_slashes_differ")));
    assert_eq!(bench.sandbox.requests(1)[0].diagnosis.as_deref(), Some("url_slashes_differ"));
    let requests = bench.sandbox.requests(2);
    assert_eq!(requests[1].verdict, "ORDER_NOT_EXIST");
    // The log has the fields that the doctor asks for.
    let named = |fields: &[(String, String)], name: &str| fields.iter().any(|(n, _)| n == name);
    assert!(named(&requests[0].headers, "Authorization") && named(&requests[0].response_headers, "X-Guitai-Diagnosis"));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_for_one_sandbox_and_a_reset_keeps_the_keys() {
    let bench = Bench::new().await;
    assert!(matches!(open(&bench.folder).await, Err(SandboxError::FolderInUse { .. })));
    bench.prepay("ORDER1", "http://127.0.0.1:1/n", &[]).await;
    assert_eq!(bench.control("POST", "reset", &json!({})).await.0, 204);
    let bench = bench.restarted().await;
    let query = format!("/v3/pay/transactions/out-trade-no/ORDER1?mchid={MCHID}");
    assert_eq!(bench.call("GET", &query, "", &[]).await.status, 404);
    assert_eq!(bench.control("POST", "nothing", &json!({})).await.0, 404);
    assert_eq!(bench.control("GET", "reset", &json!({})).await.0, 405);
    bench.sandbox.stop().await;
}
