//! The tunnel that was opened in the window: its state as the frame and the settings show it, its newest output, and the
//! merchant's own `notify_url`, which is put back when the tunnel ends. The tunnel itself is the desk's.

use crate::problem::problem;
use guitai_console::wire::Problem;
use guitai_console::{Console, NotifyUrlReport, Tunnel, TunnelEvent, TunnelOptions};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// Lines of the log that are kept: the newest so many.
const LINES: usize = 200;
/// Proofs that may fail before a program that has just started counts as not reachable.
const GRACE: u32 = 3;
/// A storm of output is gathered for so long before the page is told again.
const PACE: Duration = Duration::from_millis(100);
/// Does the world reach the listener?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum TunnelCondition {
    /// Nobody wants one.
    #[default]
    Off,
    /// The program runs; no proof yet.
    Starting,
    /// A request from outside in came back to this desk.
    Up,
    /// The program runs, and what goes to its address doesn't come back here.
    Unreachable,
    /// The program ended and is started again soon.
    Restarting,
}

/// One line of the log.
#[derive(Debug, Clone, Serialize, specta::Type)]
pub struct TunnelLine {
    /// When, RFC 3339.
    pub at: String,
    /// What the program wrote; or what was started (`▸`) or ended (`■`).
    pub line: String,
}

/// Where the tunnel stands.
#[derive(Debug, Clone, Default, Serialize, specta::Type)]
pub struct TunnelState {
    /// Counts up with each change.
    pub revision: u32,
    /// The one word.
    pub condition: TunnelCondition,
    /// Whose callbacks it carries.
    pub merchant: Option<String>,
    /// The listener's port that it leads to.
    pub port: Option<u16>,
    /// What runs, as a shell would take it.
    pub command: Option<String>,
    /// The public address.
    pub public_url: Option<String>,
    /// The public address with the merchant's path.
    pub notify_url: Option<String>,
    /// Is that the merchant's `notify_url` now?
    pub notify_url_set: bool,
    /// The newest proof.
    pub report: Option<NotifyUrlReport>,
    /// When that was.
    pub checked_at: Option<String>,
    /// When the program is started again.
    pub again_at: Option<String>,
    /// The newest 200 lines, oldest first.
    pub log: Vec<TunnelLine>,
}

/// The tunnel of this window; one at a time.
pub struct Tunnelling {
    state: Arc<watch::Sender<TunnelState>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    console: Console,
    options: TunnelOptions,
    merchant: String,
    /// Gives the tunnel back when it is told to stop.
    follower: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Default for Tunnelling {
    fn default() -> Self {
        Tunnelling { state: Arc::new(watch::Sender::new(TunnelState::default())), running: Mutex::new(None) }
    }
}

impl Tunnelling {
    /// Opens a tunnel for the merchant to the listener at `options.port`, in place of one that is open.
    ///
    /// # Errors
    /// As [`Console::tunnel_start`]; then there is none.
    pub async fn start(&self, console: Console, m: Option<&str>, options: TunnelOptions) -> Result<(), Problem> {
        let mut running = self.running.lock().await;
        if let Some(before) = running.take() {
            self.end(before).await;
        }
        *running = Some(self.begin(console, m, options).await?);
        Ok(())
    }

    /// Ends the tunnel and puts the merchant's `notify_url` back.
    pub async fn stop(&self) {
        if let Some(running) = self.running.lock().await.take() {
            self.end(running).await;
        }
    }

    /// The listener stands elsewhere now: a tunnel that leads to where it was is opened anew.
    pub async fn follow_listener(&self, port: u16) {
        let mut running = self.running.lock().await;
        let Some(before) = running.take_if(|running| running.options.port != port) else { return };
        let (console, merchant) = (before.console.clone(), before.merchant.clone());
        let options = TunnelOptions { port, ..before.options.clone() };
        self.end(before).await;
        match self.begin(console, Some(&merchant), options).await {
            Ok(begun) => *running = Some(begun),
            Err(problem) => tracing::warn!(code = %problem.code, "the tunnel could not follow the listener"),
        }
    }

    /// The state that comes after `seen`.
    pub async fn state(&self, seen: Option<u32>) -> TunnelState {
        let mut receiver = self.state.subscribe();
        if seen == Some(receiver.borrow().revision) {
            let changed = receiver.wait_for(|state| Some(state.revision) != seen).await.is_ok();
            if changed {
                tokio::time::sleep(PACE).await;
            }
        }
        receiver.borrow().clone()
    }

    async fn begin(&self, console: Console, m: Option<&str>, options: TunnelOptions) -> Result<Running, Problem> {
        console.tunnel_put_back().await?;
        let merchant = console.merchant_show(m).await?;
        let options = TunnelOptions { for_now: true, ..options };
        let tunnel = console.tunnel_start(Some(&merchant.name), options.clone()).await?;
        let (port, name) = (options.port, merchant.name.clone());
        change(&self.state, |state| {
            *state = TunnelState {
                revision: state.revision,
                condition: TunnelCondition::Starting,
                merchant: Some(name),
                port: Some(port),
                ..TunnelState::default()
            };
        });
        let (stop, stopped) = watch::channel(false);
        let follower = tokio::spawn(follow(tunnel, self.state.clone(), stopped));
        Ok(Running { console, options, merchant: merchant.name, follower, stop })
    }

    async fn end(&self, running: Running) {
        running.stop.send_replace(true);
        let _ = running.follower.await;
        put_back(&running.console).await;
        change(&self.state, |state| {
            let log = std::mem::take(&mut state.log);
            *state = TunnelState { revision: state.revision, log, ..TunnelState::default() };
            say(state, "■".to_owned());
        });
    }
}

/// Puts the merchant's own `notify_url` back: after a tunnel, and after a window that was killed with one.
pub async fn put_back(console: &Console) {
    if let Err(problem) = console.tunnel_put_back().await {
        tracing::warn!(code = %problem.code, "the notify_url from before the tunnel could not be put back; it is still kept");
    }
}

async fn follow(mut tunnel: Tunnel, state: Arc<watch::Sender<TunnelState>>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        let event = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            event = tunnel.next() => event,
        };
        let Some(event) = event else { break };
        change(&state, |state| take(state, event, &mut failures));
    }
    tunnel.stop().await;
}

/// What a piece of news makes of the state.
fn take(state: &mut TunnelState, event: TunnelEvent, failures: &mut u32) {
    match event {
        TunnelEvent::Started { command } => {
            *failures = 0;
            say(state, format!("▸ {command}"));
            state.condition = TunnelCondition::Starting;
            (state.command, state.again_at) = (Some(command), None);
            (state.report, state.checked_at) = (None, None);
        }
        TunnelEvent::Log { line } => say(state, line),
        TunnelEvent::Address { public_url, notify_url, notify_url_set } => {
            (state.public_url, state.notify_url) = (Some(public_url), Some(notify_url));
            state.notify_url_set = notify_url_set;
        }
        TunnelEvent::Checked { report } => {
            *failures = if report.proved { 0 } else { failures.saturating_add(1) };
            state.condition = match state.condition {
                _ if report.proved => TunnelCondition::Up,
                TunnelCondition::Starting if *failures < GRACE => TunnelCondition::Starting,
                _ => TunnelCondition::Unreachable,
            };
            (state.report, state.checked_at) = (Some(report), Some(now(0)));
        }
        TunnelEvent::Ended { status, again_in } => {
            let status = status.map_or_else(String::new, |status| format!(" {status}"));
            say(state, format!("■{status}"));
            state.condition = TunnelCondition::Restarting;
            state.again_at = Some(now(again_in));
        }
    }
}

fn say(state: &mut TunnelState, line: String) {
    if state.log.len() >= LINES {
        state.log.remove(0);
    }
    state.log.push(TunnelLine { at: now(0), line });
}

/// So many seconds from now.
fn now(after: u64) -> String {
    let after = jiff::SignedDuration::from_secs(i64::try_from(after).unwrap_or(0));
    wechatpay::time::beijing(jiff::Timestamp::now() + after)
}

fn change(state: &watch::Sender<TunnelState>, with: impl FnOnce(&mut TunnelState)) {
    state.send_modify(|state| {
        with(state);
        state.revision = state.revision.wrapping_add(1);
    });
}

/// A tunnel leads to the listener; there is none.
pub(crate) fn listener_off() -> Problem {
    problem(
        "LISTENER_OFF",
        ("监听没有运行，隧道没有地方可通。", "The listener doesn't run; a tunnel would lead nowhere."),
        None,
        ("先启动监听，再启动隧道。", "Start the listener, then the tunnel."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use TunnelCondition::{Off, Restarting, Starting, Unreachable, Up};

    fn report(proved: bool) -> TunnelEvent {
        TunnelEvent::Checked {
            report: NotifyUrlReport {
                notify_url: "https://pay.shop.example/notify/shop".to_owned(),
                proved,
                latency_ms: proved.then_some(123),
                status: proved.then_some(200),
                findings: Vec::new(),
            },
        }
    }

    fn started() -> TunnelEvent {
        TunnelEvent::Started { command: "cloudflared tunnel".to_owned() }
    }

    #[test]
    fn what_the_lamp_shows_after_each_piece_of_news() {
        let ended = || TunnelEvent::Ended { status: Some(3), again_in: 2 };
        let line = || TunnelEvent::Log { line: "hello".to_owned() };
        let (mut state, mut failures) = (TunnelState::default(), 0);
        assert_eq!(state.condition, Off);
        for (event, condition) in [
            (started(), Starting),
            (line(), Starting),
            // a name that was made just now isn't known everywhere yet
            (report(false), Starting),
            (report(false), Starting),
            (report(false), Unreachable),
            (report(true), Up),
            (line(), Up),
            (report(false), Unreachable),
            (report(true), Up),
            (ended(), Restarting),
            (started(), Starting),
            (report(false), Starting),
            (report(true), Up),
        ] {
            let told = format!("{event:?}");
            take(&mut state, event, &mut failures);
            assert_eq!(state.condition, condition, "{told}");
            assert_eq!(state.again_at.is_some(), condition == Restarting, "{told}");
            // nothing proves a program that was only just started
            assert!(condition != Starting || !told.starts_with("Started") || state.report.is_none(), "{told}");
        }
    }

    #[test]
    fn the_log_keeps_its_newest_lines() {
        let (mut state, mut failures) = (TunnelState::default(), 0);
        for number in 0..LINES + 5 {
            take(&mut state, TunnelEvent::Log { line: number.to_string() }, &mut failures);
        }
        assert_eq!(state.log.len(), LINES);
        assert_eq!(state.log.first().map(|line| line.line.as_str()), Some("5"));
    }
}
