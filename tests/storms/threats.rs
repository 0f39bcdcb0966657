//! R3: never falsely paid. What a stranger, an accident or a confused platform can send to the real listener, row by row
//! of the threat table, each judged by the same oracle: the books are as they were, the answer says nothing that helps,
//! and the next right callback is accepted.

use crate::shop::{Dice, Shop, books, figure, key_file, payment, refund, signed, size, transaction, value};
use guitai_door::{Answer, Door, Keep, Limits};
use guitai_tests::command::{Guitai, Serving};
use guitai_tests::house::read_key;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wechatpay::keys::{ApiV3Key, Certificate};
use wechatpay::time::Timestamp;

type Headers = Vec<(String, String)>;

/// A listener of `shop`, the good callbacks that are still to come, and how many rows were tried.
struct Field {
    shop: Arc<Shop>,
    listener: Serving,
    place: String,
    good: usize,
    tried: usize,
}

impl Field {
    async fn open(gateway: &str) -> Field {
        let shop = Arc::new(Shop::on(Guitai::new(), gateway));
        shop.orders((0..200).map(|good| format!("GOOD{good:06}"))).await;
        let listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
        let place = listener.ready["listening"].as_str().expect("where").to_owned();
        Field { shop, listener, place, good: 0, tried: 0 }
    }

    /// The next good callback is accepted.
    async fn good(&mut self, after: &str) {
        let letter = self.shop.paid(&format!("good-{}", self.good), &format!("GOOD{:06}", self.good));
        self.good += 1;
        let (status, ..) = self.shop.deliver(&self.place, &letter.body).await.expect("an answer");
        assert_eq!(status, 204, "the good callback after {after}");
        assert_eq!(self.newest().0, "applied", "the good callback after {after}");
    }

    /// Verdict and reason of the newest kept delivery.
    fn newest(&self) -> (String, String) {
        let newest = "SELECT verdict, coalesce(reason, '') FROM callbacks ORDER BY id DESC LIMIT 1";
        let read = self.shop.store().query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?)));
        read.expect("a delivery")
    }

    /// Not genuine: one of these statuses, and nothing at all is changed in the books.
    async fn refused(&mut self, what: &str, headers: &Headers, body: &[u8], statuses: &[u16]) {
        let before = books(&self.shop.store());
        let (status, said) = self.shop.post(&self.place, headers, body).await.expect("an answer");
        assert!(statuses.contains(&status), "{what}: {status} {said}");
        says_nothing(what, &said);
        assert!(books(&self.shop.store()) == before, "{what}: the books changed");
        self.good(what).await;
        self.tried += 1;
    }

    /// The same with bytes that no HTTP client would send.
    async fn refused_raw(&mut self, what: &str, request: &[u8], statuses: &[u16]) {
        let before = books(&self.shop.store());
        let (status, said) = raw(&self.place, request).await;
        assert!(statuses.contains(&status), "{what}: {status} {said}");
        if !said.is_empty() {
            says_nothing(what, &said);
        }
        assert!(books(&self.shop.store()) == before, "{what}: the books changed");
        self.good(what).await;
        self.tried += 1;
    }

    /// Genuine, but for a person to decide: kept, and no money moved.
    async fn held(&mut self, what: &str, body: &[u8], rung: &str) {
        self.genuine(what, body, 204, "held", rung).await;
    }

    async fn genuine(&mut self, what: &str, body: &[u8], status: u16, verdict: &str, rung: &str) {
        let before = money(&self.shop);
        let (came, ..) = self.shop.deliver(&self.place, body).await.expect("an answer");
        assert_eq!(came, status, "{what}");
        assert_eq!(self.newest(), (verdict.to_owned(), rung.to_owned()), "{what}");
        let newest = "SELECT body FROM callback_raw ORDER BY id DESC LIMIT 1";
        let bytes: Vec<u8> = self.shop.store().query_row(newest, [], |row| row.get(0)).expect("its bytes");
        assert_eq!(bytes, body, "{what}: kept byte for byte");
        assert_eq!(money(&self.shop), before, "{what}: money moved");
        self.good(what).await;
        self.tried += 1;
    }
}

/// Orders, refunds and days without what may change when something is held: the lamp and the journal's "held".
fn money(shop: &Shop) -> String {
    let store = shop.store();
    let sql = "SELECT group_concat(line, char(10)) FROM (
        SELECT 'order ' || out_trade_no || state || refunded || coalesce(transaction_id, '') || coalesce(success_time, '') AS line FROM orders
        UNION ALL SELECT 'refund ' || out_refund_no || status || refund FROM refunds
        UNION ALL SELECT 'day ' || day || payments || ' ' || amount || ' ' || refunds || ' ' || refunded FROM days)";
    store.query_row(sql, [], |row| row.get(0)).expect("the books")
}

/// A refusal's body: FAIL and a few words, none of which helps.
fn says_nothing(what: &str, said: &str) {
    let body: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{what}: {error} in {said:?}"));
    assert_eq!(body["code"], "FAIL", "{what}: {said}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{what}: {said}");
    let message = body["message"].as_str().expect("a message").to_lowercase();
    for word in ["serial", "key", "order", "sqlite", "guitai", "nonce", "timestamp", "证书", "订单", "密钥", "序列号"]
    {
        assert!(!message.contains(word), "{what}: {said}");
    }
}

async fn raw(place: &str, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(place.trim_start_matches("http://")).await.expect("connects");
    stream.write_all(request).await.expect("sends");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("it ends");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

fn request(line: &str, headers: &Headers, more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line}\r\nHost: pay.example.com\r\nContent-Length: {}\r\n{more}", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_1_2_4_17_19_20_24_30_are_refused() {
    let mut field = Field::open("http://127.0.0.1:9").await;
    let shop = field.shop.clone();
    shop.orders(["VICTIM000001".to_owned()]).await;
    let body = shop.paid("victim", "VICTIM000001").body;
    let now = || Timestamp::now().as_second();
    let nonce = "an0nce0f32characters000000000000";
    let by = |key: &str, serial: &str, second: i64| signed(&read_key(&key_file(key)), serial, second, nonce, &body);
    let serial_of = |name: &str| {
        let pem = std::fs::read(key_file(name)).expect("a certificate");
        Certificate::from_pem(&pem).expect("a certificate").serial().as_str().to_owned()
    };
    let (ours, right) = (shop.serial.clone(), by("platform_key.pem", &shop.serial, now()));
    let with = |name: &str, other: Option<&str>| -> Headers {
        let mut headers: Headers = right.iter().filter(|(it, _)| it != name).cloned().collect();
        headers.extend(other.map(|other| (name.to_owned(), other.to_owned())));
        headers
    };
    let signature = value(&right, "wechatpay-signature");
    let cases: Vec<(&str, Headers, &[u16])> = vec![
        ("1 no header at all", vec![], &[401]),
        ("1 no signature", with("Wechatpay-Signature", None), &[401]),
        ("1 empty signature", with("Wechatpay-Signature", Some("")), &[401]),
        ("1 random signature", with("Wechatpay-Signature", Some(&"QUJD".repeat(86)[..344])), &[401]),
        ("1 short signature", with("Wechatpay-Signature", Some(&signature[..172])), &[401]),
        ("1 signature of another body", by_other_body(&shop, nonce), &[401]),
        ("1 another key", by("other_key.pem", &ours, now()), &[401]),
        ("1 another algorithm", with("Wechatpay-Signature-Type", Some("WECHATPAY2-SM2-WITH-SM3")), &[400]),
        ("1 no nonce", with("Wechatpay-Nonce", None), &[401]),
        ("1 no serial", with("Wechatpay-Serial", None), &[401]),
        ("1 no timestamp", with("Wechatpay-Timestamp", None), &[401]),
        ("1 timestamp in words", with("Wechatpay-Timestamp", Some("now")), &[400]),
        (
            "2 the merchant's own key under its own serial",
            by("merchant_key.pem", &serial_of("merchant_cert.pem"), now()),
            &[401],
        ),
        ("2 the merchant's own key under the platform's serial", by("merchant_key.pem", &ours, now()), &[401]),
        ("4 too old", by("platform_key.pem", &ours, now() - 302), &[401]),
        ("4 from the future", by("platform_key.pem", &ours, now() + 310), &[401]),
        ("17 probe", with("Wechatpay-Signature", Some(&format!("WECHATPAY/SIGNTEST/{signature}"))), &[401]),
        (
            "24 a sandbox's key under its own serial",
            by("platform2_key.pem", &serial_of("platform2_cert.pem"), now()),
            &[401],
        ),
        ("24 a sandbox's key under the live serial", by("platform2_key.pem", &ours, now()), &[401]),
        (
            "24 the public key's other half, which this merchant doesn't use",
            by("pub_key_private.pem", "PUB_KEY_ID_0114232134912410000000000000", now()),
            &[401],
        ),
    ];
    for (what, headers, statuses) in &cases {
        field.refused(what, headers, &body, statuses).await;
    }
    // 30: a tunnel makes every source 127.0.0.1; nothing that claims another is believed
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"] {
        let mut headers = by("other_key.pem", &ours, now());
        headers.push((name.to_owned(), "101.226.103.0".to_owned()));
        field.refused(&format!("30 {name}"), &headers, &body, &[401]).await;
    }
    // 19: headers that a lenient reader would take for the right ones
    let good = by("platform_key.pem", &ours, now());
    let signature = value(&good, "wechatpay-signature");
    let twice = format!("wechatpay-signature: {signature}\r\n");
    let line = "POST /notify/shop HTTP/1.1";
    let underscored: Headers = good.iter().map(|(name, value)| (name.replace('-', "_"), value.clone())).collect();
    let spaced: Headers = good.iter().map(|(name, value)| (format!("{name} "), value.clone())).collect();
    let smuggled: Headers =
        good.iter().map(|(name, value)| (name.clone(), value.replace(&signature, "x\r\n folded"))).collect();
    let hidden: Headers = good.iter().map(|(name, value)| (name.clone(), format!("{value}\0"))).collect();
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("19 a header twice", request(line, &good, &twice, &body), &[400]),
        ("19 underscores for dashes", request(line, &underscored, "", &body), &[400, 401]),
        ("19 a blank before the colon", request(line, &spaced, "", &body), &[400]),
        ("19 a folded header", request(line, &smuggled, "", &body), &[400]),
        ("19 a NUL in a header", request(line, &hidden, "", &body), &[400]),
        ("19 two lengths", request(line, &good, "Content-Length: 3\r\n", &body), &[400]),
        ("19 length and chunks", request(line, &good, "Transfer-Encoding: chunked\r\n", &body), &[400]),
        ("19 more than 64 headers", request(line, &good, &"X-More: 1\r\n".repeat(70), &body), &[431]),
        ("19 a head of 20 KiB", request(line, &good, &format!("X-More: {}\r\n", "a".repeat(20_000)), &body), &[431]),
        ("20 two slashes", request("POST //notify/shop HTTP/1.1", &good, "", &body), &[404]),
        ("20 escaped", request("POST /notify/%73hop HTTP/1.1", &good, "", &body), &[404]),
        ("20 escaped slash", request("POST /notify%2fshop HTTP/1.1", &good, "", &body), &[404]),
        ("20 dots", request("POST /x/../notify/shop HTTP/1.1", &good, "", &body), &[404]),
        ("20 upper case", request("POST /notify/SHOP HTTP/1.1", &good, "", &body), &[404]),
        ("20 parameters", request("POST /notify/shop;a=b HTTP/1.1", &good, "", &body), &[404]),
        ("20 slash behind", request("POST /notify/shop/ HTTP/1.1", &good, "", &body), &[404]),
        ("20 absolute", request("POST http://pay.example.com/notify/shop HTTP/1.1", &good, "", &body), &[400, 404]),
        ("20 another method", request("PUT /notify/shop HTTP/1.1", &good, "", &body), &[404, 405]),
    ];
    for (what, bytes, statuses) in &rows {
        field.refused_raw(what, bytes, statuses).await;
    }
    // 4: within the window it is taken, on both sides
    for (number, off) in [-297_i64, 297].into_iter().enumerate() {
        let headers = by("platform_key.pem", &ours, now() + off);
        let (status, said) = shop.post(&field.place, &headers, &body).await.expect("an answer");
        assert_eq!(status, 204, "{off}: {said}");
        assert_eq!(field.newest().0, ["applied", "duplicate"][number], "{off}");
    }
    assert_eq!(field.listener.signal("TERM").code(), Some(0));
    shop.sound();
    figure(
        "R3",
        &format!(
            "{} hostile requests of rows 1, 2, 4, 17, 19, 20, 24, 30: books unchanged, each followed by a good one",
            field.tried
        ),
    );
}

/// A right signature over other bytes.
fn by_other_body(shop: &Shop, nonce: &str) -> Headers {
    signed(&shop.platform, &shop.serial, Timestamp::now().as_second(), nonce, b"{}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_5_6_8_to_12_15_16_18_move_no_money() {
    let mut field = Field::open("http://127.0.0.1:9").await;
    let shop = field.shop.clone();
    shop.orders(
        ["VICTIM000001", "PAID000001", "CLOSED000001", "BACK000001", "COUPON000001", "KEY000001"].map(str::to_owned),
    )
    .await;
    let event = "TRANSACTION.SUCCESS";
    let paid = shop.paid("paid", "PAID000001").body;
    assert_eq!(shop.deliver(&field.place, &paid).await.expect("an answer").0, 204);
    // 5: the very same request again and again; 6: WeChat Pay's own redelivery, signed anew
    let headers = shop.headers(&paid, &shop.nonce());
    let before = money(&shop);
    for _ in 0..size(40, 1_000) {
        assert_eq!(shop.post(&field.place, &headers, &paid).await.expect("an answer").0, 204);
    }
    assert_eq!(field.newest().0, "duplicate");
    assert_eq!(money(&shop), before, "5: a replay moved money");
    assert_eq!(shop.deliver(&field.place, &paid).await.expect("an answer").0, 204);
    assert_eq!((field.newest().0.as_str(), money(&shop)), ("duplicate", before), "6");
    field.tried += 2;
    // a coupon is no wrong amount
    let mut coupon = payment("COUPON000001");
    coupon["amount"]["payer_total"] = json!(900);
    assert_eq!(
        shop.deliver(&field.place, &shop.letter("coupon", event, &coupon).body).await.expect("an answer").0,
        204
    );
    assert_eq!(field.newest().0, "applied", "8: paid with a coupon");

    let with = |changes: &[(&str, Value)]| {
        let mut content = payment("VICTIM000001");
        for (pointer, value) in changes {
            *content.pointer_mut(pointer).expect("a field") = value.clone();
        }
        content
    };
    let _ = shop.guitai.json(&["order", "close", "CLOSED000001"]);
    let back = shop.paid("back", "BACK000001").body;
    assert_eq!(shop.deliver(&field.place, &back).await.expect("an answer").0, 204);
    let all_back = shop.refunded("all-back", "BACK000001", "RB1", 1_000).body;
    assert_eq!(shop.deliver(&field.place, &all_back).await.expect("an answer").0, 204);
    let mut second = payment("PAID000001");
    second["transaction_id"] = json!(transaction("ANOTHER"));
    let mut after_refund = payment("BACK000001");
    after_refund["transaction_id"] = json!(transaction("ANOTHER"));
    let refunded = "REFUND.SUCCESS";
    let held = [
        ("8 amount", event, with(&[("/amount/total", json!(999))]), "amount_matches"),
        ("8 amount too high", event, with(&[("/amount/total", json!(100_000))]), "amount_matches"),
        ("8 currency", event, with(&[("/amount/currency", json!("USD"))]), "amount_matches"),
        ("8 appid", event, with(&[("/appid", json!("wx0000000000000002"))]), "merchant_matches"),
        ("8 mchid", event, with(&[("/mchid", json!("1900000002"))]), "merchant_matches"),
        (
            "8 all of them",
            event,
            with(&[("/mchid", json!("1900000002")), ("/appid", json!("wx0")), ("/amount/total", json!(1))]),
            "merchant_matches",
        ),
        (
            "9 another merchant's payment on this path",
            event,
            with(&[("/mchid", json!("1900000109"))]),
            "merchant_matches",
        ),
        ("10 unknown order", event, payment("NOBODY000001"), "order_known"),
        ("10 letter case", event, payment("victim000001"), "order_known"),
        ("11 paid after it was closed", event, payment("CLOSED000001"), "state_allows"),
        ("12 a second transaction for a paid order", event, second, "state_allows"),
        ("12 another payment for a refunded order", event, after_refund, "state_allows"),
        ("12 more refunded than was paid", refunded, refund("PAID000001", "RB9", 1_001), "amount_matches"),
        ("12 a refund of an unknown order", refunded, refund("NOBODY000001", "RB9", 1), "order_known"),
        ("18 amount as a float", event, with(&[("/amount/total", json!(1000.5))]), "not_understood"),
        ("18 amount as text", event, with(&[("/amount/total", json!("1000"))]), "not_understood"),
        ("18 amount below zero", event, with(&[("/amount/total", json!(-1000))]), "amount_matches"),
        ("18 state as a number", event, with(&[("/trade_state", json!(1))]), "not_understood"),
        ("18 not paid at all", event, with(&[("/trade_state", json!("NOTPAY"))]), "not_understood"),
    ];
    for (number, (what, event, content, rung)) in held.into_iter().enumerate() {
        let body = shop.letter(&format!("held-{number}"), event, &content).body;
        field.held(what, &body, rung).await;
    }
    // the order number of nobody was not made
    assert!(!money(&shop).contains("NOBODY"));

    // 18: what is signed but can't be read is held, whatever it costs to read
    let text = |body: &str| body.as_bytes().to_vec();
    let unreadable = [
        ("18 nothing", Vec::new()),
        ("18 no JSON", text("paid")),
        ("18 a BOM", [b"\xEF\xBB\xBF".as_slice(), &shop.paid("bom", "VICTIM000001").body].concat()),
        ("18 not UTF-8", text("{\"id\":\"").into_iter().chain([0xFF, 0xFE]).chain(*b"\"}").collect()),
        ("18 depth", text(&"[".repeat(60_000))),
        ("18 NaN", text("{\"id\":NaN}")),
        ("18 1e999", text("{\"id\":1e999}")),
        ("18 a key twice", text("{\"id\":\"a\",\"id\":\"b\"}")),
    ];
    for (what, body) in &unreadable {
        field.held(what, body, "not_understood").await;
        // unsigned it isn't even looked at
        field.refused(&format!("{what}, unsigned"), &vec![], body, &[401]).await;
    }
    let headers = shop.headers(&vec![b'x'; 70_000], &shop.nonce());
    field.refused("18 over 64 KiB", &headers, &vec![b'x'; 70_000], &[413]).await;

    // 15: signed, but what is in it doesn't decrypt: a 500, so that it comes again once the key is mended
    let letter: Value = serde_json::from_slice(&shop.paid("sealed", "VICTIM000001").body).expect("JSON");
    let resource = |name: &str, changed: &str| {
        let mut letter = letter.clone();
        letter["resource"][name] = json!(changed);
        letter.to_string().into_bytes()
    };
    field.genuine("15 nonce", &resource("nonce", "fdasfjihihiH"), 500, "failed", "resource_decrypts").await;
    field
        .genuine("15 associated data", &resource("associated_data", "refund"), 500, "failed", "resource_decrypts")
        .await;
    let ciphertext = letter["resource"]["ciphertext"].as_str().expect("text").to_owned();
    let mut dice = Dice::new(15);
    let every = size(40, 1);
    let mut flipped = 0;
    let before = money(&shop);
    for at in (0..ciphertext.len()).step_by(every) {
        let mut changed = ciphertext.clone().into_bytes();
        let other = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[dice.roll(64)];
        changed[at] = if changed[at] == other { b'_' } else { other };
        let body = resource("ciphertext", &String::from_utf8(changed).expect("ASCII"));
        let status = shop.deliver(&field.place, &body).await.expect("an answer").0;
        let (verdict, _) = field.newest();
        assert!(verdict == "failed" || verdict == "held", "15: character {at}: {status} {verdict}");
        flipped += 1;
    }
    assert_eq!(money(&shop), before, "15: money moved");
    field.tried += flipped;

    // 16: the key was changed: the new one opens, the old one for a day, no third
    let new = "another-api-v3-key-of-32-letters";
    let file = shop.guitai.file("new.key", new);
    let _ = shop.guitai.json(&["merchant", "update", "shop", "--api-v3-key-file", &file]);
    let sealed_with = |key: &str| {
        let content = payment("KEY000001");
        let plain = content.to_string();
        let key = ApiV3Key::parse(key).expect("32 characters");
        let mut letter = letter.clone();
        letter["id"] = json!(format!("key-{}", plain.len()));
        letter["resource"]["ciphertext"] =
            json!(wechatpay::seal::seal(&key, b"fdasfjihihih", b"transaction", plain.as_bytes()));
        letter.to_string().into_bytes()
    };
    field
        .genuine("16 a third key", &sealed_with("a-third-api-v3-key-of-32-letters"), 500, "failed", "resource_decrypts")
        .await;
    // a listener asks every half second whether another process changed a merchant; what comes before comes again
    let changed = sealed_with(new);
    while shop.deliver(&field.place, &changed).await.expect("an answer").0 != 204 {}
    assert_eq!(field.newest().0, "applied", "16: the new key opens");
    assert_eq!(field.listener.signal("TERM").code(), Some(0));
    shop.sound();
    assert!(money(&shop).contains(&format!("order KEY000001SUCCESS0{}", transaction("KEY000001"))), "16: paid");
    figure(
        "R3",
        &format!("{} genuine but wrong callbacks of rows 5, 6, 8 to 12, 15, 16, 18: no money moved", field.tried),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_3_strangers_serials_fetch_certificates_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let door =
        Door::open(([127, 0, 0, 1], 0).into(), Limits { keep: Keep::Always, ..Limits::listener() }, move |request| {
            let counted = counted.clone();
            async move {
                if request.path() == "/v3/certificates" {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                Answer::Full { status: 500, headers: Vec::new(), body: "{}".to_owned().into() }
            }
        });
    let door = door.expect("a gateway that knows nothing");
    let mut field = Field::open(&format!("http://{}", door.addr())).await;
    let shop = field.shop.clone();
    let body = shop.paid("victim", "NOBODY000001").body;
    let at_start = calls.load(Ordering::SeqCst);
    let (serials, mut dice) = (size(200, 1_000), Dice::new(3));
    for _ in 0..serials {
        let serial: String = (0..40).map(|_| char::from(b"0123456789ABCDEF"[dice.roll(16)])).collect();
        let headers = signed(&shop.platform, &serial, Timestamp::now().as_second(), &shop.nonce(), &body);
        assert_eq!(shop.post(&field.place, &headers, &body).await.expect("an answer").0, 401);
    }
    field.good("1,000 strangers").await;
    assert_eq!(field.listener.signal("TERM").code(), Some(0));
    let fetched = calls.load(Ordering::SeqCst) - at_start;
    assert!(fetched <= 1, "{serials} unknown serials fetched the certificates {fetched} times");
    figure("R3", &format!("row 3: {serials} unknown serials, {fetched} downloads of certificates"));
}

/// Row 1: one bit of a right request is changed, over HTTP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_bits_change_nothing() {
    let field = Field::open("http://127.0.0.1:9").await;
    let shop = field.shop.clone();
    shop.orders(["VICTIM000001".to_owned()]).await;
    let body = Arc::new(shop.paid("victim", "VICTIM000001").body);
    let before = books(&shop.store());
    let (tries, mut dice) = (size(1_500, 100_000), Dice::new(101));
    let mut sending = tokio::task::JoinSet::new();
    let mut headers = shop.headers(&body, "an0nce0f32characters000000000000");
    for number in 0..tries {
        if number % 10_000 == 9_999 {
            // the right one must not grow stale, or the flips would be refused for their age
            headers = shop.headers(&body, "an0nce0f32characters000000000000");
        }
        let (mut wrong, mut changed) = (headers.clone(), (*body).clone());
        let which = dice.roll(6);
        match which {
            0..=1 => {
                let value = &mut wrong[1 + dice.roll(4)].1;
                let at = dice.roll(value.len());
                let mut bytes = value.clone().into_bytes();
                bytes[at] ^= 1 << dice.roll(3);
                let sound = bytes[at].is_ascii_graphic();
                *value = String::from_utf8(if sound { bytes } else { b"x".to_vec() }).expect("ASCII");
            }
            _ => {
                let at = dice.roll(changed.len());
                changed[at] ^= 1 << dice.roll(8);
            }
        }
        let (shop, place) = (shop.clone(), field.place.clone());
        sending.spawn(async move { shop.post(&place, &wrong, &changed).await.expect("an answer").0 });
        if sending.len() >= 64 {
            let status = sending.join_next().await.expect("one").expect("joins");
            assert!((400..500).contains(&status), "{status}");
        }
    }
    while let Some(done) = sending.join_next().await {
        let status = done.expect("joins");
        assert!((400..500).contains(&status), "{status}");
    }
    assert!(books(&shop.store()) == before, "the books changed");
    let (status, said) = shop.post(&field.place, &shop.headers(&body, &shop.nonce()), &body).await.expect("an answer");
    assert_eq!(status, 204, "the right one still goes through: {said}");
    figure("R3", &format!("{tries} requests with one bit changed over HTTP: 0 accepted, books unchanged"));
}

/// Row 29: a flood of refusals fills neither the disk nor the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_29_a_flood_of_garbage_stays_small() {
    let mut field = Field::open("http://127.0.0.1:9").await;
    let shop = field.shop.clone();
    let plain = Arc::new(shop.paid("flood", "NOBODY000001").body);
    let large = Arc::new(vec![b'x'; 60_000]);
    let flood = |count: usize, body: Arc<Vec<u8>>| {
        let (shop, place) = (shop.clone(), field.place.clone());
        async move {
            let mut sending = tokio::task::JoinSet::new();
            for _ in 0..count {
                let mut headers = signed_by_nobody(&shop.serial);
                headers[2].1 = shop.nonce();
                let (shop, body, place) = (shop.clone(), body.clone(), place.clone());
                sending.spawn(async move { shop.post(&place, &headers, &body).await.map_or(0, |answer| answer.0) });
                if sending.len() >= 64 {
                    assert_eq!(sending.join_next().await.expect("one").expect("joins"), 401);
                }
            }
            while let Some(done) = sending.join_next().await {
                assert_eq!(done.expect("joins"), 401);
            }
        }
    };
    // the quarantine is full after 1,000; what comes then takes the place of what was there
    let before = bytes(&shop.data());
    let refusals = size(3_000, 1_000_000);
    // and a few large ones must not make it large
    flood(refusals / 20, large).await;
    flood(refusals, plain).await;
    field.good("the flood").await;
    assert_eq!(field.listener.signal("TERM").code(), Some(0));
    let grown = bytes(&shop.data()).saturating_sub(before);
    let (_, notes) = field.listener.rest();
    let quarantine: i64 = shop
        .store()
        .query_row("SELECT count(*) FROM callbacks WHERE verdict = 'rejected'", [], |row| row.get(0))
        .expect("counts");
    assert_eq!(quarantine, 1_000, "the newest are kept");
    let kib = (grown + notes.len() as u64) / 1024;
    figure("R3", &format!("row 29: {refusals} refusals: data folder and notes grew by {kib} KiB"));
    assert!(kib < 5 * 1024, "{kib} KiB: store {grown}, notes {}", notes.len());
    shop.sound();
}

fn signed_by_nobody(serial: &str) -> Headers {
    let signature = "QUJD".repeat(86)[..340].to_owned() + "QQ==";
    signed_as(serial, &signature)
}

fn signed_as(serial: &str, signature: &str) -> Headers {
    let second = Timestamp::now().as_second().to_string();
    [
        ("Content-Type", "application/json"),
        ("Wechatpay-Timestamp", second.as_str()),
        ("Wechatpay-Nonce", ""),
        ("Wechatpay-Signature", signature),
        ("Wechatpay-Serial", serial),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Of every file in a folder, the ballast aside, which is there before and after.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let size = |path: &std::path::PathBuf| match path.is_dir() {
        true => bytes(path),
        false if path.ends_with("guitai.ballast") => 0,
        false => path.metadata().map_or(0, |facts| facts.len()),
    };
    entries.collect::<Vec<_>>().iter().map(size).sum()
}
