//! What is measured and how it is told: samples of the processes, latencies of the good callbacks, a table and JSON.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The share of the time that is warm-up, and how long it is at most: caches fill, threads are made, and five minutes after
/// the start comes what a desk does once a day and once a week (backup, whole check, restore drill).
const WARM: f64 = 0.6;
const WARM_MOST: Duration = Duration::from_secs(1_800);

/// One look at both processes and their files.
#[derive(Debug, Clone)]
pub struct Sample {
    pub at: Duration,
    pub listener: Process,
    pub sandbox: Process,
    pub store_bytes: u64,
    pub wal_bytes: u64,
    pub log_bytes: u64,
    pub good: u32,
}

/// What a process holds; memory in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    pub resident: f64,
    pub proportional: f64,
    pub descriptors: f64,
    pub threads: f64,
}

impl Process {
    /// As `/proc` says it; nothing where the process is gone.
    pub fn look(pid: u32) -> Process {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let figure = |text: &str, field: &str| {
            let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
        };
        let (status, memory) = (read("status"), read("smaps_rollup"));
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Process {
            resident: figure(&status, "VmRSS:"),
            proportional: figure(&memory, "Pss:"),
            threads: figure(&status, "Threads:"),
            descriptors: f64::from(u32::try_from(descriptors).unwrap_or(u32::MAX)),
        }
    }
}

/// Bytes of a file; 0 where there is none.
pub fn bytes(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |facts| facts.len())
}

/// Bytes of a folder's files.
pub fn folder_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| bytes(&entry.path())).sum()
}

/// What is counted while it goes on. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub struct Figures {
    sent: Arc<AtomicU32>,
    latencies: Arc<Mutex<Vec<u32>>>,
    failed: Arc<Mutex<Vec<String>>>,
    commands: Arc<Mutex<Vec<(String, bool)>>>,
}

/// From the middle of the time after the warm-up to its end: medians of the first and the last third.
#[derive(Debug)]
pub struct Change {
    pub what: &'static str,
    pub resident: (f64, f64),
    pub descriptors: (f64, f64),
    pub threads: (f64, f64),
}

pub struct Report {
    pub table: String,
    pub json: Value,
    pub good: u32,
    pub failed: Vec<String>,
    pub slowest: Duration,
    pub changes: Vec<Change>,
}

impl Figures {
    /// A good callback was answered so, after so long; everything but 204 is a failure.
    pub fn good(&self, status: Result<u16, String>, took: Duration) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.latencies.lock().expect("no panic inside").push(micros);
        if status != Ok(204) {
            let mut failed = self.failed.lock().expect("no panic inside");
            if failed.len() < 20 {
                failed.push(format!("{status:?} after {took:?}"));
            }
        }
    }

    /// A command on the same store worked, or not.
    pub fn command(&self, words: &str, worked: bool, said: &str) {
        self.commands.lock().expect("no panic inside").push((words.to_owned(), worked));
        if !worked {
            self.failed.lock().expect("no panic inside").push(format!("guitai {words}: {said}"));
        }
    }

    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn report(&self, length: Duration, samples: &[Sample], health: Value) -> Report {
        let mut latencies = self.latencies.lock().expect("no panic inside").clone();
        latencies.sort_unstable();
        let share = |part: f64| {
            let at = (latencies.len().saturating_sub(1)) as f64 * part;
            latencies.get(at as usize).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        let (p50, p99, p999, max) = (share(0.5), share(0.99), share(0.999), share(1.0));
        let changes = vec![change("listener", samples, |it| it.listener), change("sandbox", samples, |it| it.sandbox)];
        let (first, last) = (samples.first(), samples.last());
        let callbacks = last.map_or(0, |it| it.good) - first.map_or(0, |it| it.good);
        let grown = last.map_or(0, |it| it.store_bytes).saturating_sub(first.map_or(0, |it| it.store_bytes));
        let each = grown as f64 / f64::from(callbacks.max(1));
        let commands = self.commands.lock().expect("no panic inside");

        let mut table = String::from("     time   good   RSS MB  PSS MB  fds  threads  store MB  WAL MB  log KB\n");
        for sample in samples.iter().step_by((samples.len() / 12).max(1)) {
            let _ = writeln!(
                table,
                "{:>7.0} s {:>6} {:>8.1} {:>7.1} {:>4} {:>8} {:>9.1} {:>7.1} {:>7}",
                sample.at.as_secs_f64(),
                sample.good,
                sample.listener.resident / 1_024.0,
                sample.listener.proportional / 1_024.0,
                sample.listener.descriptors,
                sample.listener.threads,
                sample.store_bytes as f64 / 1_048_576.0,
                sample.wal_bytes as f64 / 1_048_576.0,
                sample.log_bytes / 1_024,
            );
        }
        for it in &changes {
            let _ = writeln!(
                table,
                "{}: RSS {:.1} → {:.1} MB ({:+.1} %), descriptors {} → {}, threads {} → {} (medians after the warm-up)",
                it.what,
                it.resident.0 / 1_024.0,
                it.resident.1 / 1_024.0,
                (it.resident.1 / it.resident.0.max(1.0) - 1.0) * 100.0,
                it.descriptors.0,
                it.descriptors.1,
                it.threads.0,
                it.threads.1,
            );
        }
        let _ = writeln!(
            table,
            "good callbacks: {} sent, answered in p50 {p50:.1} ms, p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1}; {each:.0} bytes \
             of store for each; {} commands beside them",
            self.sent(),
            commands.len(),
        );
        let failed = self.failed.lock().expect("no panic inside").clone();
        let json = json!({
            "minutes": length.as_secs_f64() / 60.0,
            "good": { "sent": self.sent(), "failed": failed, "p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "max_ms": max },
            "store_bytes_each": each,
            "commands": commands.len(),
            "changes": changes.iter().map(|it| json!({
                "what": it.what, "resident_kib": it.resident, "descriptors": it.descriptors, "threads": it.threads,
            })).collect::<Vec<_>>(),
            "samples": samples.iter().map(|it| json!({
                "at_s": it.at.as_secs_f64(), "good": it.good, "resident_kib": it.listener.resident,
                "pss_kib": it.listener.proportional, "descriptors": it.listener.descriptors, "threads": it.listener.threads,
                "sandbox_resident_kib": it.sandbox.resident, "store_bytes": it.store_bytes, "wal_bytes": it.wal_bytes, "log_bytes": it.log_bytes,
            })).collect::<Vec<_>>(),
            "health": health,
        });
        let slowest = Duration::from_micros(latencies.last().copied().unwrap_or(0).into());
        Report { table, json, good: self.sent(), failed, slowest, changes }
    }
}

fn change(what: &'static str, samples: &[Sample], of: fn(&Sample) -> Process) -> Change {
    let length = samples.last().map_or(Duration::ZERO, |sample| sample.at);
    let warm = length.mul_f64(WARM).min(WARM_MOST);
    let warm = samples.iter().position(|sample| sample.at >= warm).unwrap_or(0);
    let after: Vec<Process> = samples.get(warm..).unwrap_or_default().iter().map(of).collect();
    let third = (after.len() / 3).max(1);
    let median = |figure: fn(&Process) -> f64| {
        let of = |part: &[Process]| {
            let mut figures: Vec<f64> = part.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(0.0)
        };
        let early = after.get(..third).unwrap_or_default();
        let late = after.get(after.len().saturating_sub(third)..).unwrap_or_default();
        (of(early), of(late))
    };
    Change {
        what,
        resident: median(|it| it.resident),
        descriptors: median(|it| it.descriptors),
        threads: median(|it| it.threads),
    }
}
