//! The examination that runs, or ran last: its cases as they finish, and its score card. One at a time.

use crate::problem::problem;
use guitai_certify::{CaseResult, CertifyError, Outcome, Report, SandboxAccess};
use guitai_console::wire::{Bilingual, Problem};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use wechatpay::time::{Timestamp, beijing};

/// How long a lost callback may stay unnoticed, at most; seconds.
const LOST_WAIT: u32 = 600;

/// What to examine.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct CertifyInput {
    /// The backend's callback URL: on this machine or in this network.
    pub url: String,
    /// A command that makes the backend place an order and prints its number.
    #[serde(default)]
    pub create_order: Option<String>,
    /// A command that prints `{"paid":BOOL,"times_applied":N}` for `OUT_TRADE_NO`.
    #[serde(default)]
    pub probe: Option<String>,
    /// How long a lost callback may stay unnoticed; seconds.
    #[serde(default)]
    pub lost_wait: Option<u32>,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "lowercase")]
pub enum CaseOutcome {
    /// The duty is met.
    Pass,
    /// It is not.
    Fail,
    /// Works, but will hurt.
    Warn,
    /// Could not be judged.
    Skip,
}

/// A case as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct CertifyCase {
    /// Its name in the contract.
    pub name: String,
    /// What became of it.
    pub result: CaseOutcome,
    /// The duty.
    pub expected: String,
    /// Status of the answer that decided; null: none came.
    pub status: Option<u16>,
    /// Until its last byte.
    pub latency_ms: u32,
    /// Its first bytes, masked; or what happened instead.
    pub body: String,
    /// What was seen, and why it matters.
    pub why: Bilingual,
    /// How to mend it; empty where nothing is to be mended.
    pub fix: Bilingual,
    /// The request that decided, masked.
    pub sent: String,
}

/// How a run compares with the one before it of the same URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct CertifyCompared {
    /// When the earlier one ended.
    pub since: String,
    /// Cases that come out better now.
    pub better: Vec<String>,
    /// Cases that come out worse now.
    pub worse: Vec<String>,
}

/// An examination of before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct CertifyPast {
    /// Its end; Beijing time.
    pub at: String,
    /// What was examined.
    pub url: String,
    /// Cases.
    pub passed: u32,
    /// Cases.
    pub failed: u32,
    /// Cases.
    pub warned: u32,
    /// Cases.
    pub skipped: u32,
}

/// The newest 50 examinations, newest first.
///
/// # Errors
/// `CERTIFY_HISTORY_UNREADABLE`.
pub fn past(data_dir: &Path) -> Result<Vec<CertifyPast>, Problem> {
    let runs = guitai_certify::history::past(data_dir).map_err(|error| {
        let why = error.to_string();
        let (what, next) = (
            ("读不出以前的体检", "The earlier examinations can't be read"),
            ("检查数据目录的权限", "Check the rights of the data folder"),
        );
        problem("CERTIFY_HISTORY_UNREADABLE", what, Some((&why, &why)), next)
    })?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let shown = |run: guitai_certify::history::Past| CertifyPast {
        at: run.at,
        url: run.url,
        passed: count(run.passed),
        failed: count(run.failed),
        warned: count(run.warned),
        skipped: count(run.skipped),
    };
    Ok(runs.into_iter().take(50).map(shown).collect())
}

/// Where the examination stands.
#[derive(Debug, Clone, Default, Serialize, specta::Type)]
pub struct CertifyState {
    /// Counts up with each change.
    pub revision: u32,
    /// Under way.
    pub running: bool,
    /// It came to its end, and `cases` is its score card.
    pub finished: bool,
    /// What is or was examined.
    pub url: Option<String>,
    /// How many cases there are in all.
    pub total: u32,
    /// Those that are done, in the order in which they finished; in the contract's order at the end.
    pub cases: Vec<CertifyCase>,
    /// What the backend was seen to do by itself; not among the cases.
    pub outgoing: Vec<CertifyCase>,
    /// At the end: beside the run before.
    pub compared: Option<CertifyCompared>,
    /// Why no examination took place.
    pub problem: Option<Problem>,
}

/// How the score card is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// For programs.
    Json,
    /// One page for people.
    Html,
    /// JUnit, for CI.
    Xml,
}

/// The examination of this window.
pub struct Examination {
    state: Arc<watch::Sender<CertifyState>>,
    report: Arc<Mutex<Option<Report>>>,
    task: Mutex<Option<tauri::async_runtime::JoinHandle<()>>>,
    /// Counts up with each start and stop: what a stopped one still says is not heard.
    turn: Arc<AtomicU32>,
}

impl Default for Examination {
    fn default() -> Self {
        Examination {
            state: Arc::new(watch::Sender::new(CertifyState::default())),
            report: Arc::default(),
            task: Mutex::default(),
            turn: Arc::default(),
        }
    }
}

impl Examination {
    /// Starts one with the sandbox of `ready_line`; it is kept in `data_dir` beside the earlier ones.
    ///
    /// # Errors
    /// `CERTIFY_RUNNING`: there is one already. Everything else is told in the state.
    pub fn start(&self, ready_line: &serde_json::Value, input: CertifyInput, data_dir: &Path) -> Result<(), Problem> {
        let sandbox = SandboxAccess::deserialize(ready_line).map_err(|error| not_begun(&error.to_string()))?;
        let given = |text: Option<String>| text.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        let options = guitai_certify::Options {
            url: input.url.trim().to_owned(),
            sandbox,
            create_order: given(input.create_order),
            probe: given(input.probe),
            refund: None,
            pay_params: None,
            only: None,
            lost_wait: Duration::from_secs(input.lost_wait.unwrap_or(60).min(LOST_WAIT).into()),
            // A public address may be a live shop's: the window never examines one.
            i_know: false,
        };
        let mut begun = false;
        self.state.send_if_modified(|state| {
            if state.running {
                return false;
            }
            begun = true;
            *state = CertifyState {
                revision: state.revision.wrapping_add(1),
                running: true,
                url: Some(options.url.clone()),
                total: u32::try_from(guitai_certify::CASES.len()).unwrap_or_default(),
                ..CertifyState::default()
            };
            true
        });
        if !begun {
            return Err(running());
        }
        *lock(&self.report) = None;
        let mine = self.turn.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let (state, report, turn) = (self.state.clone(), self.report.clone(), self.turn.clone());
        let data_dir = data_dir.to_owned();
        let task = tauri::async_runtime::spawn(async move {
            let tell = Arc::new(move |with: &dyn Fn(&mut CertifyState)| {
                if turn.load(Ordering::Acquire) == mine {
                    change(&state, with);
                }
            });
            let heard = tell.clone();
            let progress = move |case: &CaseResult| {
                let is_outgoing = guitai_certify::OUTGOING.iter().any(|it| it.name == case.name);
                heard(&|state| {
                    if is_outgoing { &mut state.outgoing } else { &mut state.cases }.push(CertifyCase::of(case));
                });
            };
            match guitai_certify::run_watched(options, Arc::new(progress)).await {
                Ok(done) => {
                    let cases: Vec<CertifyCase> = done.cases.iter().map(CertifyCase::of).collect();
                    let outgoing: Vec<CertifyCase> = done.outgoing.iter().map(CertifyCase::of).collect();
                    // A run counts even where it can't be kept.
                    let compared = guitai_certify::history::keep(&data_dir, &done).ok().flatten();
                    let compared =
                        compared.map(|it| CertifyCompared { since: it.since, better: it.better, worse: it.worse });
                    *lock(&report) = Some(done);
                    tell(&|state| {
                        (state.cases, state.outgoing) = (cases.clone(), outgoing.clone());
                        (state.compared, state.running, state.finished) = (compared.clone(), false, true);
                    });
                }
                Err(error) => {
                    let problem = of_certify(&error);
                    tell(&|state| (state.problem, state.running) = (Some(problem.clone()), false));
                }
            }
        });
        *lock(&self.task) = Some(task);
        Ok(())
    }

    /// Ends what runs.
    pub fn stop(&self) {
        self.turn.fetch_add(1, Ordering::AcqRel);
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        if self.state.borrow().running {
            change(&self.state, |state| state.running = false);
        }
    }

    /// The state that comes after `seen`.
    pub async fn state(&self, seen: Option<u32>) -> CertifyState {
        let mut receiver = self.state.subscribe();
        let newer = receiver.wait_for(|state| Some(state.revision) != seen).await;
        newer.map(|state| state.clone()).unwrap_or_default()
    }

    /// Writes the last score card below `data_dir`.
    ///
    /// # Errors
    /// `NO_REPORT`, or the folder can't be written to.
    pub async fn save(&self, data_dir: &Path, kind: ReportKind) -> Result<String, Problem> {
        let (extension, text) = {
            let report = lock(&self.report);
            let report = report.as_ref().ok_or_else(no_report)?;
            match kind {
                ReportKind::Json => ("json", serde_json::to_string_pretty(report).unwrap_or_default()),
                ReportKind::Html => ("html", guitai_certify::html(report)),
                ReportKind::Xml => ("xml", guitai_certify::junit(report)),
            }
        };
        let folder = data_dir.join("reports");
        // `2026-11-24T10:34:56+08:00`, without what a file name can't have
        let at: String = beijing(Timestamp::now()).chars().take(19).filter(|c| !matches!(c, ':' | '-')).collect();
        let path = folder.join(format!("certify-{at}.{extension}"));
        let written = async {
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::write(&path, text).await
        };
        written.await.map_err(|error| not_written(&path, &error.to_string()))?;
        Ok(path.display().to_string())
    }
}

impl CertifyCase {
    fn of(case: &CaseResult) -> Self {
        let words = |text: &guitai_certify::Text| Bilingual { zh: text.zh.clone(), en: text.en.clone() };
        CertifyCase {
            name: case.name.to_owned(),
            result: match case.result {
                Outcome::Pass => CaseOutcome::Pass,
                Outcome::Fail => CaseOutcome::Fail,
                Outcome::Warn => CaseOutcome::Warn,
                Outcome::Skip => CaseOutcome::Skip,
            },
            expected: case.expected.clone(),
            status: case.got.status,
            latency_ms: u32::try_from(case.got.latency_ms).unwrap_or(u32::MAX),
            body: case.got.body.clone(),
            why: words(&case.why),
            fix: words(&case.fix),
            sent: case.sent.clone(),
        }
    }
}

fn change(state: &watch::Sender<CertifyState>, with: impl FnOnce(&mut CertifyState)) {
    state.send_modify(|state| {
        with(state);
        state.revision = state.revision.wrapping_add(1);
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn running() -> Problem {
    problem(
        "CERTIFY_RUNNING",
        ("体检正在进行", "An examination is under way"),
        None,
        ("等它结束，或先停止它", "Wait for its end, or stop it first"),
    )
}

fn not_begun(why: &str) -> Problem {
    problem(
        "CERTIFY_SANDBOX",
        ("沙箱无法用于体检", "The sandbox can't be used for the examination"),
        Some((why, why)),
        ("重新打开窗口后再试", "Open the window again and try again"),
    )
}

fn no_report() -> Problem {
    problem(
        "NO_REPORT",
        ("还没有体检报告", "There is no score card yet"),
        None,
        ("先完成一次体检", "Run an examination to its end first"),
    )
}

fn not_written(path: &Path, why: &str) -> Problem {
    let (zh, en) = (format!("{}：{why}", path.display()), format!("{}: {why}", path.display()));
    problem(
        "REPORT_NOT_WRITTEN",
        ("报告没有写成", "The score card could not be written"),
        Some((&zh, &en)),
        ("检查磁盘空间和数据目录的权限", "Look at the disk's free space and the data folder's permissions"),
    )
}

fn of_certify(error: &CertifyError) -> Problem {
    let why = error.to_string();
    let (message, hint) = match error {
        CertifyError::BadUrl(_) => (
            ("这不是回调地址", "This is no callback URL"),
            ("写完整地址，如 http://127.0.0.1:8080/notify", "Give a whole URL, like http://127.0.0.1:8080/notify"),
        ),
        CertifyError::Unreachable(_) => (
            ("连不上后端", "The backend can't be reached"),
            ("先启动后端，并检查地址和端口", "Start the backend first, and check address and port"),
        ),
        CertifyError::LooksLive(_) => (
            ("这是公网地址，没有体检", "This is a public address; it was not examined"),
            (
                "体检会发送伪造和异常的通知，只检查本机或内网的后端；确有需要时用命令 guitai certify --i-know",
                "The examination sends forged and odd notifications: examine a backend on this machine or network; if you must, use guitai certify --i-know",
            ),
        ),
        CertifyError::UnknownCase(..) | CertifyError::Sandbox(_) => (
            ("体检没有开始", "The examination didn't begin"),
            ("重新打开窗口后再试", "Open the window again and try again"),
        ),
    };
    problem("CERTIFY_NOT_RUN", message, Some((&why, &why)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ready_line() -> serde_json::Value {
        let text = "x";
        json!({
            "base_url": "http://127.0.0.1:1", "mchid": text, "appid": text, "appsecret": text, "api_v3_key": text,
            "merchant_serial_no": text, "merchant_private_key": text, "platform_serial_no": text,
            "platform_private_key": text, "public_key_id": text, "public_key_private_key": text,
        })
    }

    fn of(url: &str) -> CertifyInput {
        CertifyInput { url: url.to_owned(), create_order: None, probe: None, lost_wait: None }
    }

    async fn ended(examination: &Examination) -> CertifyState {
        let mut state = examination.state(None).await;
        while state.running {
            state = examination.state(Some(state.revision)).await;
        }
        state
    }

    #[tokio::test]
    async fn what_can_not_be_examined_is_said_and_leaves_nothing_to_save() {
        let examination = Examination::default();
        for url in ["", "nowhere", "ftp://127.0.0.1/", "https://example.com/notify"] {
            examination.start(&ready_line(), of(url), &std::env::temp_dir()).expect("none runs");
            let state = ended(&examination).await;
            assert_eq!(state.problem.map(|it| it.code).as_deref(), Some("CERTIFY_NOT_RUN"), "{url}");
            assert!(!state.finished && state.cases.is_empty());
        }
        let folder = std::env::temp_dir();
        let refused = examination.save(&folder, ReportKind::Html).await.expect_err("nothing to save");
        assert_eq!(refused.code, "NO_REPORT");
        let refused = examination.start(&json!({}), of("http://127.0.0.1/"), &folder).expect_err("no ready line");
        assert_eq!(refused.code, "CERTIFY_SANDBOX");
    }

    #[tokio::test]
    async fn a_stopped_one_is_over_and_another_can_begin() {
        let examination = Examination::default();
        examination.start(&ready_line(), of("http://127.0.0.1:1/"), &std::env::temp_dir()).expect("none runs");
        examination.stop();
        assert!(!examination.state(None).await.running);
        examination.start(&ready_line(), of("nowhere"), &std::env::temp_dir()).expect("none runs any more");
        assert!(ended(&examination).await.problem.is_some());
    }
}
