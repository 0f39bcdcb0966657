//! Callbacks end to end: verified, decrypted, durable, answered. Ours and the plain server get the same bytes, in turn.

use crate::signed;
use guitai_tests::load::{self, Shots, Volley};
use guitai_tests::measure::{self, Figures, median, percentile};
use guitai_tests::seed;
use rusqlite::Connection;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections at a time, and callbacks of one round at them.
const LEVELS: [(usize, usize); 5] = [(1, 400), (8, 2_000), (32, 4_000), (64, 6_000), (128, 6_000)];
/// Fresh connections that come at one moment.
const BURST: usize = 256;
/// Longest that one server has for one level: on a slow or busy disk fewer are sent.
const MOST: Duration = Duration::from_secs(3);
const PATH: &str = "/notify/shop";

/// A server as a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub ready: Value,
    pub place: SocketAddr,
}

impl Server {
    /// Starts it with what it prints going to a file in `folder`, and waits for its first line.
    pub fn start(mut command: Command, folder: &Path) -> Server {
        let path = folder.join(format!("out-{}", std::process::id()));
        let out = File::create(&path).expect("a file for what it prints");
        // what it notes is only of interest where it fails, and then there may be much of it
        let notes = File::create(folder.join("notes")).expect("a file for what it notes");
        command.stdin(Stdio::null()).stdout(out).stderr(notes);
        let mut child = command.spawn().expect("the server starts");
        let ready: Value = loop {
            let mut line = String::new();
            let _ = BufReader::new(File::open(&path).expect("what it prints")).read_line(&mut line);
            if line.ends_with('\n') {
                break serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
            }
            assert!(matches!(child.try_wait(), Ok(None)), "the server ended before it was ready");
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = ready["listening"].as_str().or(ready["base_url"].as_str()).expect("a place");
        let place = text.trim_start_matches("http://").parse().expect("an address");
        Server { child, ready, place }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fires at it; what came of it, and the CPU that it took, microseconds for each answer.
    pub async fn under(&self, shots: &Shots, connections: usize, most: Duration, keep: usize) -> (Volley, f64) {
        let before = measure::cpu(self.pid());
        let volley = load::fire(self.place, shots, connections, most, keep).await;
        let spent = measure::cpu(self.pid()).saturating_sub(before);
        let micros = spent.as_secs_f64() * 1e6 / volley.good.max(1) as f64;
        (volley, micros)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `guitai` on this data folder.
fn guitai(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::guitai());
    let passphrase = data.with_file_name("passphrase");
    std::fs::write(&passphrase, seed::PASSPHRASE).expect("a pass phrase");
    command
        .args(arguments)
        .env("GUITAI_DATA_DIR", data)
        .env("GUITAI_PASSPHRASE_FILE", passphrase)
        .env("GUITAI_LANG", "en");
    command
}

/// Of one level, over all rounds.
#[derive(Default)]
struct Level {
    ours: Vec<f64>,
    plain: Vec<f64>,
    ratios: Vec<f64>,
    micros: Vec<u32>,
    cpu: Vec<f64>,
    cpu_plain: Vec<f64>,
}

/// Measures, prints, keeps.
pub async fn measure(rounds: usize, figures: &Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    seed::desk_that_listens(&data).await.close().await;
    let each: usize = LEVELS.iter().map(|(_, count)| count).sum::<usize>() + BURST;
    seed::unpaid(&data, 0..rounds * each + 40_000);
    let ours = Server::start(guitai(&data, &["listen", "--port", "0", "--json"]), folder.path());
    let idle = measure::memory(ours.pid(), "VmRSS");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("plain").arg(folder.path());
    let plain_folder = folder.path().join("plain");
    std::fs::create_dir(&plain_folder).expect("a folder");
    let plain = Server::start(command, &plain_folder);

    let key = signed::platform();
    let (mut levels, mut bursts) = (LEVELS.map(|_| Level::default()), Vec::new());
    let (mut disks, mut disks_plain) = (Vec::new(), Vec::new());
    let (mut row, mut distinct, mut failed) = (0, 0, 0);
    for round in 0..rounds {
        for (at, (connections, count)) in LEVELS.iter().enumerate() {
            let (shots, new) = signed::callbacks(&key, PATH, row, *count);
            row += new.len();
            let before = measure::disk_pace(folder.path(), Duration::from_millis(250));
            let plain_first = (round + at) % 2 == 0;
            let mut other = None;
            if plain_first {
                other = Some(plain.under(&shots, *connections, MOST, 0).await);
            }
            let (volley, cpu) = ours.under(&shots, *connections, MOST, 0).await;
            distinct += distinct_of(&new, &volley);
            let after = measure::disk_pace(folder.path(), Duration::from_millis(250));
            let (other, other_cpu) = match other {
                Some(other) => other,
                None => plain.under(&shots, *connections, MOST, 0).await,
            };
            failed += volley.refused + volley.broken;
            let level = &mut levels[at];
            if *connections == 1 {
                disks.push(volley.pace() / f64::midpoint(before, after));
                disks_plain.push(other.pace() / f64::midpoint(before, after));
            }
            level.ratios.push(volley.pace() / other.pace());
            level.ours.push(volley.pace());
            level.plain.push(other.pace());
            level.cpu.push(cpu);
            level.cpu_plain.push(other_cpu);
            level.micros.extend(volley.micros);
        }
        let (shots, new) = signed::callbacks(&key, PATH, row, BURST);
        row += new.len();
        let (volley, _) = ours.under(&shots, BURST, MOST, 0).await;
        distinct += distinct_of(&new, &volley);
        failed += volley.refused + volley.broken;
        bursts.push(volley.micros.iter().filter(|micros| **micros < 1_000_000).count());
    }
    println!(
        "callbacks, durable, a tenth of them re-sent; {rounds} rounds, medians (of latencies: all rounds together)"
    );
    for ((connections, _), mut level) in LEVELS.iter().zip(levels) {
        level.micros.sort_unstable();
        let ms = |share: f64| percentile(&level.micros, share) / 1e3;
        let (pace, plain) = (median(level.ours), median(level.plain));
        let (ratio, cpu, cpu_plain) = (median(level.ratios), median(level.cpu), median(level.cpu_plain));
        println!(
            "  {connections:>3} connections  {pace:>6.0}/s  plain {plain:>6.0}/s  x{ratio:<5.1} p50 {:>6.2}  p99 {:>6.2}  p99.9 {:>6.2} ms  CPU {cpu:>4.0} µs (plain {cpu_plain:.0})",
            ms(0.5),
            ms(0.99),
            ms(0.999),
        );
        for (name, value) in [
            ("pace", pace),
            ("plain", plain),
            ("ratio", ratio),
            ("p50", ms(0.5)),
            ("p99", ms(0.99)),
            ("p999", ms(0.999)),
            ("cpu", cpu),
            ("cpu_plain", cpu_plain),
        ] {
            figures.keep(&format!("callbacks.{connections}.{name}"), value);
        }
    }
    let (disk, disk_plain) = (median(disks), median(disks_plain));
    let whole = bursts.iter().filter(|answered| **answered == BURST).count() as f64 / rounds.max(1) as f64;
    println!("  one connection against the disk's own pace of the same second: {disk:.2} (plain {disk_plain:.2})");
    println!("  bursts of {BURST} fresh connections answered whole within a second: {:.0} %", whole * 100.0);
    figures.keep("callbacks.disk", disk);
    figures.keep("callbacks.disk_plain", disk_plain);
    figures.keep("callbacks.burst", whole);
    figures.keep("callbacks.idle_memory", idle);
    storm(&ours, &data, &key, row, &mut distinct, &mut failed, figures).await;
    let (now, most) = (measure::memory(ours.pid(), "VmRSS"), measure::memory(ours.pid(), "VmHWM"));
    println!("  memory: {idle:.0} MB before, {now:.0} MB after {distinct} orders, {most:.0} MB at most");
    figures.keep("callbacks.memory", most);
    drop(ours);
    let lost = distinct as f64 - applied(&data);
    println!("  not answered well: {failed}; acknowledged and not stored, or stored twice: {lost}");
    figures.keep("callbacks.failed", failed as f64);
    figures.keep("callbacks.lost", lost.abs());
    assert!(failed > 0 || lost == 0.0, "{lost} callbacks were acknowledged and are not stored once");
}

/// Of those that were sent, how many were not sent before.
fn distinct_of(new: &[bool], volley: &Volley) -> usize {
    new.iter().take(volley.sent()).filter(|new| **new).count()
}

/// Payments that the store knows, each from a delivery of its own.
fn applied(data: &Path) -> f64 {
    let store = Connection::open(data.join("guitai.db")).expect("the store");
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counts");
    let (orders, deliveries) = (
        count("SELECT count(*) FROM orders WHERE state = 'SUCCESS'"),
        count("SELECT count(*) FROM callbacks WHERE verdict = 'applied'"),
    );
    assert_eq!(orders, deliveries, "each payment was taken in once");
    orders as f64
}

/// Answers while the store is copied, exported and written by other processes.
async fn storm(
    ours: &Server,
    data: &Path,
    key: &wechatpay::keys::PrivateKey,
    row: usize,
    distinct: &mut usize,
    failed: &mut usize,
    figures: &Figures,
) {
    let (done, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let busy = {
        let (data, done, times) = (data.to_owned(), done.clone(), times.clone());
        std::thread::spawn(move || {
            let copy: PathBuf = data.with_file_name("copy.db");
            let copied = copy.to_str().expect("a path in UTF-8").to_owned();
            let create = ["order", "create", "--amount", "1", "--description", "beside"];
            while !done.load(Ordering::Relaxed) {
                for arguments in [
                    &create[..],
                    &["backup", &copied],
                    &create,
                    &["order", "export"],
                    &create,
                    &["callback", "list", "--limit", "100"],
                ] {
                    let mut command = guitai(&data, arguments);
                    let ended = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().expect("guitai runs");
                    assert!(ended.success(), "{arguments:?} beside the listener");
                    times.fetch_add(1, Ordering::Relaxed);
                }
                let _ = std::fs::remove_file(&copy);
            }
        })
    };
    let (began, mut row, mut all) = (Instant::now(), row, Volley::default());
    while began.elapsed() < Duration::from_secs(12) {
        let (shots, new) = signed::callbacks(key, PATH, row, 2_000);
        row += new.len();
        let (volley, _) = ours.under(&shots, 64, MOST, 0).await;
        *distinct += distinct_of(&new, &volley);
        *failed += volley.refused + volley.broken;
        all.micros.extend(volley.micros);
    }
    done.store(true, Ordering::Relaxed);
    busy.join().expect("the others do their work");
    all.micros.sort_unstable();
    let ms = |share: f64| percentile(&all.micros, share) / 1e3;
    println!(
        "  while backups, exports and {} other commands run, 64 connections: p50 {:.1}  p99 {:.1}  p99.9 {:.1}  slowest {:.1} ms of {}",
        times.load(Ordering::Relaxed),
        ms(0.5),
        ms(0.99),
        ms(0.999),
        ms(1.0),
        all.micros.len(),
    );
    figures.keep("callbacks.beside.p99", ms(0.99));
    figures.keep("callbacks.beside.p999", ms(0.999));
}
