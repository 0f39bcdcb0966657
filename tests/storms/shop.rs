//! What the storms share: a merchant with the fixture keys on a data folder of its own, orders by the thousand,
//! notifications signed at the moment they are sent, and the look at the store that comes after.

use guitai_tests::command::{Guitai, http};
use guitai_tests::house::{open_desk, read_key};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey};
use wechatpay::message;
use wechatpay::money::Fen;
use wechatpay::notification::{Envelope, write};
use wechatpay::time::{Timestamp, beijing};

pub const MCHID: &str = "1900000001";
pub const APPID: &str = "wxd678efh567hg6787";

/// The goal's own size where `make storms` asks for it, else one that CI has time for.
pub fn size(small: usize, full: usize) -> usize {
    if full_size() { full } else { small }
}

pub fn full_size() -> bool {
    std::env::var("GUITAI_STORM").is_ok_and(|size| size == "full")
}

/// A line of figures: `make storms` collects them.
pub fn figure(goal: &str, text: &str) {
    println!("{goal} {}: {text}", if full_size() { "full" } else { "small" });
}

/// Dice that fall the same way each time.
pub struct Dice(u64);

impl Dice {
    pub fn new(which: u64) -> Dice {
        let seed = std::env::var("GUITAI_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or(20_261_129);
        Dice((seed ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides.max(1)).expect("small")).expect("small")
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.roll(at + 1));
        }
    }
}

/// A file of `tests/keys`.
pub fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(name)
}

/// A notification before it is signed.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: String,
    pub no: String,
    pub body: Vec<u8>,
}

/// One delivery that was answered with 2xx.
#[derive(Clone, Debug)]
pub struct Ack {
    pub letter: usize,
    /// Told apart by this: no two deliveries have the same.
    pub nonce: String,
    pub signature: String,
}

/// A merchant and its platform.
pub struct Shop {
    pub guitai: Guitai,
    pub platform: PrivateKey,
    pub serial: String,
    pub key: ApiV3Key,
    pub http: reqwest::Client,
    nonces: AtomicU64,
}

impl Shop {
    /// The merchant `shop` on a fresh data folder. No gateway: nothing listens where it would be.
    pub fn open() -> Shop {
        Self::on(Guitai::new(), "http://127.0.0.1:9")
    }

    pub fn on(guitai: Guitai, gateway: &str) -> Shop {
        let key = std::fs::read_to_string(key_file("apiv3.key")).expect("the APIv3 key").trim().to_owned();
        let certificate = |name: &str| {
            let pem = std::fs::read(key_file(name)).expect("a certificate");
            Certificate::from_pem(&pem).expect("a certificate").serial().as_str().to_owned()
        };
        let path = |name: &str| key_file(name).to_str().expect("UTF-8").to_owned();
        let key_text = guitai.file("apiv3.key", &key);
        let _ = guitai.json(&[
            "merchant",
            "add",
            "shop",
            "--mchid",
            MCHID,
            "--appid",
            APPID,
            "--serial-no",
            &certificate("merchant_cert.pem"),
            "--private-key",
            &path("merchant_key.pem"),
            "--api-v3-key-file",
            &key_text,
            "--platform-certificate",
            &path("platform_cert.pem"),
            "--base-url",
            gateway,
        ]);
        Shop {
            guitai,
            platform: read_key(&key_file("platform_key.pem")),
            serial: certificate("platform_cert.pem"),
            key: ApiV3Key::parse(&key).expect("32 characters"),
            http: http(),
            nonces: AtomicU64::new(0),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.guitai.path("data")
    }

    /// Orders of 10.00 yuan by these numbers, made by the desk itself.
    pub async fn orders(&self, numbers: impl IntoIterator<Item = String>) {
        self.orders_of(None, numbers).await;
    }

    /// The same of a merchant that is not the current one.
    pub async fn orders_of(&self, merchant: Option<&'static str>, numbers: impl IntoIterator<Item = String>) {
        let desk = open_desk(&self.data()).await;
        let mut making = tokio::task::JoinSet::new();
        for no in numbers {
            let desk = desk.clone();
            making.spawn(async move {
                let input = guitai_console::OrderInput {
                    amount: Fen::new(1_000),
                    description: "storm".to_owned(),
                    out_trade_no: Some(no),
                    ..guitai_console::OrderInput::default()
                };
                desk.order_create(merchant, input).await.expect("the order is made");
            });
            if making.len() >= 256 {
                making.join_next().await;
            }
        }
        while let Some(made) = making.join_next().await {
            made.expect("an order");
        }
        desk.close().await;
    }

    /// A notification around this content.
    pub fn letter(&self, id: &str, event_type: &str, content: &Value) -> Letter {
        let original_type = if event_type.starts_with("REFUND") { "refund" } else { "transaction" };
        let create_time = beijing(Timestamp::now());
        let envelope = Envelope { id, create_time: &create_time, event_type, summary: "支付成功", original_type };
        let body = write(envelope, &self.key, b"fdasfjihihih", content.to_string().as_bytes());
        Letter { id: id.to_owned(), no: content["out_trade_no"].as_str().unwrap_or_default().to_owned(), body }
    }

    pub fn paid(&self, id: &str, no: &str) -> Letter {
        self.letter(id, "TRANSACTION.SUCCESS", &payment(no))
    }

    pub fn refunded(&self, id: &str, no: &str, refund_no: &str, fen: i64) -> Letter {
        self.letter(id, "REFUND.SUCCESS", &refund(no, refund_no, fen))
    }

    /// Another nonce each time.
    pub fn nonce(&self) -> String {
        format!("{:032}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    /// The headers of a delivery of `body`, signed now.
    pub fn headers(&self, body: &[u8], nonce: &str) -> Vec<(String, String)> {
        signed(&self.platform, &self.serial, Timestamp::now().as_second(), nonce, body)
    }

    /// Delivers it once; the status and the nonce and signature it went with, or nothing if no answer came.
    pub async fn deliver(&self, place: &str, body: &[u8]) -> Option<(u16, String, String)> {
        let nonce = self.nonce();
        let headers = self.headers(body, &nonce);
        let signature = value(&headers, "Wechatpay-Signature");
        let status = self.post(place, &headers, body).await?.0;
        Some((status, nonce, signature))
    }

    /// Posts exactly these headers and bytes to the notify path; status and body.
    pub async fn post(&self, place: &str, headers: &[(String, String)], body: &[u8]) -> Option<(u16, String)> {
        let mut request = self.http.post(format!("{place}/notify/shop")).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        Some((status, text))
    }

    /// `guitai doctor store`: everything that is about the store itself has to be right.
    pub fn sound(&self) {
        sound(&self.guitai);
    }

    pub fn store(&self) -> Connection {
        reading(&self.data().join("guitai.db"))
    }
}

pub fn sound(guitai: &Guitai) {
    let ran = guitai.run(&["doctor", "store", "--json"]);
    let report = ran.document();
    for name in ["store_readable", "integrity", "references", "callbacks", "summary", "search"] {
        let check = report["checks"].as_array().expect("checks").iter().find(|check| check["name"] == name);
        assert_eq!(check.expect(name)["ok"], true, "{name}: {report:#}");
    }
}

/// Opens a store file to look at it.
pub fn reading(file: &Path) -> Connection {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store opens")
}

pub fn payment(no: &str) -> Value {
    json!({
        "mchid": MCHID, "appid": APPID, "out_trade_no": no, "transaction_id": transaction(no), "trade_type": "JSAPI",
        "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
        "success_time": "2026-11-29T11:59:58+08:00", "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 1000, "payer_total": 1000, "currency": "CNY", "payer_currency": "CNY"},
    })
}

pub fn refund(no: &str, refund_no: &str, fen: i64) -> Value {
    json!({
        "mchid": MCHID, "out_trade_no": no, "transaction_id": transaction(no), "out_refund_no": refund_no,
        "refund_id": format!("50{refund_no}"), "refund_status": "SUCCESS", "success_time": "2026-11-29T12:59:59+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": 1000, "refund": fen, "payer_total": 1000, "payer_refund": fen},
    })
}

/// The transaction of an order: its number, made as long as WeChat Pay's.
pub fn transaction(no: &str) -> String {
    format!("42{no:0>26}")
}

pub fn signed(key: &PrivateKey, serial: &str, second: i64, nonce: &str, body: &[u8]) -> Vec<(String, String)> {
    let second = second.to_string();
    let signature = key.sign(&message::answer(&second, nonce, body));
    [
        ("Content-Type", "application/json"),
        ("Wechatpay-Timestamp", second.as_str()),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Signature", signature.as_str()),
        ("Wechatpay-Serial", serial),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub fn value(headers: &[(String, String)], name: &str) -> String {
    headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// A kept delivery.
#[derive(Debug)]
pub struct Kept {
    pub body: Vec<u8>,
    pub signature: String,
    pub verdict: String,
    pub notification_id: Option<String>,
}

/// Every kept delivery by its nonce; two with one nonce are a delivery that was kept twice.
pub fn kept(store: &Connection) -> HashMap<String, Kept> {
    let mut rows = store
        .prepare("SELECT headers, body, verdict, notification_id FROM callback_raw JOIN callbacks USING (id)")
        .expect("deliveries");
    let rows = rows.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(2)?, row.get(3)?))
    });
    let mut kept = HashMap::new();
    for row in rows.expect("deliveries") {
        let (headers, body, verdict, notification_id) = row.expect("a delivery");
        let headers: Vec<(String, String)> = serde_json::from_str(&headers).expect("headers");
        let signature = value(&headers, "wechatpay-signature");
        let nonce = value(&headers, "wechatpay-nonce");
        let twice = kept.insert(nonce.clone(), Kept { body, signature, verdict, notification_id });
        assert!(twice.is_none(), "the delivery {nonce} is kept twice");
    }
    kept
}

/// Looks whether every acknowledged delivery is there byte for byte; how many are not.
pub fn missing(store: &Connection, letters: &[Letter], acks: &[Ack]) -> Vec<Ack> {
    let kept = kept(store);
    let is_there = |ack: &&Ack| {
        kept.get(&ack.nonce).is_some_and(|row| {
            row.body == letters[ack.letter].body
                && row.signature == ack.signature
                && row.notification_id.as_deref() == Some(letters[ack.letter].id.as_str())
                && matches!(row.verdict.as_str(), "applied" | "duplicate")
        })
    };
    acks.iter().filter(|ack| !is_there(ack)).cloned().collect()
}

/// `state refunded paid` of each order: how it stands and how often its journal says that it was paid.
pub fn ends(store: &Connection) -> BTreeMap<String, String> {
    let sql = "SELECT out_trade_no, state || ' ' || refunded || ' ' ||
                 (SELECT count(*) FROM journal WHERE order_id = orders.id AND kind = 'paid') FROM orders";
    let mut rows = store.prepare(sql).expect("orders");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("orders");
    rows.map(|row| row.expect("an order")).collect()
}

/// All rows of the tables that say what was paid and refunded, as one text: the oracle of "nothing changed".
pub fn books(store: &Connection) -> String {
    let mut text = String::new();
    for (table, order) in [("orders", "id"), ("refunds", "id"), ("journal", "id"), ("days", "mchid, day")] {
        let mut rows = store.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")).expect("a table");
        let columns = rows.column_count();
        let mut rows = rows.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                text += &format!("{:?} ", row.get_ref(column).expect("a value"));
            }
            text += &format!("[{table}]\n");
        }
    }
    text
}
