//! A desk and a sandbox in one process, met over real HTTP on loopback: what a journey starts from.
//!
//! The sandbox's controls are used over HTTP as any client would; what WeChat Pay would never send (another amount,
//! another merchant) is made here and signed with the sandbox's own platform key.

use crate::command::{get, http, post};
use guitai_console::wire::{Callback, Dossier, Order, Via};
use guitai_console::{ApiOptions, Console, ListenOptions, Listener, Options, OrderInput, Outside};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;
use wechatpay::{message, seal};
use wechatpay_sandbox::Sandbox;

/// How long something may take to happen before a test gives up: long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of the profile in every house.
pub const SHOP: &str = "shop";

/// A sandbox, a desk with its merchant, and a listener.
pub struct House {
    /// The desk.
    pub desk: Console,
    /// The sandbox's ready line.
    pub ready: Value,
    listener: Option<Listener>,
    port: u16,
    deliveries: Option<Receiver<Callback>>,
    sandbox: Sandbox,
    folder: TempDir,
}

impl House {
    /// Opens all of it on free ports in a temporary folder.
    ///
    /// # Panics
    /// When anything doesn't start.
    pub async fn open() -> Self {
        Self::open_without(&[]).await
    }

    /// The same with a merchant that knows nothing of these fields of the ready line.
    ///
    /// # Panics
    /// When anything doesn't start.
    pub async fn open_without(fields: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = wechatpay_sandbox::Options {
            data_dir: folder.path().join("wechatpay"),
            port: 0,
            proxy_port: 0,
            merchants: 1,
        };
        let sandbox = wechatpay_sandbox::start(options).await.expect("the sandbox starts");
        let ready = sandbox.ready_line();
        let desk = open_desk(&folder.path().join("desk")).await;
        let mut known = ready.clone();
        if let Some(all) = known.as_object_mut() {
            all.retain(|name, _| !fields.contains(&name.as_str()));
        }
        desk.merchant_add_from_sandbox(SHOP, &known).await.expect("the sandbox's merchant is added");
        let mut house = House { desk, ready, listener: None, port: 0, deliveries: None, sandbox, folder };
        house.listen(false).await;
        house
    }

    /// The data folder of the desk.
    #[must_use]
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("desk")
    }

    /// Starts the listener, on the port it had before if it had one.
    ///
    /// # Panics
    /// When it doesn't start.
    pub async fn listen(&mut self, patrol: bool) {
        let options = ListenOptions { port: self.port, merchant: Some(SHOP.to_owned()), patrol, api: None };
        let listener = self.listener_with(options).await;
        self.port = listener.addr().port();
        self.deliveries = Some(listener.deliveries());
        self.listener = Some(listener);
    }

    /// Starts the listener anew with the merchant API on it; where the API is.
    ///
    /// # Panics
    /// When it doesn't start.
    pub async fn serve_api(&mut self) -> String {
        self.stop_listening().await;
        let api = Some(ApiOptions::default());
        let options = ListenOptions { port: self.port, merchant: Some(SHOP.to_owned()), patrol: false, api };
        let listener = self.listener_with(options).await;
        self.deliveries = Some(listener.deliveries());
        let place = format!("http://{}", listener.addr());
        self.listener = Some(listener);
        place
    }

    /// Opens it. Between two of them the system may lend the port to somebody's connection, which ends soon.
    async fn listener_with(&self, options: ListenOptions) -> Listener {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.desk.listen(options.clone()).await {
                Err(problem) if problem.code == "PORT_IN_USE" && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                opened => return opened.expect("the listener starts"),
            }
        }
    }

    /// Stops the listener; the next gets its port.
    pub async fn stop_listening(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.stop().await;
        }
        self.deliveries = None;
    }

    /// Closes the desk and opens it again on the same folder, without a listener.
    pub async fn reopen_desk(&mut self) {
        self.stop_listening().await;
        self.desk.close().await;
        self.desk = open_desk(&self.data_dir()).await;
    }

    /// Where notifications go.
    #[must_use]
    pub fn notify_url(&self) -> String {
        format!("http://127.0.0.1:{}/notify/{SHOP}", self.port)
    }

    /// A new order, not prepaid.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn created(&self, fen: i64) -> Order {
        let input = OrderInput {
            amount: Fen::new(fen),
            description: "journey".to_owned(),
            notify_url: Some(self.notify_url()),
            ..OrderInput::default()
        };
        self.desk.order_create(None, input).await.expect("the order is made")
    }

    /// A new order with a `code_url`; its number.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn prepaid(&self, fen: i64) -> String {
        let no = self.created(fen).await.out_trade_no;
        self.desk.order_prepay(None, &no, Via::Native).await.expect("the prepay works");
        no
    }

    /// Plays the payer; the transaction.
    ///
    /// # Panics
    /// When the sandbox refuses.
    pub async fn pay(&self, no: &str, outcome: &str, notify: bool) -> Value {
        let (status, transaction) =
            self.control("payments", &json!({ "out_trade_no": no, "outcome": outcome, "notify": notify })).await;
        assert_eq!(status, 200, "{transaction}");
        transaction
    }

    /// `POST`s to one of the sandbox's controls.
    pub async fn control(&self, name: &str, body: &Value) -> (u16, Value) {
        post(&format!("{}/_sandbox/{name}", self.base_url()), body).await
    }

    /// Makes the gateway misbehave at the next `times` calls of `method` and `path`.
    ///
    /// # Panics
    /// When the sandbox refuses.
    pub async fn fault(&self, method: &str, path: &str, fault: &str, times: u32) {
        let rule = json!([{ "match": { "method": method, "path": path }, "times": times, "fault": fault }]);
        let (status, answer) = self.control("faults", &rule).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The sandbox's address.
    ///
    /// # Panics
    /// Never with a whole ready line.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.ready["base_url"].as_str().expect("base_url")
    }

    /// The next delivery that the listener answered.
    ///
    /// # Panics
    /// When none comes.
    pub async fn delivery(&mut self) -> Callback {
        let deliveries = self.deliveries.as_mut().expect("a listener runs");
        tokio::time::timeout(PATIENCE, deliveries.recv()).await.expect("a delivery in time").expect("the listener runs")
    }

    /// The notification of an order (or of its refund) as the sandbox knows it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn notification(&self, no: &str, event_type: &str) -> Value {
        let all = get(&format!("{}/_sandbox/notifications", self.base_url())).await;
        let is_it = |it: &&Value| it["out_trade_no"] == no && it["event_type"] == event_type;
        all.as_array()
            .expect("a list")
            .iter()
            .find(is_it)
            .cloned()
            .unwrap_or_else(|| panic!("no {event_type} for {no} in {all}"))
    }

    /// Has the sandbox deliver a notification now; the attempt.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn redeliver(&self, id: &str, fault: Option<&str>) -> Value {
        let (status, attempt) =
            self.control(&format!("notifications/{id}/redeliver"), &json!({ "fault": fault })).await;
        assert_eq!(status, 200, "{attempt}");
        attempt
    }

    /// Moves business time.
    pub async fn advance(&self, seconds: u64) {
        let (status, answer) = self.control("clock", &json!({ "advance_seconds": seconds })).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// An order with all that happened to it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn order(&self, no: &str) -> Dossier {
        self.desk.order_show(None, no).await.expect("the order is there")
    }

    /// Waits until an order is in a state.
    ///
    /// # Panics
    /// When it never is.
    pub async fn until(&self, no: &str, state: &str) {
        let mut events = self.desk.subscribe();
        let waiting = async {
            while self.order(no).await.order.state != state {
                let _ = events.recv().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{no} is never {state}"));
    }

    /// What the platform would sign with: its key and serial.
    ///
    /// # Panics
    /// Never with a whole ready line.
    #[must_use]
    pub fn platform(&self) -> (PrivateKey, String) {
        (self.key("platform_private_key"), self.text("platform_serial_no").to_owned())
    }

    /// A private key that the ready line names.
    ///
    /// # Panics
    /// When it isn't there.
    #[must_use]
    pub fn key(&self, name: &str) -> PrivateKey {
        read_key(Path::new(self.text(name)))
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("{name} in the ready line"))
    }

    /// A notification body as WeChat Pay makes them, around this decrypted content.
    ///
    /// # Panics
    /// Never with a whole ready line.
    #[must_use]
    pub fn sealed(&self, id: &str, event_type: &str, content: &Value) -> String {
        self.sealed_with(self.text("api_v3_key"), id, event_type, content)
    }

    /// The same under another APIv3 key.
    ///
    /// # Panics
    /// When the key has other than 32 characters.
    #[must_use]
    pub fn sealed_with(&self, api_v3_key: &str, id: &str, event_type: &str, content: &Value) -> String {
        notification_body(api_v3_key, id, event_type, content)
    }

    /// Sends a body to the listener, signed now with this key; the HTTP status.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, body: &str, key: &PrivateKey, serial: &str) -> u16 {
        self.send_to(&self.notify_url(), body, key, serial).await
    }

    /// The same to another path of the listener.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send_to(&self, url: &str, body: &str, key: &PrivateKey, serial: &str) -> u16 {
        let request = signed_headers(body, key, serial)
            .into_iter()
            .fold(http().post(url), |request, (name, value)| request.header(name, value));
        request.body(body.to_owned()).send().await.expect("an answer").status().as_u16()
    }

    /// Ends everything in order.
    pub async fn close(mut self) {
        self.stop_listening().await;
        self.desk.close().await;
        self.sandbox.stop().await;
    }
}

/// A notification body as WeChat Pay makes them, around this decrypted content.
///
/// # Panics
/// When the key has other than 32 characters.
#[must_use]
pub fn notification_body(api_v3_key: &str, id: &str, event_type: &str, content: &Value) -> String {
    let key = ApiV3Key::parse(api_v3_key).expect("32 characters");
    let kind = if event_type.starts_with("REFUND") { "refund" } else { "transaction" };
    let nonce = b"fdasfjihihih";
    let ciphertext = seal::seal(&key, nonce, kind.as_bytes(), content.to_string().as_bytes());
    json!({
        "id": id, "create_time": wechatpay::time::beijing(Timestamp::now()), "resource_type": "encrypt-resource",
        "event_type": event_type, "summary": "支付成功",
        "resource": { "original_type": kind, "algorithm": "AEAD_AES_256_GCM", "ciphertext": ciphertext,
                      "associated_data": kind, "nonce": "fdasfjihihih" },
    })
    .to_string()
}

/// The headers that a notification with this body comes with, signed now.
#[must_use]
pub fn signed_headers(body: &str, key: &PrivateKey, serial: &str) -> [(&'static str, String); 6] {
    let (timestamp, nonce) = (Timestamp::now().as_second().to_string(), "0123456789abcdef0123456789abcdef");
    let signature = key.sign(&message::answer(&timestamp, nonce, body.as_bytes()));
    [
        ("content-type", "application/json".to_owned()),
        ("wechatpay-timestamp", timestamp),
        ("wechatpay-nonce", nonce.to_owned()),
        ("wechatpay-signature", signature),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
        ("wechatpay-serial", serial.to_owned()),
    ]
}

/// A private key out of a PEM file.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn read_key(path: &Path) -> PrivateKey {
    PrivateKey::from_pem(&std::fs::read(path).expect("a key file")).expect("a private key")
}

/// A desk on this folder.
///
/// # Panics
/// When it doesn't open.
pub async fn open_desk(folder: &Path) -> Console {
    let options =
        Options { data_dir: folder.to_owned(), passphrase: None, interactive: false, outside: Outside::real() };
    Console::open(options).await.expect("the desk opens")
}
