//! Prepays at the sandbox: verified, stored durably, answered signed. The limit is the signature, so everything stands beside
//! what the machine's cores sign in the same second. The generator runs on the same cores, so the pace is also compared with
//! what they would sign in the time that it leaves them.

use crate::callbacks::Server;
use crate::signed::{Merchant, PARTS};
use guitai_tests::measure::{self, Figures, SignPace, median, percentile};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use wechatpay::ids::PublicKeyId;
use wechatpay::keys::{PublicKey, TrustedKeys};
use wechatpay::time::Timestamp;
use wechatpay::verify::{self, SignatureHeaders};

/// Connections at a time, and prepays of one round.
const CONNECTIONS: usize = 16;
const EACH: usize = 3_000;
/// Answers of a round whose signature is checked.
const CHECKED: usize = 100;

fn start(folder: &Path) -> (Server, Merchant, TrustedKeys) {
    let mut command = Command::new(crate::guitai());
    command.args(["sandbox", "--port", "0"]).env("GUITAI_DATA_DIR", folder.join("data")).env("GUITAI_LANG", "en");
    let server = Server::start(command, folder);
    let merchant = Merchant::of(&server.ready);
    let file = std::fs::read(server.ready["public_key"].as_str().expect("public_key")).expect("a key file");
    let mut trusted = TrustedKeys::new();
    let id = PublicKeyId::parse(&merchant.answers_by).expect("an id");
    trusted.add_public_key(id, PublicKey::from_pem(&file).expect("a public key"));
    (server, merchant, trusted)
}

/// Is it signed as it should be?
fn is_signed(answer: &[u8], trusted: &TrustedKeys) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let headers = head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()));
    let checked =
        SignatureHeaders::read(headers).and_then(|found| verify::check(&found, body, trusted, Timestamp::now()));
    checked.is_ok()
}

/// Measures, prints, keeps.
pub async fn measure(rounds: usize, name: &str, figures: &Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, merchant, trusted) = start(folder.path());
    let pace = || measure::sign_pace(&merchant.signer.key, Duration::from_millis(700));
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let (mut ratios, mut paces, mut cpus, mut shares, mut own, mut limits, mut left) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut micros, mut lost) = (Vec::new(), 0);
    for round in 0..rounds {
        let shots = merchant.prepays(round * EACH, EACH);
        let before: SignPace = pace();
        let mine = measure::cpu(std::process::id());
        let (volley, cpu) = server.under(&shots, CONNECTIONS, Duration::from_secs(60), CHECKED).await;
        let mine = measure::cpu(std::process::id()).saturating_sub(mine).as_secs_f64() * 1e6 / EACH as f64;
        let after = pace();
        assert!(volley.first.iter().all(|(_, answer)| is_signed(answer, &trusted)), "an answer is not signed");
        assert_eq!(volley.first.len(), CHECKED, "every answer is a yes");
        lost += EACH - volley.good;
        let limit = f64::midpoint(before.all, after.all);
        limits.push(limit);
        ratios.push(volley.pace() / limit);
        // of the cores' time the generator took this share
        let taken = (mine * volley.pace() / 1e6 / cores).min(0.9);
        left.push(volley.pace() / (limit * (1.0 - taken)));
        shares.push(f64::midpoint(before.micros, after.micros) / cpu);
        paces.push(volley.pace());
        cpus.push(cpu);
        own.push(mine);
        micros.extend(volley.micros);
    }
    micros.sort_unstable();
    let ms = |share: f64| percentile(&micros, share) / 1e3;
    let (pace, limit, ratio) = (median(paces), median(limits), median(ratios));
    let (cpu, share, own, left) = (median(cpus), median(shares), median(own), median(left));
    println!(
        "sandbox: prepays verified, durable, answered signed; {CONNECTIONS} connections, {rounds} rounds of {EACH}, medians"
    );
    println!(
        "  {pace:.0}/s of {limit:.0} signatures/s on all cores: {:.0} %, {:.0} % of what the generator leaves of them; \
         p50 {:.1}  p99 {:.1} ms",
        ratio * 100.0,
        left * 100.0,
        ms(0.5),
        ms(0.99)
    );
    println!(
        "  CPU {cpu:.0} µs a prepay, of which {:.0} % is the signature; the generator's own {own:.0} µs beside it",
        share * 100.0
    );
    println!("  not answered: {lost}");
    for (part, value) in [
        ("pace", pace),
        ("limit", limit),
        ("ratio", ratio),
        ("ratio_left", left),
        ("p50", ms(0.5)),
        ("p99", ms(0.99)),
        ("cpu", cpu),
        ("share", share),
        ("generator", own),
        ("lost", lost as f64),
    ] {
        figures.keep(&format!("{name}.{part}"), value);
    }
}

/// A million orders, or as many as fit in the time: does the memory grow, is any request lost?
pub async fn million(seconds: usize, figures: &Figures) {
    const ORDERS: usize = 1_000_000;
    /// Requests of a piece; every second piece is of combined orders: a million signatures would take the time.
    const PIECE: usize = 500;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, merchant, _) = start(folder.path());
    let (began, mut orders, mut row, mut lost) = (Instant::now(), 0, 0, 0);
    let mut seen: Vec<(usize, f64)> = Vec::new();
    println!("orders      resident MB");
    while orders < ORDERS && began.elapsed() < Duration::from_secs(seconds as u64) {
        for (shots, each) in [(merchant.combined(row, PIECE), PARTS), (merchant.prepays(row, PIECE), 1)] {
            let (volley, _) = server.under(&shots, CONNECTIONS, Duration::from_secs(120), 0).await;
            lost += PIECE - volley.good;
            orders += volley.good * each;
        }
        row += PIECE;
        if seen.last().is_none_or(|(at, _)| orders - at >= 50_000) {
            seen.push((orders, measure::memory(server.pid(), "VmRSS")));
            println!("{orders:>9}   {:>6.0}", seen.last().map_or(0.0, |(_, megabytes)| *megabytes));
        }
    }
    let half: Vec<_> = seen.iter().filter(|(at, _)| *at * 2 >= orders).collect();
    let slope = match (half.first(), half.last()) {
        (Some((from, before)), Some((to, after))) if to > from => (after - before) * 1e5 / (to - from) as f64,
        _ => 0.0,
    };
    println!(
        "{orders} orders in {:.0} s, {lost} requests lost; the second half grows by {slope:.2} MB per 100,000 orders",
        began.elapsed().as_secs_f64()
    );
    figures.keep("million.orders", orders as f64);
    figures.keep("million.lost", lost as f64);
    figures.keep("million.slope", slope);
    figures.keep("million.memory", measure::memory(server.pid(), "VmHWM"));
}
