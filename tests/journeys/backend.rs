//! A merchant's own backend on loopback: it verifies and decrypts what it gets as an SDK would, and answers as told.

use guitai_door::{Answer, Door, Limits, Request};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wechatpay::ids::PublicKeyId;
use wechatpay::keys::{ApiV3Key, Certificate, PublicKey, TrustedKeys};
use wechatpay::notification::{self, RawCallback, Refusal};
use wechatpay::time::Timestamp;

/// How long something may take to come before a test gives up: long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The backend; it runs until it is dropped or closed.
pub struct Backend {
    door: Door,
    got: UnboundedReceiver<Got>,
    says: Arc<Mutex<Says>>,
}

/// Makes the next answer.
type Says = Arc<dyn Fn() -> Answer + Send + Sync>;

/// One request as the backend sees it.
#[derive(Debug, Clone)]
pub struct Got {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The order's number, or the slug of what an SDK finds wrong.
    pub verified: Result<String, &'static str>,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Delivery and attempt, as Guitai marks what it passes on.
    pub fn mark(&self) -> (String, u32) {
        let text = |name| self.header(name).unwrap_or_else(|| panic!("{name} in {:?}", self.headers));
        (text("X-Guitai-Delivery").to_owned(), text("X-Guitai-Forward-Attempt").parse().expect("a number"))
    }

    /// What Guitai says about the attempt before this one.
    pub fn redelivery(&self) -> Option<&str> {
        self.header("X-Guitai-Redelivery")
    }
}

impl Backend {
    /// On a port of 127.0.0.1 (0: any), with what a sandbox's ready line gives a merchant. It answers 204.
    pub fn open(ready: &Value, port: u16) -> Backend {
        let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("{name} in the ready line")).to_owned();
        let file = |name: &str| std::fs::read(text(name)).expect("a file of the sandbox");
        let mut trusted = TrustedKeys::new();
        trusted.add_certificate(Certificate::from_pem(&file("platform_certificate")).expect("a certificate"));
        let id = PublicKeyId::parse(&text("public_key_id")).expect("an id");
        trusted.add_public_key(id, PublicKey::from_pem(&file("public_key")).expect("a key"));
        let keys = vec![ApiV3Key::parse(&text("api_v3_key")).expect("32 characters")];
        let (arrived, got) = unbounded_channel();
        let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(Arc::new(|| Answer::empty(204))));
        let answers = says.clone();
        let handler = move |request: Request| {
            let _ = arrived.send(examine(request, &trusted, &keys));
            let says = answers.lock().expect("no test panics while it holds this").clone();
            async move { tokio::task::spawn_blocking(move || says()).await.expect("an answer is made") }
        };
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let door = Door::open(place, Limits::listener(), handler).expect("the backend opens");
        Backend { door, got, says }
    }

    /// What it answers from now on; it may take its time over it.
    pub fn answers(&self, says: impl Fn() -> Answer + Send + Sync + 'static) {
        *self.says.lock().expect("no test panics while it holds this") = Arc::new(says);
    }

    pub fn port(&self) -> u16 {
        self.door.addr().port()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/notify", self.port())
    }

    /// The next request.
    pub async fn next(&mut self) -> Got {
        let next = tokio::time::timeout(PATIENCE, self.got.recv());
        next.await.expect("a request in time").expect("the backend runs")
    }

    /// What came and nobody asked for yet.
    pub fn rest(&mut self) -> Vec<Got> {
        std::iter::from_fn(|| self.got.try_recv().ok()).collect()
    }

    pub async fn close(self) {
        self.door.close().await;
    }
}

fn examine(request: Request, trusted: &TrustedKeys, keys: &[ApiV3Key]) -> Got {
    let raw = RawCallback { headers: request.headers, body: request.body.to_vec() };
    let verified = match notification::open(&raw, trusted, keys, Timestamp::now()).result {
        Ok(notification) => {
            let content: Value = serde_json::from_str(notification.plaintext()).expect("JSON was understood");
            Ok(content["out_trade_no"].as_str().unwrap_or_default().to_owned())
        }
        Err(Refusal::NotGenuine(rejection)) => Err(rejection.slug()),
        Err(Refusal::Undecryptable { .. }) => Err("undecryptable"),
        Err(Refusal::NotUnderstood { .. }) => Err("not_understood"),
    };
    Got { target: request.target, headers: raw.headers, body: raw.body, verified }
}
