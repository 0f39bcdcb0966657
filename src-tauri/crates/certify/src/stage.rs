//! What is staged at the sandbox: orders, payments, refunds, certificates; and the notifications that are made from
//! them and signed as WeChat Pay would, or wrongly on purpose. Sending them to the backend lives in `backend`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use serde::Deserialize;
use serde_json::{Value, json};
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::time::{Timestamp, beijing};
use wechatpay::{message, seal};

use crate::run::CertifyError;

/// The sandbox's ready line, as `guitai sandbox` prints it. Holds secrets: no `Debug`.
#[derive(Clone, Deserialize)]
pub struct SandboxAccess {
    pub(crate) base_url: String,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) appsecret: String,
    pub(crate) api_v3_key: String,
    pub(crate) merchant_serial_no: String,
    merchant_private_key: PathBuf,
    pub(crate) platform_serial_no: String,
    platform_private_key: PathBuf,
    pub(crate) public_key_id: String,
    public_key_private_key: PathBuf,
}

/// A key and the serial that it is to be named by.
#[derive(Clone)]
pub(crate) struct Hand {
    pub(crate) key: PrivateKey,
    pub(crate) serial: String,
}

/// A request as it will go out; cases change it on purpose.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Letter {
    pub(crate) fn without(mut self, header: &str) -> Letter {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
        self
    }

    pub(crate) fn with(mut self, header: &str, value: &str) -> Letter {
        self = self.without(header);
        self.headers.push((header.into(), value.into()));
        self
    }
}

/// An order that the run uses, with what a right notification says about it.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) out_trade_no: String,
    /// The transaction object: the real one if the order was paid at the sandbox, else what a forger would make up.
    pub(crate) transaction: Value,
    pub(crate) total: i64,
}

impl Order {
    /// Who pays; as secret as the keys.
    pub(crate) fn openid(&self) -> String {
        self.transaction.pointer("/payer/openid").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// The sandbox with the keys that it lends.
#[derive(Clone)]
pub(crate) struct Stage {
    access: SandboxAccess,
    http: reqwest::Client,
    api_v3_key: ApiV3Key,
    merchant: PrivateKey,
    pub(crate) platform: Hand,
    pub(crate) public_key: Hand,
    pub(crate) stranger: PrivateKey,
    pub(crate) openid: String,
    /// The lines of the lent private keys: a backend could echo one without its frame.
    key_lines: Vec<String>,
    /// Nonces of the requests that were made here: the sandbox's log has them too.
    own: Arc<Mutex<HashSet<String>>>,
}

pub(crate) fn alphanumeric(count: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = vec![0u8; count];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().filter_map(|b| ALPHABET.get(usize::from(*b) % 62)).map(|b| char::from(*b)).collect()
}

fn digits(count: usize) -> String {
    let mut bytes = vec![0u8; count];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().map(|b| char::from(b'0' + b % 10)).collect()
}

/// A notification id in the form of a UUID.
pub(crate) fn notification_id() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

impl Stage {
    /// Reads the keys that the ready line names and sees that the sandbox is there.
    pub(crate) async fn open(access: SandboxAccess) -> Result<Stage, CertifyError> {
        let read = |path: &PathBuf| -> Result<PrivateKey, CertifyError> {
            let pem = std::fs::read(path).map_err(|e| CertifyError::Sandbox(format!("{}: {e}", path.display())))?;
            PrivateKey::from_pem(&pem).map_err(|e| CertifyError::Sandbox(format!("{}: {e}", path.display())))
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|e| CertifyError::Sandbox(e.to_string()))?;
        let mut key_lines = Vec::new();
        for path in [&access.merchant_private_key, &access.platform_private_key, &access.public_key_private_key] {
            let pem = std::fs::read_to_string(path).unwrap_or_default();
            let lines = pem.lines().map(str::trim).filter(|line| line.len() > 16 && !line.starts_with('-'));
            key_lines.extend(lines.map(str::to_owned));
        }
        let mut stage = Stage {
            key_lines,
            own: Arc::default(),
            api_v3_key: ApiV3Key::parse(&access.api_v3_key).map_err(|e| CertifyError::Sandbox(e.to_string()))?,
            merchant: read(&access.merchant_private_key)?,
            platform: Hand { key: read(&access.platform_private_key)?, serial: access.platform_serial_no.clone() },
            public_key: Hand { key: read(&access.public_key_private_key)?, serial: access.public_key_id.clone() },
            stranger: PrivateKey::generate(&mut OsRng),
            openid: String::new(),
            http,
            access,
        };
        let login = stage
            .http
            .get(format!("{}/sns/jscode2session", stage.access.base_url))
            .query(&[
                ("appid", stage.access.appid.as_str()),
                ("secret", stage.access.appsecret.as_str()),
                ("js_code", "sandbox-certify"),
                ("grant_type", "authorization_code"),
            ])
            .send()
            .await
            .map_err(|e| CertifyError::Sandbox(e.without_url().to_string()))?;
        let login: Value = login.json().await.map_err(|e| CertifyError::Sandbox(e.without_url().to_string()))?;
        stage.openid = login.get("openid").and_then(Value::as_str).unwrap_or_default().to_owned();
        if stage.openid.is_empty() {
            return Err(CertifyError::Sandbox("the sandbox gave no openid; is the file of this sandbox?".into()));
        }
        Ok(stage)
    }

    /// The merchant's own key under its own serial: what a backend must never accept.
    pub(crate) fn merchant_hand(&self) -> Hand {
        Hand { key: self.merchant.clone(), serial: self.access.merchant_serial_no.clone() }
    }

    /// Everything that must not be seen in a report.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = self.key_lines.clone();
        secrets.extend([self.access.api_v3_key.clone(), self.access.appsecret.clone(), self.openid.clone()]);
        secrets
    }

    async fn call(&self, method: reqwest::Method, target: &str, body: Option<Value>) -> Result<Value, String> {
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        let timestamp = Timestamp::now().as_second();
        let nonce = alphanumeric(32);
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(nonce.clone());
        let text = message::request(method.as_str(), target, timestamp, &nonce, body.as_bytes());
        let signature = self.merchant.sign(&text);
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{}\"",
            self.access.mchid, self.access.merchant_serial_no
        );
        let answer = self
            .http
            .request(method, format!("{}{target}", self.access.base_url))
            .header("Authorization", authorization)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("User-Agent", "guitai-certify")
            .body(body)
            .send()
            .await
            .map_err(|e| format!("the sandbox does not answer: {}", e.without_url()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| e.without_url().to_string())?;
        if !status.is_success() {
            return Err(format!("the sandbox refused {target}: {status} {text}"));
        }
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).map_err(|e| e.to_string()) }
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: Value) -> Result<Value, String> {
        let answer = self
            .http
            .request(method, format!("{}/_sandbox/{path}", self.access.base_url))
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(|e| format!("the sandbox does not answer: {}", e.without_url()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| e.without_url().to_string())?;
        if !status.is_success() {
            return Err(format!("the sandbox refused {path}: {status} {text}"));
        }
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).map_err(|e| e.to_string()) }
    }

    /// Was a request with this nonce made here?
    pub(crate) fn is_own(&self, nonce: &str) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(nonce)
    }

    /// What the sandbox noted since the request `after`.
    pub(crate) async fn requests(&self, after: u64) -> Result<Value, String> {
        self.control(reqwest::Method::GET, &format!("requests?after={after}"), Value::Null).await
    }

    /// Plants a fault for API calls.
    pub(crate) async fn plant(&self, rule: Value) -> Result<Value, String> {
        self.control(reqwest::Method::POST, "faults/plant", rule).await
    }

    /// Pulls out the faults that match what this matches.
    pub(crate) async fn pull(&self, matches: Value) -> Result<Value, String> {
        self.control(reqwest::Method::POST, "faults/pull", matches).await
    }

    /// What WeChat's client makes of pay params.
    pub(crate) async fn check_pay_params(&self, params: Value) -> Result<Value, String> {
        self.control(reqwest::Method::POST, "pay-params", params).await
    }

    /// The `trade_state` that the gateway knows.
    pub(crate) async fn state_of(&self, out_trade_no: &str) -> Option<String> {
        let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={}", self.access.mchid);
        let known = self.call(reqwest::Method::GET, &target, None).await.ok()?;
        known.get("trade_state").and_then(Value::as_str).map(str::to_owned)
    }

    /// Places an order of our own, of which the backend knows nothing.
    pub(crate) async fn place(&self, notify_url: &str) -> Result<String, String> {
        let out_trade_no = format!("CERT{}", digits(20));
        let body = json!({
            "appid": self.access.appid, "mchid": self.access.mchid, "description": "上线体检 certify",
            "out_trade_no": out_trade_no, "notify_url": notify_url,
            "amount": {"total": 100, "currency": "CNY"}, "payer": {"openid": self.openid},
        });
        self.call(reqwest::Method::POST, "/v3/pay/transactions/jsapi", Some(body)).await?;
        Ok(out_trade_no)
    }

    /// The order as the gateway knows it, and what a paid notification about it would say.
    pub(crate) async fn unpaid(&self, out_trade_no: &str) -> Result<Order, String> {
        let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={}", self.access.mchid);
        let known = self.call(reqwest::Method::GET, &target, None).await?;
        let total = known.pointer("/amount/total").and_then(Value::as_i64).ok_or("the gateway names no amount")?;
        let text = |key: &str, or: &str| known.get(key).and_then(Value::as_str).unwrap_or(or).to_owned();
        let now = Timestamp::now();
        let transaction = json!({
            "mchid": text("mchid", &self.access.mchid), "appid": text("appid", &self.access.appid),
            "out_trade_no": out_trade_no, "transaction_id": format!("4200{}", digits(24)), "trade_type": "JSAPI",
            "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
            "success_time": beijing(now), "payer": {"openid": self.openid},
            "amount": {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"},
        });
        Ok(Order { out_trade_no: out_trade_no.to_owned(), transaction, total })
    }

    /// Plays the payer; the sandbox's own deliveries for this payment are held back.
    pub(crate) async fn pay(&self, out_trade_no: &str) -> Result<Order, String> {
        let asked = json!({"out_trade_no": out_trade_no, "outcome": "SUCCESS", "notify": false});
        let transaction = self.control(reqwest::Method::POST, "payments", asked).await?;
        let total = transaction.pointer("/amount/total").and_then(Value::as_i64).ok_or("the payment has no amount")?;
        Ok(Order { out_trade_no: out_trade_no.to_owned(), transaction, total })
    }

    /// Refunds a paid order in full at the sandbox, without a notification of the sandbox's own; answers what the
    /// notification's resource says.
    pub(crate) async fn refund(&self, order: &Order) -> Result<Value, String> {
        let out_refund_no = format!("CERTR{}", digits(20));
        let body = json!({
            "out_trade_no": order.out_trade_no, "out_refund_no": out_refund_no, "reason": "上线体检",
            "amount": {"refund": order.total, "total": order.total, "currency": "CNY"},
        });
        let refund = self.call(reqwest::Method::POST, "/v3/refund/domestic/refunds", Some(body)).await?;
        let from = |key: &str| refund.get(key).cloned().unwrap_or(Value::Null);
        Ok(json!({
            "mchid": self.access.mchid, "out_trade_no": order.out_trade_no, "transaction_id": from("transaction_id"),
            "out_refund_no": out_refund_no, "refund_id": from("refund_id"), "refund_status": "SUCCESS",
            "success_time": beijing(Timestamp::now()), "user_received_account": "支付用户零钱",
            "amount": {"total": order.total, "refund": order.total, "payer_total": order.total, "payer_refund": order.total},
        }))
    }

    /// Begins to list a second platform certificate.
    pub(crate) async fn rotate(&self) -> Result<Hand, String> {
        let made = self.control(reqwest::Method::POST, "certificates", json!({})).await?;
        let text = |key: &str| made.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(serial), Some(path)) = (text("serial_no"), text("private_key")) else {
            return Err("the sandbox made no second certificate".into());
        };
        let pem = std::fs::read(&path).map_err(|e| format!("{path}: {e}"))?;
        let key = PrivateKey::from_pem(&pem).map_err(|e| e.to_string())?;
        Ok(Hand { key, serial })
    }

    /// Ends it again.
    pub(crate) async fn end_rotation(&self, serial: &str) {
        // Nothing hangs on the answer: the sandbox is thrown away with its keys, and the next run makes its own.
        let _ = self.control(reqwest::Method::DELETE, &format!("certificates/{serial}"), json!({})).await;
    }

    /// The outer message of a notification in the live key order, its resource sealed.
    pub(crate) fn envelope(&self, id: &str, kind: Kind, resource: &Value, aad: &str) -> Vec<u8> {
        self.envelope_of(id, kind, resource.to_string().as_bytes(), aad).to_string().into_bytes()
    }

    /// The same as a JSON value, so that a case can write it differently.
    pub(crate) fn envelope_of(&self, id: &str, kind: Kind, plaintext: &[u8], aad: &str) -> Value {
        let (event, original, summary) = match kind {
            Kind::Payment => ("TRANSACTION.SUCCESS", "transaction", "支付成功"),
            Kind::Refund => ("REFUND.SUCCESS", "refund", "退款成功"),
        };
        let nonce = alphanumeric(12);
        let mut bytes = [0u8; 12];
        bytes.copy_from_slice(nonce.as_bytes());
        let ciphertext = seal::seal(&self.api_v3_key, &bytes, original.as_bytes(), plaintext);
        json!({
            "id": id, "create_time": beijing(Timestamp::now()), "resource_type": "encrypt-resource",
            "event_type": event, "summary": summary,
            "resource": {"original_type": original, "algorithm": "AEAD_AES_256_GCM", "ciphertext": ciphertext,
                "associated_data": if aad.is_empty() { original } else { aad }, "nonce": nonce},
        })
    }

    /// Signs a body at a moment (`age` seconds ago) with a key, under a serial.
    pub(crate) fn letter(&self, body: Vec<u8>, hand: &Hand, age: i64) -> Letter {
        let timestamp = (Timestamp::now().as_second() - age).to_string();
        let nonce = alphanumeric(32);
        let signature = hand.key.sign(&message::answer(&timestamp, &nonce, &body));
        let headers = [
            ("Accept", "*/*"),
            ("Cache-Control", "no-cache"),
            ("Pragma", "no-cache"),
            ("Content-Type", "application/json"),
            ("User-Agent", "Mozilla/4.0"),
            ("Wechatpay-Nonce", &nonce),
            ("Wechatpay-Serial", &hand.serial),
            ("Wechatpay-Signature", &signature),
            ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
            ("Wechatpay-Timestamp", &timestamp),
        ];
        Letter { headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(), body }
    }
}

/// What a notification is about.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `TRANSACTION.SUCCESS`.
    Payment,
    /// `REFUND.SUCCESS`.
    Refund,
}
