//! What measuring needs: percentiles, the CPU time and memory of a process, the pace of the disk and of the signer at this
//! moment, and a file that figures are kept in for the report.
//!
//! A machine's own noise is in every figure, so what is compared is a ratio of two things measured in one breath.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wechatpay::keys::PrivateKey;

/// Ticks of `/proc/PID/stat` in a second: the same on every Linux.
const TICKS: f64 = 100.0;

/// The value below which `share` (0 to 1) of the sorted values lie; 0 of none.
#[must_use]
pub fn percentile(sorted: &[u32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * share).ceil() as usize;
    sorted.get(at.min(last)).map_or(0.0, |value| f64::from(*value))
}

/// The middle of the values; 0 of none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle.saturating_sub(1)), values.get(middle)) {
        (0, Some(below), Some(above)) => f64::midpoint(*below, *above),
        (_, _, Some(middle)) => *middle,
        _ => 0.0,
    }
}

/// CPU time that a process has used so far, all its threads together.
#[must_use]
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // the name may hold blanks; what follows the bracket doesn't
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Duration::from_secs_f64(ticks / TICKS)
}

/// CPU time of this thread, to the nanosecond: what else the machine does is not in it. (`/proc` tells it only as it was at
/// the last tick.)
#[must_use]
pub fn thread_cpu() -> Duration {
    let told = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(told).unwrap_or_default()
}

/// A line of `/proc/PID/status` in MB: `VmRSS` now, `VmHWM` at most so far.
#[must_use]
pub fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let found = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|found| found.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1_024.0 / 1e6
}

/// Appends of 4 KiB that this folder's disk takes a second, each synced before the next.
///
/// # Panics
/// When the folder can't be written.
#[must_use]
pub fn disk_pace(folder: &Path, span: Duration) -> f64 {
    let path = folder.join("disk-probe");
    let mut file = File::create(&path).expect("a file for the disk probe");
    let (began, mut times) = (Instant::now(), 0_u32);
    while began.elapsed() < span {
        file.write_all(&[7; 4_096]).expect("the disk takes 4 KiB");
        file.sync_data().expect("the disk syncs");
        times += 1;
    }
    let pace = f64::from(times) / began.elapsed().as_secs_f64();
    drop(file);
    let _ = std::fs::remove_file(path);
    pace
}

/// What signing costs on this machine now.
#[derive(Debug, Clone, Copy)]
pub struct SignPace {
    /// Signatures a second of all cores together.
    pub all: f64,
    /// Microseconds of CPU that one takes.
    pub micros: f64,
}

/// Signs on every core for `span`.
///
/// # Panics
/// When a thread can't be started.
#[must_use]
pub fn sign_pace(key: &PrivateKey, span: Duration) -> SignPace {
    let message = vec![b'x'; 900];
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (spent, began) = (cpu(std::process::id()), Instant::now());
    let signed: usize = std::thread::scope(|scope| {
        let sign = || {
            let mut times = 0_usize;
            while began.elapsed() < span {
                std::hint::black_box(key.sign(std::hint::black_box(&message)));
                times += 1;
            }
            times
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(sign)).collect();
        threads.into_iter().map(|thread| thread.join().expect("signing doesn't fail")).sum()
    });
    let spent = cpu(std::process::id()).saturating_sub(spent);
    SignPace {
        all: signed as f64 / began.elapsed().as_secs_f64(),
        micros: spent.as_secs_f64() * 1e6 / signed.max(1) as f64,
    }
}

/// Figures as they are found: printed, and kept where `GUITAI_FIGURES` says, a JSON object a line.
#[derive(Debug)]
pub struct Figures {
    file: Option<PathBuf>,
}

impl Figures {
    /// Where the environment says; nowhere if it says nothing.
    #[must_use]
    pub fn open() -> Self {
        Figures { file: std::env::var_os("GUITAI_FIGURES").map(PathBuf::from) }
    }

    /// Keeps one figure. The report knows what its name means.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn keep(&self, name: &str, value: f64) {
        let Some(path) = &self.file else { return };
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the file of figures");
        writeln!(file, "{}", serde_json::json!({ "name": name, "value": value })).expect("a figure is kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_tail_are_where_they_should_be() {
        let sorted: Vec<u32> = (1..=1_000).collect();
        for (share, value) in [(0.0, 1.0), (0.5, 501.0), (0.99, 991.0), (0.999, 1_000.0), (1.0, 1_000.0)] {
            assert_eq!(percentile(&sorted, share), value, "{share}");
        }
        assert_eq!(percentile(&[], 0.5), 0.0);
        for (values, middle) in [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 5.0], 5.0), (vec![4.0, 2.0], 3.0)] {
            assert_eq!(median(values.clone()), middle, "{values:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_the_processor_and_has_memory() {
        let me = std::process::id();
        let before = cpu(me);
        while cpu(me) == before {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
        assert!(thread_cpu() > Duration::ZERO);
        assert!(memory(me, "VmRSS") > 1.0 && memory(me, "VmHWM") >= memory(me, "VmRSS"));
    }
}
