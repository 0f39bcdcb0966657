//! The commands of the examiner's own that make a backend act: run through the shell, 30 s each.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(30);
/// A command that timed out so often, and never did well, is not run again: a run would take minutes for nothing.
const PATIENCE: u32 = 3;

/// One command.
pub(crate) struct Hook {
    command: String,
    limit: Duration,
    /// Time-outs since it last did well.
    timed_out: AtomicU32,
}

impl Hook {
    pub(crate) fn new(command: String) -> Hook {
        Hook { command, limit: LIMIT, timed_out: AtomicU32::new(0) }
    }

    /// What it prints; an error says why there is nothing.
    pub(crate) async fn run(&self, out_trade_no: Option<&str>) -> Result<String, String> {
        if self.timed_out.load(Ordering::Acquire) >= PATIENCE {
            return Err(format!("took longer than {} s {PATIENCE} times; not run again", self.limit.as_secs()));
        }
        let mut shell = if cfg!(windows) {
            let mut shell = Command::new("cmd");
            shell.arg("/C");
            shell
        } else {
            let mut shell = Command::new("sh");
            shell.arg("-c");
            shell
        };
        shell.arg(&self.command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A group of its own, so that what the shell started can be ended with it.
        #[cfg(unix)]
        shell.process_group(0);
        if let Some(number) = out_trade_no {
            shell.env("OUT_TRADE_NO", number);
        }
        let child = shell.spawn().map_err(|e| e.to_string())?;
        let group = child.id();
        let Ok(done) = tokio::time::timeout(self.limit, child.wait_with_output()).await else {
            self.timed_out.fetch_add(1, Ordering::AcqRel);
            end(group).await;
            return Err(format!("took longer than {} s", self.limit.as_secs()));
        };
        self.timed_out.store(0, Ordering::Release);
        let done = done.map_err(|e| e.to_string())?;
        if !done.status.success() {
            let said: String = String::from_utf8_lossy(&done.stderr).chars().take(300).collect();
            return Err(format!("{} {}", done.status, said.trim()));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// Ends what the shell started too; the shell itself is ended when it is dropped.
async fn end(group: Option<u32>) {
    if let (true, Some(group)) = (cfg!(unix), group) {
        let kill = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
        // What has ended by itself can't be ended: no fault.
        let _ = kill.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(command: &str, limit: Duration) -> Hook {
        Hook { limit, ..Hook::new(command.to_owned()) }
    }

    #[tokio::test]
    async fn what_it_prints_or_why_there_is_nothing() {
        for (command, wanted) in [
            ("echo \"a $OUT_TRADE_NO\"", Ok("a N1\n")),
            ("echo no >&2; exit 3", Err("3 no")),
            ("/nowhere/at/all", Err("127")),
        ] {
            match (hook(command, LIMIT).run(Some("N1")).await, wanted) {
                (Ok(said), Ok(wanted)) => assert_eq!(said, wanted),
                (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
                (got, _) => panic!("{command}: {got:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up() {
        let hook = hook("sleep 60; echo late", Duration::from_millis(20));
        for _ in 0..PATIENCE {
            assert!(hook.run(None).await.is_err_and(|why| !why.contains("again")));
        }
        assert!(hook.run(None).await.is_err_and(|why| why.contains("not run again")));
    }
}
