//! Does a listener stay as it is? A real `guitai listen` beside a real `guitai sandbox` under 20 callbacks a second, with
//! strangers at the door and commands on the same store: half a minute in `make test`, ten minutes or eight hours by
//! `make soak`. Memory, descriptors and threads have to be flat after a warm-up, and no good callback may fail.
//!
//! Reads `/proc`, so it runs on Linux only. The figures go to `soak.json` in the target folder.
#![cfg(target_os = "linux")]

mod figures;
mod strangers;

use figures::{Figures, Process, Sample};
use guitai_console::{Console, OrderInput};
use guitai_tests::command::{Guitai, Serving, http, post};
use guitai_tests::house::{notification_body, open_desk, read_key, signed_headers};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wechatpay::money::Fen;

/// Good callbacks a second.
const RATE: u32 = 20;
/// What `make test` waits for.
const SHORT: Duration = Duration::from_secs(25);
/// WeChat Pay takes no answer after this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Resident memory may grow by this share of itself, and by this many KiB that say nothing of a small process.
const GROWTH: f64 = 0.05;
const NOISE: f64 = 1_024.0;

fn length() -> Duration {
    let minutes = std::env::var("SOAK_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    minutes.map_or(SHORT, |minutes| Duration::from_secs_f64(minutes * 60.0))
}

/// Sends one notification until it is answered, and notes how that went.
struct Sender {
    client: reqwest::Client,
    url: String,
    key: wechatpay::keys::PrivateKey,
    serial: String,
    ready: Value,
    figures: Figures,
}

impl Sender {
    /// A payment of this order as WeChat Pay tells of it.
    fn payment(&self, no: &str, n: u64) -> String {
        let content = json!({
            "mchid": self.ready["mchid"], "appid": self.ready["appid"], "out_trade_no": no,
            "transaction_id": format!("42000020262026{n:014}"), "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功", "bank_type": "OTHERS",
            "success_time": wechatpay::time::beijing(jiff::Timestamp::now()),
            "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
            "amount": { "total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY" },
        });
        let api_v3_key = self.ready["api_v3_key"].as_str().expect("the sandbox tells its APIv3 key");
        notification_body(api_v3_key, &format!("soak-{n}"), "TRANSACTION.SUCCESS", &content)
    }

    async fn send(&self, body: &str) {
        let began = Instant::now();
        let request = signed_headers(body, &self.key, &self.serial)
            .into_iter()
            .fold(self.client.post(&self.url), |request, (name, value)| request.header(name, value));
        let answer = request.body(body.to_owned()).timeout(PATIENCE).send().await;
        let status = answer.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string());
        self.figures.good(status, began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_stays_as_it_is() {
    let length = length();
    let guitai = Arc::new(Guitai::new());
    let (mut sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let mut listener = guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("a place").to_owned();
    let base = sandbox.ready["base_url"].as_str().expect("a gateway").to_owned();
    let figures = Figures::default();
    let text = |name: &str| sandbox.ready[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    let sender = Arc::new(Sender {
        client: http(),
        url: format!("{place}/notify/shop"),
        key: read_key(Path::new(&text("platform_private_key"))),
        serial: text("platform_serial_no"),
        ready: sandbox.ready.clone(),
        figures: figures.clone(),
    });
    // a second process on the store, as the window would be beside a listener
    let desk = open_desk(&guitai.path("data")).await;

    let over = Arc::new(AtomicBool::new(false));
    let mut work = JoinSet::new();
    work.spawn(good(sender.clone(), desk.clone(), over.clone()));
    work.spawn(through_the_sandbox(desk.clone(), base, sender.url.clone(), over.clone()));
    work.spawn(commands(guitai.clone(), length, figures.clone(), over.clone()));
    strangers::come(&mut work, &place, &sender.serial, &over);

    let samples = watch(&guitai, length, &mut listener, &mut sandbox, &figures).await;
    over.store(true, Ordering::Relaxed);
    while let Some(done) = work.join_next().await {
        done.expect("nobody breaks off");
    }
    let health = desk.health().await.expect("how everything is");
    desk.close().await;

    let report = figures.report(length, &samples, serde_json::to_value(&health).expect("JSON"));
    println!("{}", report.table);
    let target = std::env::current_exe().expect("the path of this test");
    if let Some(target) = target.ancestors().nth(3) {
        std::fs::write(target.join("soak.json"), format!("{:#}\n", report.json)).expect("soak.json");
    }

    assert_eq!(report.failed, Vec::<String>::new(), "good callbacks that were not taken in");
    assert!(report.slowest < PATIENCE, "the slowest good callback took {:?}", report.slowest);
    let enough = length.as_secs_f64() * f64::from(RATE) * 0.5;
    assert!(
        f64::from(report.good) > enough,
        "only {} good callbacks were sent: is this machine that busy?",
        report.good
    );
    for change in &report.changes {
        // in half a minute a cache still fills: only a leak of everything is seen then
        let may = if length > Duration::from_secs(300) { GROWTH } else { 0.25 };
        // the sandbox keeps every order that was paid there, and grows by them
        let flat = change.what != "listener" || change.resident.1 <= change.resident.0 * (1.0 + may) + NOISE;
        assert!(flat, "memory of {} grew: {change:?}", change.what);
        assert!(change.descriptors.1 <= change.descriptors.0 + 16.0, "descriptors of {} grew: {change:?}", change.what);
        assert!(change.threads.1 <= change.threads.0 + 6.0, "threads of {} grew: {change:?}", change.what);
    }
    let logs = samples.last().map_or(0, |sample| sample.log_bytes);
    assert!(logs < 5 * 1024 * 1024, "the logs have {logs} bytes");

    // and what the listener counted is what was sent
    let counted = &health.serving.iter().find(|one| !one.here).expect("the listener tells").deliveries;
    assert!(counted.applied > 0 && counted.duplicate > 0 && counted.held > 0, "{counted:?}");
    let causes: Vec<&str> = counted.rejected_by.iter().map(|by| by.cause.as_str()).collect();
    for cause in ["signature_mismatch", "serial_unknown"] {
        assert!(causes.contains(&cause), "{cause} is not among {causes:?}");
    }
}

/// Twenty payments a second, one in ten told twice at once, one in twenty of an order that nobody knows.
async fn good(sender: Arc<Sender>, desk: Console, over: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / RATE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut n = 0_u64;
    let mut sent = JoinSet::new();
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        n += 1;
        while sent.try_join_next().is_some() {}
        let (sender, desk) = (sender.clone(), desk.clone());
        sent.spawn(async move {
            let no = if n.is_multiple_of(20) { format!("NOBODY{n}") } else { order(&desk, None).await };
            let body = sender.payment(&no, n);
            if n.is_multiple_of(10) {
                tokio::join!(sender.send(&body), sender.send(&body));
            } else {
                sender.send(&body).await;
            }
        });
    }
    while sent.join_next().await.is_some() {}
}

async fn order(desk: &Console, notify_url: Option<String>) -> String {
    let input =
        OrderInput { amount: Fen::new(100), description: "soak".to_owned(), notify_url, ..OrderInput::default() };
    desk.order_create(None, input).await.expect("an order").out_trade_no
}

/// One payment a second the whole way: prepaid, paid at the sandbox, told of by its postman.
async fn through_the_sandbox(desk: Console, base: String, notify_url: String, over: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        let no = order(&desk, Some(notify_url.clone())).await;
        desk.order_prepay(None, &no, guitai_console::wire::Via::Native).await.expect("a prepay");
        let paying = json!({ "out_trade_no": no, "outcome": "SUCCESS" });
        let (status, answer) = post(&format!("{base}/_sandbox/payments"), &paying).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// What people and scripts do on the same store meanwhile.
async fn commands(guitai: Arc<Guitai>, length: Duration, figures: Figures, over: Arc<AtomicBool>) {
    let every = (length / 12).clamp(Duration::from_millis(1_500), Duration::from_secs(30));
    let mut tick = tokio::time::interval(every);
    let copy = guitai.path("copy.db").display().to_string();
    let all: [&[&str]; 7] = [
        &["order", "create", "--amount", "1.00", "--description", "by hand"],
        &["backup", &copy],
        &["order", "list", "--limit", "50"],
        &["order", "export", "--format", "csv"],
        &["callback", "list", "--limit", "50"],
        &["health"],
        &["doctor", "store"],
    ];
    for arguments in all.iter().cycle() {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            return;
        }
        let (guitai, arguments) = (guitai.clone(), arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let ran = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            (guitai.run(&words), arguments)
        });
        let (ran, arguments) = ran.await.expect("a command runs");
        figures.command(&arguments.join(" "), ran.status == Some(0), &format!("{}{}", ran.stdout, ran.stderr));
        let _ = std::fs::remove_file(&copy);
    }
}

/// Looks at both processes again and again until the time is over.
async fn watch(
    guitai: &Guitai,
    length: Duration,
    listener: &mut Serving,
    sandbox: &mut Serving,
    figures: &Figures,
) -> Vec<Sample> {
    let began = Instant::now();
    let mut tick = tokio::time::interval((length / 60).max(Duration::from_millis(500)));
    let mut samples = Vec::new();
    while began.elapsed() < length {
        tick.tick().await;
        let _ = (listener.drain(), sandbox.drain());
        samples.push(Sample {
            at: began.elapsed(),
            listener: Process::look(listener.pid()),
            sandbox: Process::look(sandbox.pid()),
            store_bytes: figures::bytes(&guitai.path("data/guitai.db")),
            wal_bytes: figures::bytes(&guitai.path("data/guitai.db-wal")),
            log_bytes: figures::folder_bytes(&guitai.path("data/logs")),
            good: figures.sent(),
        });
    }
    samples
}
