//! A correct callback handler in Rust, on the `wechatpay` crate as its SDK and `guitai-door` as its HTTP server.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guitai_door::{Answer, Door, Limits, Request};
use serde_json::{Value, json};
use wechatpay::api::certificates::Certificates;
use wechatpay::api::prepay::{Prepay, Product};
use wechatpay::api::query::ByOutTradeNo;
use wechatpay::api::{Answer as ApiAnswer, Request as ApiRequest, VerifiedAnswer};
use wechatpay::ids::{Appid, Mchid, NotifyUrl, OutTradeNo, PublicKeyId, SerialNo};
use wechatpay::keys::{ApiV3Key, PrivateKey, PublicKey, TrustedKeys};
use wechatpay::money::Fen;
use wechatpay::notification::{self, Event, RawCallback};
use wechatpay::sign::Signer;
use wechatpay::time::Timestamp;

const TOTAL: Fen = Fen::new(770);

struct Shop {
    base_url: String,
    appid: Appid,
    signer: Signer,
    api_v3_key: ApiV3Key,
    trusted: Mutex<TrustedKeys>,
    refreshed: Mutex<Instant>,
    orders: Mutex<HashMap<String, (bool, u32)>>,
    notify_url: Mutex<String>,
    http: reqwest::Client,
}

/// Serves until the test's runtime ends; answers with the port.
pub async fn start(line: &Path) -> u16 {
    let line: Value = serde_json::from_str(&std::fs::read_to_string(line).unwrap()).unwrap();
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let file = |name: &str| std::fs::read(text(name)).unwrap();
    let mut trusted = TrustedKeys::new();
    let id = PublicKeyId::parse(&text("public_key_id")).unwrap();
    trusted.add_public_key(id, PublicKey::from_pem(&file("public_key")).unwrap());
    let shop = Arc::new(Shop {
        base_url: text("base_url"),
        appid: Appid::parse(&text("appid")).unwrap(),
        signer: Signer {
            mchid: Mchid::parse(&text("mchid")).unwrap(),
            serial_no: SerialNo::parse(&text("merchant_serial_no")).unwrap(),
            key: PrivateKey::from_pem(&file("merchant_private_key")).unwrap(),
        },
        api_v3_key: ApiV3Key::parse(&text("api_v3_key")).unwrap(),
        trusted: Mutex::new(trusted),
        refreshed: Mutex::new(Instant::now()),
        orders: Mutex::default(),
        notify_url: Mutex::default(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
    });
    shop.refresh().await;
    let handler = {
        let shop = shop.clone();
        move |request: Request| {
            let shop = shop.clone();
            async move { shop.answer(request).await }
        }
    };
    let mut limits = Limits::listener();
    limits.methods = &["GET", "POST"];
    let door = Door::open("127.0.0.1:0".parse().unwrap(), limits, handler).unwrap();
    let port = door.addr().port();
    *shop.notify_url.lock().unwrap() = format!("http://127.0.0.1:{port}/notify");
    tokio::spawn(async move {
        let _door = door;
        loop {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            shop.patrol().await;
        }
    });
    port
}

impl Shop {
    async fn call(&self, request: &ApiRequest) -> ApiAnswer {
        self.try_call(request).await.unwrap_or_else(|| ApiAnswer { status: 500, headers: vec![], body: vec![] })
    }

    /// None: the connection broke.
    async fn try_call(&self, request: &ApiRequest) -> Option<ApiAnswer> {
        let now = Timestamp::now().as_second();
        let nonce = format!("{:032}", Timestamp::now().as_nanosecond());
        let signed = self.signer.authorization(request.method, &request.target, &request.body, now, &nonce[..32]);
        let answer = self
            .http
            .request(request.method.parse().unwrap(), format!("{}{}", self.base_url, request.target))
            .header("Authorization", signed.authorization)
            .header("Accept", "application/json")
            .header("User-Agent", "guitai-test-backend")
            .header("Content-Type", "application/json")
            .body(request.body.clone())
            .send()
            .await
            .ok()?;
        let status = answer.status().as_u16();
        let headers =
            answer.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned())).collect();
        Some(ApiAnswer { status, headers, body: answer.bytes().await.ok()?.to_vec() })
    }

    async fn refresh(&self) {
        let answer = self.call(&Certificates.request()).await;
        let known = self.trusted.lock().unwrap().clone();
        if let Ok(found) = Certificates.answer(answer, &self.api_v3_key, &known, Timestamp::now()) {
            for certificate in found {
                self.trusted.lock().unwrap().add_certificate(certificate);
            }
        }
        *self.refreshed.lock().unwrap() = Instant::now();
    }

    fn apply(&self, out_trade_no: &str) {
        if let Some((paid @ false, times)) = self.orders.lock().unwrap().get_mut(out_trade_no) {
            *paid = true;
            *times += 1;
        }
    }

    async fn patrol(&self) {
        let unpaid: Vec<String> =
            self.orders.lock().unwrap().iter().filter(|(_, (paid, _))| !paid).map(|(no, _)| no.clone()).collect();
        for no in unpaid {
            let query =
                ByOutTradeNo { mchid: self.signer.mchid.clone(), out_trade_no: OutTradeNo::parse(&no).unwrap() };
            let answer = self.call(&query.request()).await;
            let trusted = self.trusted.lock().unwrap().clone();
            let Ok(verified) = VerifiedAnswer::check(answer, &trusted, Timestamp::now()) else { continue };
            if query.answer(&verified).is_ok_and(|t| t.trade_state.as_str() == "SUCCESS") {
                self.apply(&no);
            }
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        match (request.method.as_str(), request.path()) {
            ("POST", "/order") => {
                // two orders in one microsecond are two orders
                static MADE: AtomicU64 = AtomicU64::new(0);
                let no = format!("RUST{}N{}", Timestamp::now().as_second(), MADE.fetch_add(1, Ordering::Relaxed));
                self.orders.lock().unwrap().insert(no.clone(), (false, 0));
                let notify_url = NotifyUrl::parse_for_sandbox(&self.notify_url.lock().unwrap().clone()).unwrap();
                let mchid = self.signer.mchid.clone();
                let out_trade_no = OutTradeNo::parse(&no).unwrap();
                let prepay =
                    Prepay::new(Product::Native, self.appid.clone(), mchid, out_trade_no, "体检", notify_url, TOTAL);
                // Once more with the same number when the answer was lost or is not genuine.
                for _ in 0..2 {
                    let answer = self.try_call(&prepay.request().unwrap()).await;
                    let trusted = self.trusted.lock().unwrap().clone();
                    if answer.is_some_and(|a| VerifiedAnswer::check(a, &trusted, Timestamp::now()).is_ok()) {
                        return Answer::full(200, "text/plain", format!("{no}\n"));
                    }
                }
                refuse(502, "no order")
            }
            ("GET", "/probe") => {
                let no = request.query().and_then(|q| q.strip_prefix("no=")).unwrap_or_default();
                let (paid, times) = self.orders.lock().unwrap().get(no).copied().unwrap_or_default();
                Answer::full(200, "application/json", json!({"paid": paid, "times_applied": times}).to_string())
            }
            ("POST", "/notify") => self.notified(request).await,
            (_, "/notify") => refuse(405, "POST only"),
            _ => Answer::empty(404),
        }
    }

    async fn notified(&self, request: Request) -> Answer {
        let serial = request.header("Wechatpay-Serial").unwrap_or_default().to_owned();
        let known = self.trusted.lock().unwrap().get(&serial).is_some();
        let rested = self.refreshed.lock().unwrap().elapsed() > Duration::from_secs(3);
        if !serial.is_empty() && !known && rested {
            self.refresh().await;
        }
        let raw = RawCallback { headers: request.headers.clone(), body: request.body.to_vec() };
        let trusted = self.trusted.lock().unwrap().clone();
        let opened = notification::open(&raw, &trusted, std::slice::from_ref(&self.api_v3_key), Timestamp::now());
        match opened.result {
            Ok(notification) => {
                if let Event::Payment(t) = notification.event() {
                    let ours = t.mchid == self.signer.mchid.as_str() && t.appid == self.appid.as_str();
                    if ours && t.amount.as_ref().is_some_and(|a| a.total == TOTAL) {
                        self.apply(&t.out_trade_no);
                    }
                }
                Answer::empty(204)
            }
            Err(_) => refuse(401, "not genuine"),
        }
    }
}

fn refuse(status: u16, message: &str) -> Answer {
    Answer::full(status, "application/json", json!({"code": "FAIL", "message": message}).to_string())
}
