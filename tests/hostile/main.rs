//! Hostile requests, slow crowds and storms against the real `guitai listen` and `guitai sandbox`: each request gets its
//! one answer, a good one is served beside and after all of them, and the process stays as small as it was.
//!
//! Prints its figures, a JSON object a line. Time is measured, never asserted: a hang fails, slowness doesn't.

#[path = "../../src-tauri/crates/door/tests/support/table.rs"]
mod table;

use guitai_tests::command::{Guitai, Serving};
use guitai_tests::house::{notification_body, read_key, signed_headers};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use table::{Case, Expected};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wechatpay::time::Timestamp;

/// Far more than any exchange needs: one that meets it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const MEMORY_KIB: u64 = 64 * 1024;
const THREADS: u64 = 10;

/// How much of each; CI's sizes are for two busy cores.
struct Sizes {
    held: usize,
    storm: Duration,
    good_beside_held: usize,
}

fn sizes() -> Sizes {
    let full = std::env::var("GUITAI_STORM").is_ok_and(|it| it == "full");
    match full {
        true => Sizes { held: 2_000, storm: Duration::from_secs(10), good_beside_held: 1_000 },
        false => Sizes { held: 1_200, storm: Duration::from_secs(2), good_beside_held: 100 },
    }
}

/// A server of the built command, a request that it has to serve, and the status that says it did.
struct Server {
    name: &'static str,
    process: Serving,
    addr: SocketAddr,
    good: Vec<u8>,
    status: u16,
    is_listener: bool,
}

impl Server {
    async fn good(&self) -> Result<Duration, String> {
        let begun = Instant::now();
        let answer = exchange(self.addr, &self.good, false).await?;
        match statuses(&answer)[..] {
            [status] if status == self.status => Ok(begun.elapsed()),
            _ => Err(String::from_utf8_lossy(&answer).into_owned()),
        }
    }

    /// A line of `/proc/PID/status`, as a number; 0 where there is no such thing.
    fn measure(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// As small as before, once what lingers is over.
    async fn is_as_small_as(&self, memory: u64, threads: u64, after: &str) {
        let begun = Instant::now();
        while self.measure("Threads") > threads + THREADS {
            assert!(begun.elapsed() < PATIENCE, "{} after {after}: {} threads", self.name, self.measure("Threads"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let now = self.measure("VmRSS");
        assert!(now < memory + MEMORY_KIB, "{} after {after}: {memory} KiB became {now} KiB", self.name);
    }

    fn figures(&self, phase: &str, more: Value) {
        let mut line = json!({ "server": self.name, "phase": phase,
            "rss_kib": self.measure("VmRSS"), "threads": self.measure("Threads") });
        for (name, value) in more.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        println!("{line}");
    }
}

/// A sandbox, and a listener of its merchant. `limit`: the descriptors that the listener may have.
fn servers(guitai: &Guitai, limit: Option<u32>) -> (Server, Server) {
    let (sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let ready = sandbox.ready.clone();
    let mut command = guitai.command(&["listen", "--port", "0", "--json"]);
    if let Some(limit) = limit {
        let mut limited = std::process::Command::new("sh");
        limited.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")]).arg(command.get_program());
        limited.args(command.get_args()).stdin(std::process::Stdio::null());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command = limited;
    }
    let mut process = Serving::start(command);
    let line = process.line();
    let listener = Server {
        name: "listen",
        addr: address(&line["listening"]),
        process,
        good: signed(&ready),
        status: 204,
        is_listener: true,
    };
    let sandbox = Server {
        name: "sandbox",
        addr: address(&ready["base_url"]),
        process: sandbox,
        good: b"GET /_sandbox/clock HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        status: 200,
        is_listener: false,
    };
    (listener, sandbox)
}

fn address(url: &Value) -> SocketAddr {
    url.as_str().and_then(|url| url.strip_prefix("http://")).expect("an address").parse().expect("an address")
}

/// A genuine notification of an order that nobody has: it is held, again and again.
fn signed(ready: &Value) -> Vec<u8> {
    let text = |name: &str| ready[name].as_str().expect("in the ready line");
    let content = json!({ "mchid": text("mchid"), "appid": text("appid"), "out_trade_no": "NOBODYS-ORDER",
        "transaction_id": "4200000000000000000000000001", "trade_type": "NATIVE", "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "",
        "success_time": wechatpay::time::beijing(Timestamp::now()), "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY" } });
    let body = notification_body(text("api_v3_key"), "storm-1", "TRANSACTION.SUCCESS", &content);
    let platform = read_key(Path::new(text("platform_private_key")));
    let mut request = "POST /notify/shop HTTP/1.1\r\nHost: pay.example.com\r\nConnection: close\r\n".to_owned();
    for (name, value) in signed_headers(&body, &platform, text("platform_serial_no")) {
        request += &format!("{name}: {value}\r\n");
    }
    format!("{request}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    let connected = timeout(PATIENCE, TcpStream::connect(addr)).await.map_err(|_| "no connection".to_owned())?;
    connected.map_err(|error| error.to_string())
}

/// Sends, closes its side if `close`, and reads to the end.
async fn exchange(addr: SocketAddr, bytes: &[u8], close: bool) -> Result<Vec<u8>, String> {
    let mut stream = connect(addr).await?;
    // The server may refuse and close while this still sends.
    let _ = stream.write_all(bytes).await;
    if close {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await {
        Ok(_) => Ok(answer),
        Err(_) => Err(format!("it hangs after {:?}", String::from_utf8_lossy(&answer))),
    }
}

fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.").skip(1).filter_map(|it| it.get(2..5)?.parse().ok()).collect()
}

/// One answer, and the right one: what a door of more methods or larger bodies hands on is refused by what it finds there.
fn fits(case: &Case, server: &Server, answer: &[u8]) -> bool {
    let mut seen = statuses(answer);
    if case.name.ends_with("Expect") && !server.is_listener {
        // A body that is not too large here is asked for.
        seen.retain(|status| *status != 100);
    }
    let [status] = seen[..] else { return false };
    match case.expected {
        Expected::Always(expected) => status == expected,
        Expected::FewMethods(expected) => status == expected || [401, 404].contains(&status),
        Expected::SmallBodies(expected) if server.is_listener => status == expected,
        Expected::SmallBodies(_) => [400, 404, 413].contains(&status),
    }
}

async fn the_table(server: &Server) {
    let cases = table::hostile();
    assert!(cases.len() >= 289, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        match exchange(server.addr, &case.bytes, true).await {
            Ok(answer) if fits(case, server, &answer) => {}
            Ok(answer) => wrong.push(format!("{}: {:?}", case.name, String::from_utf8_lossy(&answer))),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
        if let Err(error) = server.good().await {
            wrong.push(format!("the good request after {}: {error}", case.name));
        }
    }
    server.figures("table", json!({ "requests": cases.len(), "wrong": wrong.len() }));
    assert!(wrong.is_empty(), "{}: {} of {} wrong:\n{}", server.name, wrong.len(), cases.len(), wrong.join("\n"));
}

/// `number` fresh connections at once.
async fn a_burst(server: &Server, number: usize) {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..number {
        let (addr, good) = (server.addr, server.good.clone());
        tasks.spawn(async move { exchange(addr, &good, false).await.map(|answer| statuses(&answer)) });
    }
    let answers = tasks.join_all().await;
    let whole = begun.elapsed();
    let failed: Vec<_> = answers.into_iter().filter(|it| *it != Ok(vec![server.status])).collect();
    server.figures("burst", json!({ "connections": number, "ms": millis(whole), "failed": failed.len() }));
    assert!(failed.is_empty(), "{}: {failed:?}", server.name);
}

/// Connections that never get anywhere: half heads, half bodies of any kind, silence, one byte now and then.
async fn hold(server: &Server, number: usize) -> (Vec<TcpStream>, JoinSet<()>) {
    let body = "x".repeat(40_000);
    let halves = [
        "POST /notify/shop HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
        format!("POST /notify/shop HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{body}"),
        String::new(),
        format!("POST /notify/shop HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{body}"),
        "POST /notify/shop HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".to_owned(),
    ];
    let mut held = Vec::new();
    let mut trickling = JoinSet::new();
    for n in 0..number {
        let mut stream = connect(server.addr).await.expect("a connection");
        // Some of them are sent away while this goes on.
        let _ = stream.write_all(halves[n % halves.len()].as_bytes()).await;
        if n % 50 == 0 {
            trickling.spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(200));
                while stream.write_all(b"x").await.is_ok() {
                    ticks.tick().await;
                }
            });
        } else {
            held.push(stream);
        }
    }
    (held, trickling)
}

async fn good_beside_held(server: &Server, sizes: &Sizes) {
    let held = hold(server, sizes.held).await;
    let (mut spans, mut failed) = (Vec::new(), Vec::new());
    for _ in 0..sizes.good_beside_held {
        match server.good().await {
            Ok(span) => spans.push(span),
            Err(error) => failed.push(error),
        }
    }
    let (p50, p99) = (percentile(&mut spans, 50), percentile(&mut spans, 99));
    server.figures(
        "held",
        json!({ "held": sizes.held, "good": spans.len(), "failed": failed.len(), "p50_ms": p50, "p99_ms": p99 }),
    );
    assert!(failed.is_empty(), "{} beside {} held: {failed:?}", server.name, sizes.held);
    // The table, too, with all of them there.
    the_table(server).await;
    drop(held);
}

/// New half heads at a rate, and good requests beside them.
async fn a_storm(server: &Server, span: Duration) {
    const A_TICK: usize = 15;
    let addr = server.addr;
    let storm = tokio::spawn(async move {
        let (mut open, mut sent) = (VecDeque::new(), 0_u64);
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let begun = Instant::now();
        while begun.elapsed() < span {
            ticks.tick().await;
            for _ in 0..A_TICK {
                if let Ok(mut stream) = connect(addr).await {
                    let _ = stream.write_all(b"POST /notify/shop HTTP/1.1\r\nHos").await;
                    open.push_back(stream);
                    sent += 1;
                }
                if open.len() > 3_000 {
                    open.pop_front();
                }
            }
        }
        (sent, begun.elapsed())
    });
    let (mut spans, mut failed) = (Vec::new(), Vec::new());
    while !storm.is_finished() {
        match server.good().await {
            Ok(span) => spans.push(span),
            Err(error) => failed.push(error),
        }
    }
    let (sent, took) = storm.await.expect("the storm");
    let all = spans.len() + failed.len();
    let (p50, p99) = (percentile(&mut spans, 50), percentile(&mut spans, 99));
    server.figures(
        "storm",
        json!({ "half_heads": sent, "seconds": took.as_secs_f64(), "good": spans.len(), "failed": failed.len(),
            "p50_ms": p50, "p99_ms": p99 }),
    );
    assert!(failed.len() * 1_000 <= all * 5, "{}: {} of {all} failed: {failed:?}", server.name, failed.len());
}

fn percentile(spans: &mut [Duration], of_hundred: usize) -> f64 {
    spans.sort_unstable();
    spans.get((spans.len() * of_hundred / 100).min(spans.len().saturating_sub(1))).map_or(0.0, |it| millis(*it))
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 100_000.0).round() / 100.0
}

async fn everything(server: &Server, sizes: &Sizes) {
    for _ in 0..16 {
        server.good().await.expect("it serves");
    }
    a_burst(server, 256).await;
    let (memory, threads) = (server.measure("VmRSS"), server.measure("Threads"));
    server.figures("before", json!({}));
    the_table(server).await;
    server.is_as_small_as(memory, threads, "the table").await;
    a_burst(server, 256).await;
    good_beside_held(server, sizes).await;
    server.is_as_small_as(memory, threads, "slow crowds").await;
    a_storm(server, sizes.storm).await;
    server.is_as_small_as(memory, threads, "the storm").await;
    server.good().await.expect("it still serves");
    server.figures("after", json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_and_the_sandbox_stand() {
    let sizes = sizes();
    rlimit::increase_nofile_limit(16_384).expect("descriptors for the crowds");
    let guitai = Guitai::new();
    let (listener, sandbox) = servers(&guitai, None);
    everything(&listener, &sizes).await;
    everything(&sandbox, &sizes).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_with_few_descriptors_serves_beside_a_crowd() {
    let guitai = Guitai::new();
    let (listener, _sandbox) = servers(&guitai, Some(96));
    let held = hold(&listener, 300).await;
    for _ in 0..20 {
        listener.good().await.expect("served with a third of 96 places");
    }
    drop(held);
    a_burst(&listener, 64).await;
}
