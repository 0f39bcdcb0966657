//! Genuine notifications made with the fixture keys, and what is not genuine: the ladder, the verdicts, every order of
//! arrival, and the routes over a real socket.

use super::*;
use crate::console::Options;
use crate::gateway::stand::{APPID, By, MCHID, api_v3_key, fixture, sound, then};
use crate::listener::ListenOptions;
use crate::outside::Outside;
use crate::secret::Secret;
use crate::wire::{CallbackFilter, Dossier, MerchantPatch, Order, OrderInput};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::message;
use wechatpay::money::Fen;
use wechatpay::notification::{Envelope, write};

const NONCE: &str = "EcI5ZbrmAmpMnhfxTcwXhiwHL1ZYzhX2";

struct Shop {
    console: Console,
    outside: Outside,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Shop {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Outside::fixed(then(), 3);
        let options = Options {
            data_dir: folder.path().to_owned(),
            passphrase: Some(Secret::from("a passphrase for tests".to_owned())),
            interactive: false,
            outside: outside.clone(),
        };
        let console = Console::open(options).await.expect("a desk");
        console.merchant_add(sound("shop")).await.expect("a merchant");
        Shop { console, outside, _folder: folder }
    }

    async fn order(&self, fen: i64, no: &str) -> Order {
        let input = OrderInput {
            amount: Fen::new(fen),
            description: "火锅双人套餐".to_owned(),
            out_trade_no: Some(no.to_owned()),
            notify_url: Some("http://127.0.0.1:8787/notify/shop".to_owned()),
            ..OrderInput::default()
        };
        self.console.order_create(None, input).await.expect("an order")
    }

    async fn dossier(&self, no: &str) -> Dossier {
        self.console.order_show(None, no).await.expect("the order")
    }

    fn delivery(&self, headers: Vec<(String, String)>, body: Vec<u8>) -> RawDelivery {
        RawDelivery {
            target: "/notify/shop".to_owned(),
            headers,
            body,
            peer: "127.0.0.1".to_owned(),
            received_at: self.outside.now(),
        }
    }

    /// Signed now by the platform.
    fn genuine(&self, body: &[u8]) -> RawDelivery {
        let headers = signature(&platform(), &By::Platform.serial(), self.outside.now().as_second(), body);
        self.delivery(headers, body.to_vec())
    }

    async fn receive(&self, body: &[u8]) -> Receipt {
        self.console.receive("shop", self.genuine(body)).await
    }

    /// Everything that a delivery could change, as one text.
    async fn state(&self) -> String {
        let page = self.console.order_list(None, crate::wire::OrderFilter { limit: 500, ..Default::default() }).await;
        let overview = self.console.overview(None).await.expect("an overview");
        format!("{page:?} {:?} {:?}", overview.days, overview.latest)
    }
}

fn platform() -> PrivateKey {
    PrivateKey::from_pem(fixture!("platform_key.pem")).expect("a key")
}

fn key() -> ApiV3Key {
    ApiV3Key::parse(&api_v3_key()).expect("a key")
}

fn signature(key: &PrivateKey, serial: &str, second: i64, body: &[u8]) -> Vec<(String, String)> {
    let second = second.to_string();
    let signature = key.sign(&message::answer(&second, NONCE, body));
    [
        ("Content-Type", "application/json"),
        ("Wechatpay-Timestamp", second.as_str()),
        ("Wechatpay-Nonce", NONCE),
        ("Wechatpay-Signature", signature.as_str()),
        ("Wechatpay-Serial", serial),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn sealed(key: &ApiV3Key, id: &str, event_type: &str, content: &Value) -> Vec<u8> {
    let original_type = if event_type.starts_with("REFUND") { "refund" } else { "transaction" };
    let envelope =
        Envelope { id, create_time: "2026-12-01T12:00:00+08:00", event_type, summary: "支付成功", original_type };
    write(envelope, key, b"fdasfjihihih", content.to_string().as_bytes())
}

fn payment(no: &str, total: i64, transaction: &str) -> Value {
    json!({
        "mchid": MCHID, "appid": APPID, "out_trade_no": no, "transaction_id": transaction, "trade_type": "JSAPI",
        "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
        "success_time": "2026-12-01T11:59:58+08:00", "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"},
    })
}

fn refund(no: &str, total: i64, (number, fen): (&str, i64), status: &str, transaction: &str) -> Value {
    json!({
        "mchid": MCHID, "out_trade_no": no, "transaction_id": transaction, "out_refund_no": number,
        "refund_id": format!("50{number}"), "refund_status": status, "success_time": "2026-12-01T11:59:59+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": total, "refund": fen, "payer_total": total, "payer_refund": fen},
    })
}

const T1: &str = "4200000985202612010000000001";
const T2: &str = "4200000985202612010000000002";

fn paid(id: &str, no: &str, total: i64) -> Vec<u8> {
    sealed(&key(), id, "TRANSACTION.SUCCESS", &payment(no, total, T1))
}

#[tokio::test]
async fn a_genuine_payment_is_applied_once_and_seen_again_as_duplicate() {
    let shop = Shop::open().await;
    shop.order(1000, "GT000001").await;
    let mut events = shop.console.subscribe();
    let first = shop.receive(&paid("n-1", "GT000001", 1000)).await;
    let callback = first.callback.expect("kept");
    assert_eq!((first.http_status, callback.verdict, first.body.len()), (204, Verdict::Applied, 0));
    assert_eq!(callback.out_trade_no.as_deref(), Some("GT000001"));
    let told = std::iter::from_fn(|| events.try_recv().ok()).collect::<Vec<_>>();
    assert!(told.iter().any(|event| matches!(event, Event::PaymentReceived { amount: 1000, .. })), "{told:?}");
    // the same notification, and the same transaction under another notification id
    for id in ["n-1", "n-2"] {
        let again = shop.receive(&paid(id, "GT000001", 1000)).await.callback.expect("kept");
        assert_eq!((again.verdict, again.first_id.as_ref()), (Verdict::Duplicate, Some(&callback.id)), "{id}");
    }
    let dossier = shop.dossier("GT000001").await;
    assert_eq!((dossier.order.state.as_str(), dossier.order.transaction_id.as_deref()), ("SUCCESS", Some(T1)));
    assert_eq!(dossier.callbacks.len(), 3);
    assert_eq!(dossier.timeline.iter().filter(|line| line.kind == "paid").count(), 1);
    let shown = shop.console.callback_show(&callback.id).await.expect("shown");
    let names: Vec<_> = shown.checks.iter().map(|check| (check.name.as_str(), check.ok)).collect();
    let all = [
        "headers_present",
        "timestamp_fresh",
        "serial_known",
        "signature_valid",
        "body_is_json",
        "resource_decrypts",
        "merchant_matches",
        "order_known",
        "amount_matches",
        "state_allows",
    ];
    assert_eq!(names, all.map(|name| (name, true)));
    assert_eq!(shown.decrypted.expect("decrypted")["transaction_id"], T1);
    assert_eq!(shown.signed.expect("signed").ok, Some(true));
    assert_eq!(shown.body.as_bytes(), paid("n-1", "GT000001", 1000));
    let overview = shop.console.overview(None).await.expect("an overview");
    assert_eq!((overview.taken_today, overview.payments_today, overview.unpaid), (1000, 1, 0));
}

#[tokio::test]
async fn what_is_not_genuine_is_rejected_and_changes_nothing() {
    let shop = Shop::open().await;
    shop.order(1000, "GT000001").await;
    let before = shop.state().await;
    let (body, now, serial) = (paid("n-1", "GT000001", 1000), then().as_second(), By::Platform.serial());
    let signed_by = |pem: &[u8], serial: &str, second: i64| {
        signature(&PrivateKey::from_pem(pem).expect("a key"), serial, second, &body)
    };
    let good = || signed_by(fixture!("platform_key.pem"), &serial, now);
    let changed = |name: &str, value: Option<&str>| {
        let kept = good().into_iter().filter(|(it, _)| it != name);
        kept.chain(value.map(|value| (name.to_owned(), value.to_owned()))).collect::<Vec<_>>()
    };
    let twice = [good(), vec![("wechatpay-serial".to_owned(), serial.clone())]].concat();
    // (headers, status, reason, the rung that fails)
    let cases = [
        (vec![], 401, "header_missing", "headers_present"),
        (changed("Wechatpay-Signature", None), 401, "header_missing", "headers_present"),
        (changed("Wechatpay-Nonce", Some("")), 401, "header_missing", "headers_present"),
        (twice, 400, "header_repeated", "headers_present"),
        (
            changed("Wechatpay-Signature-Type", Some("WECHATPAY2-SM2-WITH-SM3")),
            400,
            "signature_type_unknown",
            "headers_present",
        ),
        (changed("Wechatpay-Timestamp", Some("12a")), 400, "timestamp_malformed", "timestamp_fresh"),
        (signed_by(fixture!("platform_key.pem"), &serial, now - 301), 401, "timestamp_stale", "timestamp_fresh"),
        (signed_by(fixture!("platform_key.pem"), &serial, now + 301), 401, "timestamp_stale", "timestamp_fresh"),
        (signed_by(fixture!("platform_key.pem"), "7777", now), 401, "serial_unknown", "serial_known"),
        (signed_by(fixture!("other_key.pem"), &serial, now), 401, "signature_mismatch", "signature_valid"),
        (signed_by(fixture!("merchant_key.pem"), &serial, now), 401, "signature_mismatch", "signature_valid"),
        (changed("Wechatpay-Signature", Some("WECHATPAY/SIGNTEST/x")), 401, "probe", "signature_valid"),
        (changed("Wechatpay-Signature", Some("AAAA")), 401, "signature_malformed", "signature_valid"),
        (changed("Wechatpay-Nonce", Some("another")), 401, "signature_mismatch", "signature_valid"),
    ];
    for (headers, status, reason, rung) in cases {
        let receipt = shop.console.receive("shop", shop.delivery(headers, body.clone())).await;
        let callback = receipt.callback.expect("kept in quarantine");
        assert_eq!((receipt.http_status, callback.reason.as_deref()), (status, Some(reason)));
        assert_eq!(callback.verdict, Verdict::Rejected, "{reason}");
        let said: Value = serde_json::from_slice(&receipt.body).expect("JSON");
        assert_eq!(said["code"], "FAIL");
        let shown = shop.console.callback_show(&callback.id).await.expect("kept");
        assert_eq!(shown.checks.last().map(|check| (check.name.as_str(), check.ok)), Some((rung, false)));
        assert!(shown.why.is_some() && shown.fix.is_some() && shown.decrypted.is_none(), "{reason}");
    }
    assert_eq!(shop.state().await, before);
    // exactly 300 s is still fresh, header names in any letter case
    for second in [now - 300, now + 300] {
        let headers = signed_by(fixture!("platform_key.pem"), &serial, second);
        let headers = headers.into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
        assert_eq!(shop.console.receive("shop", shop.delivery(headers, body.clone())).await.http_status, 204);
    }
}

#[tokio::test]
async fn what_contradicts_is_held_at_its_rung() {
    let shop = Shop::open().await;
    for no in ["GT000001", "GT000002", "GT000003"] {
        shop.order(1000, no).await;
    }
    shop.receive(&paid("paid", "GT000002", 1000)).await;
    let part = refund("GT000002", 1000, ("R0", 600), "SUCCESS", T1);
    assert_eq!(shop.receive(&sealed(&key(), "part", "REFUND.SUCCESS", &part)).await.http_status, 204);
    shop.console.order_close(None, "GT000003").await.expect("closed here");
    let before = shop.state().await;
    let (event, refunded) = ("TRANSACTION.SUCCESS", "REFUND.SUCCESS");
    let with = |pointer: &str, value: Value| {
        let mut content = payment("GT000001", 1000, T1);
        *content.pointer_mut(pointer).expect("a field") = value;
        content
    };
    let cases = [
        (event, with("/mchid", json!("1900000002")), "merchant_matches"),
        (event, with("/appid", json!("wx0000000000000002")), "merchant_matches"),
        (event, with("/out_trade_no", json!("gt000001")), "order_known"),
        (event, with("/amount/total", json!(999)), "amount_matches"),
        (event, with("/amount/currency", json!("USD")), "amount_matches"),
        (event, payment("GT000002", 1000, T2), "state_allows"),
        (event, payment("GT000003", 1000, T1), "state_allows"),
        (refunded, refund("GT000002", 1000, ("R1", 1001), "SUCCESS", T1), "amount_matches"),
        (refunded, refund("GT000002", 1000, ("R1", 401), "SUCCESS", T1), "amount_matches"),
        (refunded, refund("GT000002", 1000, ("R0", 601), "SUCCESS", T1), "amount_matches"),
        (refunded, refund("GT000002", 999, ("R1", 1), "SUCCESS", T1), "amount_matches"),
        (refunded, refund("GT000002", 1000, ("R1", 1), "SUCCESS", T2), "state_allows"),
        (refunded, refund("GT000003", 1000, ("R1", 1), "SUCCESS", T1), "state_allows"),
        (refunded, refund("GT999999", 1000, ("R1", 1), "SUCCESS", T1), "order_known"),
    ];
    for (number, (event, content, rung)) in cases.into_iter().enumerate() {
        let body = sealed(&key(), &format!("held-{number}"), event, &content);
        let receipt = shop.receive(&body).await;
        let callback = receipt.callback.expect("kept");
        assert_eq!((receipt.http_status, callback.verdict), (204, Verdict::Held), "{content}");
        assert_eq!(callback.reason.as_deref(), Some(rung), "{content}");
        let shown = shop.console.callback_show(&callback.id).await.expect("kept");
        assert_eq!(shown.checks.last().map(|check| (check.name.as_str(), check.ok)), Some((rung, false)));
        let again = shop.receive(&body).await.callback.expect("kept");
        assert_eq!((again.verdict, again.first_id), (Verdict::Duplicate, Some(callback.id)), "{content}");
    }
    let lamps = |state: String| {
        state
            .replace("callback_verdict: Some(Held)", "")
            .replace("callback_verdict: Some(Duplicate)", "")
            .replace("callback_verdict: Some(Applied)", "")
            .replace("callback_verdict: None", "")
    };
    assert_eq!(lamps(shop.state().await), lamps(before), "only the lamps changed");
}

#[tokio::test]
async fn not_understood_is_kept_byte_for_byte_and_waits() {
    let shop = Shop::open().await;
    shop.order(1000, "GT000001").await;
    let content = payment("GT000001", 1000, T1);
    let unknown_event = sealed(&key(), "u-1", "PAYSCORE.USER_OPEN_SERVICE", &content);
    let mut unpaid = content.clone();
    unpaid["trade_state"] = json!("NOTPAY");
    let disagrees = sealed(&key(), "u-2", "TRANSACTION.SUCCESS", &unpaid);
    let hostile = sealed(&key(), "u-3\u{202e}", "EVIL\u{202e}\u{1b}[2J", &content);
    for body in
        [b"{\"id\":\"a\",\"id\":\"b\"}".to_vec(), b"not json".to_vec(), Vec::new(), unknown_event, disagrees, hostile]
    {
        let receipt = shop.receive(&body).await;
        let callback = receipt.callback.expect("kept");
        assert_eq!((receipt.http_status, callback.verdict), (204, Verdict::Held));
        assert_eq!(callback.reason.as_deref(), Some("not_understood"));
        let all = format!("{:?} {:?}", callback.event_type, callback.notification_id);
        assert!(!all.contains(['\u{202e}', '\u{1b}']), "made visible: {all}");
        let shown = shop.console.callback_show(&callback.id).await.expect("kept");
        assert_eq!(STANDARD.decode(shown.body_base64).expect("base64"), body);
        let problem = shop.console.callback_apply(&callback.id).await.expect_err("this version still doesn't");
        assert_eq!(problem.code, "CALLBACK_STILL_HELD");
    }
    assert_eq!(shop.dossier("GT000001").await.order.state, "CREATED");
    assert_eq!(shop.console.overview(None).await.expect("an overview").held, 0, "each was looked at");
}

#[tokio::test]
async fn held_for_an_order_that_comes_later_is_applied_by_hand() {
    let shop = Shop::open().await;
    let body = paid("early", "GT000001", 1000);
    let held = shop.receive(&body).await.callback.expect("kept");
    assert_eq!(held.reason.as_deref(), Some("order_known"));
    shop.order(1000, "GT000001").await;
    shop.outside.advance(3_600);
    let applied = shop.console.callback_apply(&held.id).await.expect("applied");
    assert_eq!((applied.verdict, applied.http_status), (Verdict::Applied, 204));
    assert_eq!(shop.dossier("GT000001").await.order.state, "SUCCESS");
    assert_eq!(shop.console.callback_apply(&held.id).await.expect_err("once").code, "CALLBACK_NOT_HELD");
}

#[tokio::test]
async fn undecryptable_is_a_500_until_the_key_is_mended() {
    let shop = Shop::open().await;
    for no in ["GT000001", "GT000002"] {
        shop.order(1000, no).await;
    }
    let other = "another-api-v3-key-of-32-letters";
    let new_key = ApiV3Key::parse(other).expect("a key");
    let body = |no: &str| sealed(&new_key, no, "TRANSACTION.SUCCESS", &payment(no, 1000, T1));
    for no in ["GT000001", "GT000002"] {
        let receipt = shop.receive(&body(no)).await;
        let callback = receipt.callback.expect("kept");
        assert_eq!((receipt.http_status, callback.verdict), (500, Verdict::Failed));
        assert_eq!(shop.dossier(no).await.order.state, "CREATED");
    }
    let patch = MerchantPatch { api_v3_key: Some(Secret::from(other.to_owned())), ..MerchantPatch::default() };
    shop.console.merchant_update("shop", patch).await.expect("mended");
    // one comes again by itself, one is applied by hand
    let again = shop.receive(&body("GT000001")).await.callback.expect("kept");
    assert_eq!(again.verdict, Verdict::Applied);
    let filter = CallbackFilter { verdicts: vec![Verdict::Failed], ..CallbackFilter::default() };
    let failed = shop.console.callback_list(None, filter).await.expect("listed").items;
    assert_eq!(failed.len(), 2);
    let newest = failed.first().expect("the second order's");
    assert_eq!(shop.console.callback_apply(&newest.id).await.expect("applied").verdict, Verdict::Applied);
    // the key before still opens for a day
    assert_eq!(shop.receive(&paid("old-key", "GT000001", 1000)).await.http_status, 204);
}

#[tokio::test]
async fn a_combined_payment_is_taken_in_whole_or_not_at_all() {
    let shop = Shop::open().await;
    let sub = |no: &str, transaction: &str| {
        json!({
            "mchid": MCHID, "out_trade_no": no, "transaction_id": transaction, "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "success_time": "2026-12-01T11:59:58+08:00", "amount": {"total_amount": 1000, "payer_amount": 900, "currency": "CNY"},
        })
    };
    let combined = json!({
        "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "CB000001",
        "sub_orders": [sub("GT000001", T1), sub("GT000002", T2)],
        "combine_payer_info": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    });
    shop.order(1000, "GT000001").await;
    let held = shop.receive(&sealed(&key(), "c-1", "TRANSACTION.SUCCESS", &combined)).await.callback.expect("kept");
    assert_eq!((held.verdict, held.reason.as_deref()), (Verdict::Held, Some("order_known")));
    assert_eq!(shop.dossier("GT000001").await.order.state, "CREATED", "not one without the other");
    shop.order(1000, "GT000002").await;
    let applied = shop.receive(&sealed(&key(), "c-2", "TRANSACTION.SUCCESS", &combined)).await.callback.expect("kept");
    assert_eq!((applied.verdict, applied.amount), (Verdict::Applied, Some(2000)));
    for (no, transaction) in [("GT000001", T1), ("GT000002", T2)] {
        let order = shop.dossier(no).await.order;
        assert_eq!((order.state.as_str(), order.transaction_id.as_deref()), ("SUCCESS", Some(transaction)));
    }
}

/// Every order of arrival of five events about one order: the payment twice, a refund that turned abnormal and then
/// succeeded, and a second refund.
#[tokio::test]
async fn every_order_of_arrival_ends_the_same() {
    let shop = Shop::open().await;
    let mut orders = Vec::new();
    permutations(&mut [0, 1, 2, 3, 4], 5, &mut |order| orders.push(order.to_vec()));
    assert_eq!(orders.len(), 120);
    let mut ends = std::collections::HashSet::new();
    for (number, arrival) in orders.iter().enumerate() {
        let no = format!("GT{number:06}");
        let transaction = format!("42{number:026}");
        let (one, two) = (format!("A{number}"), format!("B{number}"));
        shop.order(1000, &no).await;
        let events = [
            ("TRANSACTION.SUCCESS", payment(&no, 1000, &transaction)),
            ("TRANSACTION.SUCCESS", payment(&no, 1000, &transaction)),
            ("REFUND.ABNORMAL", refund(&no, 1000, (&one, 300), "ABNORMAL", &transaction)),
            ("REFUND.SUCCESS", refund(&no, 1000, (&one, 300), "SUCCESS", &transaction)),
            ("REFUND.SUCCESS", refund(&no, 1000, (&two, 700), "SUCCESS", &transaction)),
        ];
        for event in arrival {
            let (event_type, content) = &events[*event];
            let receipt = shop.receive(&sealed(&key(), &format!("{no}-{event}"), event_type, content)).await;
            let verdict = receipt.callback.expect("kept").verdict;
            assert!(matches!(verdict, Verdict::Applied | Verdict::Duplicate), "{arrival:?} {event}: {verdict:?}");
        }
        let dossier = shop.dossier(&no).await;
        let mut refunds: Vec<_> =
            dossier.refunds.iter().map(|refund| (refund.amount.refund, refund.status.clone())).collect();
        refunds.sort();
        let order = dossier.order;
        ends.insert(format!("{} {} {:?} {refunds:?}", order.state, order.refunded, order.success_time));
    }
    assert_eq!(ends.len(), 1, "{ends:?}");
    let end = ends.into_iter().next().unwrap_or_default();
    assert!(end.starts_with("REFUND 1000 Some") && !end.contains("ABNORMAL"), "{end}");
    let overview = shop.console.overview(None).await.expect("an overview");
    assert_eq!((overview.payments_today, overview.taken_today), (120, 120_000));
    assert_eq!((overview.refunds_today, overview.refunded_today), (240, 120_000));
}

fn permutations(items: &mut [usize], size: usize, visit: &mut impl FnMut(&[usize])) {
    if size == 1 {
        return visit(items);
    }
    for at in 0..size {
        permutations(items, size - 1, visit);
        items.swap(if size.is_multiple_of(2) { at } else { 0 }, size - 1);
    }
}

#[tokio::test]
async fn a_closed_store_never_gets_a_yes() {
    let shop = Shop::open().await;
    shop.order(1000, "GT000001").await;
    let delivery = shop.genuine(&paid("n-1", "GT000001", 1000));
    // the profile is remembered; the store is gone
    shop.console.merchant_list().await.expect("opened");
    assert_eq!(shop.console.receive("shop", delivery.clone()).await.http_status, 204);
    shop.console.desk.store.close().await;
    let receipt = shop.console.receive("shop", delivery).await;
    assert!(receipt.http_status >= 500, "{receipt:?}");
    assert_eq!(receipt.callback.expect("announced").verdict, Verdict::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_has_one_kind_of_path_and_nothing_else() {
    let shop = Shop::open().await;
    shop.order(1000, "GT000001").await;
    let options = ListenOptions::default();
    let listener = shop.console.listen(options).await.expect("listens");
    assert_eq!(listener.notify_paths(), ["/notify/shop"]);
    let mut deliveries = listener.deliveries();
    let delivery = shop.genuine(&paid("n-1", "GT000001", 1000));
    let send = async |method: &str, target: &str| -> String {
        let mut stream = tokio::net::TcpStream::connect(listener.addr()).await.expect("connects");
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: pay.example.com\r\nConnection: close\r\n").into_bytes();
        for (name, value) in &delivery.headers {
            request.extend(format!("{}: {value}\r\n", name.to_lowercase()).into_bytes());
        }
        request.extend(format!("Content-Length: {}\r\n\r\n", delivery.body.len()).into_bytes());
        request.extend(&delivery.body);
        stream.write_all(&request).await.expect("sends");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("reads");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let nothing = [
        ("GET", "/notify/shop"),
        ("PUT", "/notify/shop"),
        ("DELETE", "/"),
        ("POST", "/"),
        ("POST", "/notify/"),
        ("POST", "/notify/other"),
        ("POST", "/notify/SHOP"),
        ("POST", "/notify/shop/"),
        ("POST", "//notify/shop"),
        ("POST", "/notify/%73hop"),
        ("POST", "/notify/../notify/shop"),
        ("POST", "/notify/shop;a=b"),
        ("POST", "/_sandbox/reset"),
    ];
    for (method, target) in nothing {
        let answer = send(method, target).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{method} {target}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    }
    assert_eq!(shop.dossier("GT000001").await.order.state, "CREATED");
    let answer = send("POST", "/notify/shop?from=tunnel&x=%41").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let line = deliveries.recv().await.expect("one line");
    assert_eq!((line.verdict, line.http_status), (Verdict::Applied, 204));
    let shown = shop.console.callback_show(&line.id).await.expect("kept");
    assert_eq!(shown.target, "/notify/shop?from=tunnel&x=%41");
    let taken = shop.console.listen(ListenOptions { port: listener.addr().port(), ..ListenOptions::default() }).await;
    assert_eq!(taken.err().expect("in use").code, "PORT_IN_USE");
    listener.stop().await;
}

mod many;
