//! The tunnel that callbacks come through: a program of the user's is started, its output read for the public address, the
//! address proved from outside in and written into the merchant's `notify_url`; when the program ends it is started again
//! with growing gaps.
//!
//! `preset` is which programs there are, `proof` the request from outside in, `lent` the merchant's own address meanwhile.
//! What arrives through the tunnel is the listener's; nothing here trusts it.

mod lent;
mod preset;
mod proof;

pub use preset::{TunnelOptions, TunnelPreset};
pub(crate) use proof::PROBE;
pub use proof::{NotifyUrlFinding, NotifyUrlReport};

use crate::console::Console;
use crate::listener::NOTIFY;
use crate::problem;
use crate::visible;
use crate::wire::Problem;
use preset::CommandLine;
use serde::Serialize;
use specta::Type;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

/// Seconds before the program is started again; the last one goes on.
const GAPS: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// A program that ran for so long was well: the gaps begin anew.
const WELL: Duration = Duration::from_secs(60);
/// Seconds between one proof and the next while none has come, and while the tunnel stands.
const PROVE_AGAIN: [u64; 7] = [0, 1, 1, 2, 3, 5, 10];
const PROVE_EVERY: Duration = Duration::from_secs(60);
/// How long the output of a program that ended is waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Characters of a line of output that are kept.
const LINE: usize = 400;
/// Lines and news that may wait for a slow reader; then the program's output waits.
const WAITING: usize = 256;

/// What a tunnel tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TunnelEvent {
    /// The program was started.
    Started {
        /// What was started, as a shell would take it.
        command: String,
    },
    /// It wrote a line.
    Log {
        /// At most 400 characters; control characters made visible.
        line: String,
    },
    /// The public address is known; the merchant's orders use it from now on unless that was refused.
    Address {
        /// Without a path of ours.
        public_url: String,
        /// The address with the merchant's path.
        notify_url: String,
        /// Does the merchant have it now?
        notify_url_set: bool,
    },
    /// A request went out to the public address and came back here, or what became of it.
    Checked {
        /// The findings.
        report: NotifyUrlReport,
    },
    /// The program ended.
    Ended {
        /// Its exit status, where it has one.
        status: Option<i32>,
        /// Seconds until it is started again.
        again_in: u64,
    },
}

/// A tunnel that runs until it is stopped.
#[derive(Debug)]
pub struct Tunnel {
    events: Receiver<TunnelEvent>,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// The next news; `None` once it was stopped. Whoever holds a tunnel reads: its program's output waits otherwise.
    pub async fn next(&mut self) -> Option<TunnelEvent> {
        self.events.recv().await
    }

    /// Ends the program and doesn't start it again.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Console {
    /// Opens a tunnel to the listener for a merchant and keeps it open. The listener is started by itself.
    ///
    /// # Errors
    /// `INVALID_FIELD` for what the preset lacks; `TUNNEL_PROGRAM_MISSING` where the program isn't installed;
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`.
    pub async fn tunnel_start(&self, m: Option<&str>, options: TunnelOptions) -> Result<Tunnel, Problem> {
        let merchant = self.merchant_show(m).await?.name;
        let line = options.command_line()?;
        let given = options.given_address()?;
        // the first start is tried here, so that a program that isn't there is an error and not a log line
        let child = line.start()?;
        let (news, events) = mpsc::channel(WAITING);
        let keeper = Keeper { console: self.clone(), merchant, options, line, given, news };
        let task = tokio::spawn(keeper.keep(child));
        Ok(Tunnel { events, task })
    }
}

impl CommandLine {
    fn start(&self) -> Result<Child, Problem> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command.spawn().map_err(|error| {
            let program = self.program.to_string_lossy().into_owned();
            problem::new(
                "TUNNEL_PROGRAM_MISSING",
                format!("无法启动 {program}。"),
                format!("{program} can't be started."),
                format!("安装 {program} 并确认它在 PATH 里，或换一种隧道。"),
                format!("Install {program} so that it is on the PATH, or use another tunnel."),
            )
            .with_why(format!("系统返回：{error}"), format!("The system says: {error}"))
        })
    }

    fn text(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        let quoted = words.map(|word| {
            let word = word.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
            if word.chars().all(plain) { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
        });
        visible(&quoted.collect::<Vec<_>>().join(" "), LINE)
    }
}

/// Keeps one tunnel open.
struct Keeper {
    console: Console,
    merchant: String,
    options: TunnelOptions,
    line: CommandLine,
    given: Option<String>,
    news: Sender<TunnelEvent>,
}

impl Keeper {
    async fn keep(self, first: Child) {
        let (mut child, mut failures) = (Some(first), 0_usize);
        loop {
            let began = Instant::now();
            let status = match child.take() {
                Some(running) => self.run(running).await,
                None => match self.line.start() {
                    Ok(running) => self.run(running).await,
                    Err(problem) => {
                        self.tell(TunnelEvent::Log { line: problem.message.en }).await;
                        None
                    }
                },
            };
            failures = if began.elapsed() >= WELL { 0 } else { failures.saturating_add(1) };
            let again_in = GAPS.get(failures.saturating_sub(1)).or(GAPS.last()).copied().unwrap_or(60);
            self.tell(TunnelEvent::Ended { status, again_in }).await;
            tokio::time::sleep(Duration::from_secs(again_in)).await;
        }
    }

    /// Until the program ends; its exit status.
    async fn run(&self, mut child: Child) -> Option<i32> {
        self.tell(TunnelEvent::Started { command: self.line.text() }).await;
        let (lines, mut said) = mpsc::channel::<String>(WAITING);
        let readers = [
            child.stdout.take().map(|out| tokio::spawn(read(out, lines.clone()))),
            child.stderr.take().map(|out| tokio::spawn(read(out, lines.clone()))),
        ];
        drop(lines);
        let mut address = None;
        if let Some(given) = self.given.clone() {
            address = Some(self.found(given).await);
        }
        let mut checks = 0_usize;
        let mut due = address.is_some().then(Instant::now);
        let status = loop {
            let wait = due.map(|at| at.saturating_duration_since(Instant::now()));
            tokio::select! {
                ended = child.wait() => break ended.ok().and_then(|status| status.code()),
                line = said.recv() => {
                    let Some(line) = line else { break child.wait().await.ok().and_then(|status| status.code()) };
                    let found = self.options.address_in(&line).filter(|found| self.given.is_none() && address.as_deref() != Some(found));
                    self.tell(TunnelEvent::Log { line: visible(&line, LINE) }).await;
                    if let Some(found) = found {
                        address = Some(self.found(found).await);
                        (checks, due) = (0, Some(Instant::now()));
                    }
                }
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    let proved = self.prove(address.as_deref().unwrap_or_default()).await;
                    checks = if proved { PROVE_AGAIN.len() } else { checks.saturating_add(1) };
                    let gap = PROVE_AGAIN.get(checks).map_or(PROVE_EVERY, |seconds| Duration::from_secs(*seconds));
                    due = Some(Instant::now() + gap);
                }
            }
        };
        // what it said last is usually why it ended; a child of its own may hold the output open, and is not waited for
        while let Ok(Some(line)) = tokio::time::timeout(LAST_WORDS, said.recv()).await {
            self.tell(TunnelEvent::Log { line: visible(&line, LINE) }).await;
        }
        for reader in readers.into_iter().flatten() {
            reader.abort();
        }
        status
    }

    /// The address is known: the merchant gets it.
    async fn found(&self, public_url: String) -> String {
        let notify_url = format!("{public_url}{NOTIFY}{}", self.merchant);
        let mut notify_url_set = false;
        if !self.options.keep_notify_url {
            match self.console.tunnel_address(&self.merchant, &notify_url, self.options.for_now).await {
                Ok(()) => notify_url_set = true,
                Err(problem) => self.tell(TunnelEvent::Log { line: problem.message.en }).await,
            }
        }
        self.tell(TunnelEvent::Address { public_url: public_url.clone(), notify_url, notify_url_set }).await;
        public_url
    }

    async fn prove(&self, public_url: &str) -> bool {
        let url = format!("{public_url}{NOTIFY}{}", self.merchant);
        let root = self.options.ca_certificate.as_deref();
        match self.console.notify_url_check(Some(&self.merchant), Some(&url), root).await {
            Ok(report) => {
                let proved = report.proved;
                self.tell(TunnelEvent::Checked { report }).await;
                proved
            }
            Err(problem) => {
                self.tell(TunnelEvent::Log { line: problem.message.en }).await;
                false
            }
        }
    }

    async fn tell(&self, event: TunnelEvent) {
        let _ = self.news.send(event).await;
    }
}

/// The lines of an output, cut where they are endless, until it ends.
async fn read(output: impl AsyncRead + Unpin, lines: Sender<String>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        let Ok(waiting) = reader.fill_buf().await else { return };
        if waiting.is_empty() {
            break;
        }
        let end = waiting.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(waiting.len());
        let room = (LINE * 4).saturating_sub(line.len());
        line.extend(waiting.iter().take(taken.min(room)));
        let consumed = end.map_or(taken, |at| at.saturating_add(1));
        reader.consume(consumed);
        if end.is_some() && !send(&mut line, &lines).await {
            return;
        }
    }
    let _ = send(&mut line, &lines).await;
}

async fn send(line: &mut Vec<u8>, lines: &Sender<String>) -> bool {
    let text = String::from_utf8_lossy(line).trim().to_owned();
    line.clear();
    text.is_empty() || lines.send(text).await.is_ok()
}
