//! `guitai catch`: a practice target that prints what it gets and answers as told. It keeps nothing and trusts nobody;
//! the real listener is `guitai listen`. The only place that names tiny_http.

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Tone, visible};
use crate::printer::Printer;
use crate::stop::Stop;
use crate::text::both;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tiny_http::{Response, Server};
use wechatpay::ids::PublicKeyId;
use wechatpay::keys::{ApiV3Key, Certificate, PublicKey, TrustedKeys};
use wechatpay::notification::{self, RawCallback};
use wechatpay::time::Timestamp;

/// How many requests are answered at the same moment; more wait in the socket.
const AT_ONCE: usize = 64;
/// The most of a body that is kept and shown: 1 MiB.
const BODY_MOST: u64 = 1 << 20;

/// What `guitai catch` takes.
#[derive(Debug, Args)]
pub struct CatchArgs {
    /// Port on 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8791)]
    port: u16,
    /// HTTP status of every answer
    #[arg(long, value_name = "S", default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Seconds before each answer, such as 6 to be slower than WeChat Pay waits
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    delay: f64,
    /// Ready line of a sandbox: verify and decrypt what comes with its keys
    #[arg(long, value_name = "FILE")]
    sandbox: Option<PathBuf>,
}

/// A line of `guitai catch --json`.
#[derive(Debug, Serialize)]
struct Caught {
    at: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// Only where the body is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// Why it was not verified or not decrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decrypted: Option<Value>,
    status: u16,
}

/// What it takes to verify and decrypt what a sandbox sends.
struct Keys {
    trusted: TrustedKeys,
    api_v3_key: ApiV3Key,
}

/// Serves until SIGINT or SIGTERM; requests in flight are answered.
pub async fn run(context: &Context, args: CatchArgs) -> Done {
    if !(0.0..=3600.0).contains(&args.delay) {
        return Err(Failure::usage(
            both("--delay 必须在 0 到 3600 秒之间。", "--delay has to lie between 0 and 3600 seconds."),
            both(
                "例如 --delay 6：比微信支付的 5 秒更慢。",
                "For example --delay 6, slower than WeChat Pay's 5 seconds.",
            ),
        ));
    }
    let keys = args.sandbox.as_deref().map(keys_of_sandbox).transpose()?;
    let mut stop = Stop::watch()?;
    let server =
        Arc::new(Server::http(("127.0.0.1", args.port)).map_err(|error| cannot_listen(args.port, error.as_ref()))?);
    let place = server.server_addr().to_string();
    context.out.note(&format!("{} http://{place}", context.out.pick("正在监听", "listening on")));

    let (caught, lines) = mpsc::channel();
    let shared = Arc::new((keys, args.status, Duration::from_secs_f64(args.delay)));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (server, caught, shared) = (server.clone(), caught.clone(), shared.clone());
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    answer(request, &shared, &caught);
                }
            })
        })
        .collect();
    drop(caught);

    let printer = Printer::start(&context.out);
    tokio::task::block_in_place(|| {
        let mut ending = false;
        loop {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => printer.print(context.out.rendered(&line, || for_people(context, &line))),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !ending && stop.was_asked() {
                ending = true;
                // each call wakes one worker that waits; the others are asked when their answer went out
                workers.iter().for_each(|_| server.unblock());
            }
        }
    });
    printer.finish();
    stop.asked().await;
    workers.into_iter().for_each(|worker| drop(worker.join()));
    Ok(())
}

/// Reads a request, waits as told, answers as told, and passes on what is to be printed once the answer went out.
fn answer(mut request: tiny_http::Request, shared: &(Option<Keys>, u16, Duration), caught: &mpsc::Sender<Caught>) {
    let (keys, status, delay) = shared;
    let at = Timestamp::now();
    let headers: Vec<_> =
        request.headers().iter().map(|header| (header.field.to_string(), header.value.to_string())).collect();
    let mut body = Vec::new();
    // a body that breaks off is shown as far as it came
    let _ = request.as_reader().take(BODY_MOST).read_to_end(&mut body);
    let (method, path) = (request.method().to_string(), request.url().to_owned());
    let (verified, reason, decrypted) =
        keys.as_ref().map_or((None, None, None), |keys| judge(keys, &headers, &body, at));
    std::thread::sleep(*delay);
    let text = String::from_utf8_lossy(&body).into_owned();
    let body_base64 = (text.as_bytes() != body).then(|| STANDARD.encode(&body));
    let line = Caught {
        at: wechatpay::time::beijing(at),
        method,
        path,
        headers,
        body: text,
        body_base64,
        verified,
        reason,
        decrypted,
        status: *status,
    };
    // a client that went away is no fault of ours
    let _ = request.respond(Response::empty(*status));
    let _ = caught.send(line);
}

type Judgement = (Option<bool>, Option<String>, Option<Value>);

fn judge(keys: &Keys, headers: &[(String, String)], body: &[u8], now: Timestamp) -> Judgement {
    let raw = RawCallback { headers: headers.to_vec(), body: body.to_vec() };
    let opened = notification::open(&raw, &keys.trusted, std::slice::from_ref(&keys.api_v3_key), now);
    let failed = opened.checks.iter().find(|check| !check.ok).map(|check| check.name.to_string());
    let genuine = opened.checks.iter().any(|check| check.name == "signature_valid" && check.ok);
    let decrypted = match &opened.result {
        Ok(notification) => serde_json::from_str(notification.plaintext()).ok(),
        Err(notification::Refusal::NotUnderstood { plaintext, .. }) => {
            plaintext.as_deref().and_then(|text| serde_json::from_str(text).ok())
        }
        Err(_) => None,
    };
    (Some(genuine), failed, decrypted)
}

fn keys_of_sandbox(path: &Path) -> Result<Keys, Failure> {
    let ready = files::read_sandbox(path)?;
    let unusable = |what: &str| Failure::file(path, &format!("{what} is missing or can't be used"));
    let text = |name: &str| ready.get(name).and_then(Value::as_str).ok_or_else(|| unusable(name));
    let mut trusted = TrustedKeys::new();
    let certificate = Certificate::from_pem(&files::read(Path::new(text("platform_certificate")?))?);
    trusted.add_certificate(certificate.map_err(|_| unusable("platform_certificate"))?);
    let id = PublicKeyId::parse(text("public_key_id")?)?;
    let key = PublicKey::from_pem(&files::read(Path::new(text("public_key")?))?);
    trusted.add_public_key(id, key.map_err(|_| unusable("public_key"))?);
    let api_v3_key = ApiV3Key::parse(text("api_v3_key")?).map_err(|_| unusable("api_v3_key"))?;
    Ok(Keys { trusted, api_v3_key })
}

fn cannot_listen(port: u16, error: &(dyn std::error::Error + 'static)) -> Failure {
    let in_use =
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
    let code = if in_use { "PORT_IN_USE" } else { "CANNOT_LISTEN" };
    Failure::refused(
        code,
        both(format!("无法监听 127.0.0.1:{port}：{error}"), format!("127.0.0.1:{port} can't be listened on: {error}")),
        both("换一个端口，或用 --port 0 取任意空闲端口。", "Choose another port, or any free one with --port 0."),
    )
}

fn for_people(context: &Context, line: &Caught) -> String {
    let out = &context.out;
    let mark = match (line.verified, &line.reason) {
        (None, _) => String::new(),
        (Some(true), None) => out.paint(Tone::Good, out.pick("  ✓ 已验签并解密", "  ✓ verified and decrypted")),
        (Some(true), Some(reason)) => out.paint(Tone::Warn, &format!("  ! {reason}")),
        (Some(false), reason) => out.paint(Tone::Bad, &format!("  ✗ {}", reason.as_deref().unwrap_or("not verified"))),
    };
    let head = format!("{} {}", line.method, visible(&line.path));
    let mut text =
        format!("{}  {}  → {}{mark}\n", crate::out::time(&line.at), out.paint(Tone::Strong, &head), line.status);
    for (name, value) in &line.headers {
        text += &format!("    {} {}\n", out.paint(Tone::Faint, &format!("{}:", visible(name))), visible(value));
    }
    if !line.body.is_empty() {
        text += &format!("    {}\n", visible(&line.body));
    }
    if let Some(decrypted) = &line.decrypted {
        let pretty = serde_json::to_string_pretty(decrypted).unwrap_or_default();
        text += &pretty.lines().map(|line| format!("    {}\n", visible(line))).collect::<String>();
    }
    text
}
