//! Past runs: what became of each case, newest first, and how a run compares with the one before it. A line of JSON each
//! in one file; evidence and secrets aren't kept.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wechatpay::time::{Timestamp, beijing};

use crate::report::{Outcome, Report};

/// So many runs are kept; at twice as many lines the file is written anew.
const KEPT: usize = 200;

/// A run that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its end; Beijing time.
    pub at: String,
    /// What was examined.
    pub url: String,
    /// Cases.
    pub passed: usize,
    /// Cases.
    pub failed: usize,
    /// Cases.
    pub warned: usize,
    /// Cases.
    pub skipped: usize,
    /// What became of each case.
    pub cases: BTreeMap<String, Outcome>,
}

/// How a run compares with the one before it of the same URL. Only cases that were judged both times count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// When the earlier one ended.
    pub since: String,
    /// Cases that come out better now.
    pub better: Vec<String>,
    /// Cases that come out worse now.
    pub worse: Vec<String>,
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("certify-runs.jsonl")
}

/// The runs of before, newest first.
///
/// # Errors
/// The file can't be read. That there is none is no error, nor are lines in it that make no sense.
pub fn past(data_dir: &Path) -> std::io::Result<Vec<Past>> {
    match std::fs::read_to_string(file(data_dir)) {
        Ok(text) => Ok(text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(KEPT).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Keeps a run, and says how it compares with the last one of the same URL.
///
/// # Errors
/// The folder can't be made, or the file can't be read or written.
pub fn keep(data_dir: &Path, report: &Report) -> std::io::Result<Option<Compared>> {
    let before = past(data_dir)?;
    let cases: BTreeMap<String, Outcome> =
        report.cases.iter().chain(&report.outgoing).map(|case| (case.name.to_owned(), case.result)).collect();
    let run = Past {
        at: beijing(Timestamp::now()),
        url: report.url.clone(),
        passed: report.passed,
        failed: report.failed,
        warned: report.warned,
        skipped: report.skipped,
        cases,
    };
    let line = serde_json::to_string(&run)? + "\n";
    std::fs::create_dir_all(data_dir)?;
    let path = file(data_dir);
    let lines = std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
    if lines >= 2 * KEPT {
        let mut text = String::new();
        for old in before.iter().take(KEPT - 1).rev() {
            text += &(serde_json::to_string(old)? + "\n");
        }
        // Whole or not at all: a run that ends in between loses nothing.
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, text + &line)?;
        std::fs::rename(fresh, &path)?;
    } else {
        // One write of one line: runs that end at the same moment don't mix theirs.
        std::fs::OpenOptions::new().create(true).append(true).open(&path)?.write_all(line.as_bytes())?;
    }
    Ok(before.iter().find(|old| old.url == run.url).map(|old| compare(old, &run)))
}

fn compare(old: &Past, new: &Past) -> Compared {
    let rank = |outcome: Outcome| match outcome {
        Outcome::Fail => Some(0),
        Outcome::Warn => Some(1),
        Outcome::Pass => Some(2),
        Outcome::Skip => None,
    };
    let mut compared = Compared { since: old.at.clone(), ..Compared::default() };
    for (name, now) in &new.cases {
        let then = old.cases.get(name).copied().and_then(rank);
        let (Some(then), Some(now)) = (then, rank(*now)) else { continue };
        match now.cmp(&then) {
            std::cmp::Ordering::Greater => compared.better.push(name.clone()),
            std::cmp::Ordering::Less => compared.worse.push(name.clone()),
            std::cmp::Ordering::Equal => {}
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseResult, Got, Text};

    fn report(url: &str, results: &[(&'static str, Outcome)]) -> Report {
        let empty = || Text::new("", "");
        let case = |(name, result): &(&'static str, Outcome)| CaseResult {
            name,
            result: *result,
            expected: String::new(),
            got: Got::default(),
            why: empty(),
            fix: empty(),
            sent: String::new(),
        };
        Report::new(url.into(), results.iter().map(case).collect(), vec![])
    }

    #[test]
    fn a_run_is_compared_with_the_last_of_its_url() {
        let folder = std::env::temp_dir().join(format!("guitai-certify-{}", std::process::id()));
        let (url, other) = ("http://127.0.0.1:1/a", "http://127.0.0.1:1/b");
        use Outcome::{Fail, Pass, Skip, Warn};
        let first = report(url, &[("genuine_accepted", Fail), ("answers_in_time", Pass), ("refund_accepted", Skip)]);
        assert_eq!(keep(&folder, &first).unwrap(), None);
        assert_eq!(keep(&folder, &report(other, &[("genuine_accepted", Pass)])).unwrap(), None);
        let second = report(url, &[("genuine_accepted", Pass), ("answers_in_time", Warn), ("refund_accepted", Pass)]);
        let compared = keep(&folder, &second).unwrap().expect("the run before");
        assert_eq!(compared.better, ["genuine_accepted"]);
        assert_eq!(compared.worse, ["answers_in_time"]);
        for _ in 0..2 * KEPT {
            keep(&folder, &first).unwrap();
        }
        assert_eq!(past(&folder).unwrap().len(), KEPT);
        let lines = std::fs::read_to_string(file(&folder)).unwrap().lines().count();
        assert!(lines <= 2 * KEPT, "{lines}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
