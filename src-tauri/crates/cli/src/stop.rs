//! The end of commands that go on: SIGINT and SIGTERM, told apart from a crash by exit status 0.

use crate::failure::Failure;
use crate::text::both;
use tokio::sync::watch;

/// Whether the process was asked to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Watches from now on, so call it before saying that anything is ready. A second request ends the process at once:
    /// somebody who asks twice doesn't want to wait for requests in flight.
    ///
    /// # Errors
    /// Where the system refuses to hand over signals.
    pub fn watch() -> Result<Self, Failure> {
        let (asked, stop) = watch::channel(false);
        let mut signals = Signals::new().map_err(|error| {
            Failure::refused(
                "NO_SIGNALS",
                both(format!("系统不允许接收信号：{error}"), format!("The system doesn't hand over signals: {error}")),
                both("请重试。", "Try again."),
            )
        })?;
        tokio::spawn(async move {
            signals.next().await;
            let _ = asked.send(true);
            signals.next().await;
            std::process::exit(130);
        });
        Ok(Stop(stop))
    }

    /// Was the process asked to end?
    pub fn was_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// For work that looks for itself whether it is to end.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Returns when the process was asked to end.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
