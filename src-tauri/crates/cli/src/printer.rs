//! Printing beside the work: a reader that is slow, or doesn't read at all, must not keep a serving command from
//! answering requests or from ending when it is asked to.

use crate::out::Out;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that wait for a slow reader; beyond that they are not printed, and that is told once at the end.
const WAITING: usize = 10_000;
/// Bytes that are enough for one write.
const AT_ONCE: usize = 32 * 1024;
/// How long the end waits for a reader to take what is left.
const LAST: Duration = Duration::from_secs(1);

/// A line ends with a newline, as [`Out::text`] sees to for the last one.
fn end(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// A thread that prints.
#[derive(Debug)]
pub struct Printer {
    out: Out,
    lines: SyncSender<String>,
    ended: Receiver<()>,
    missed: AtomicU64,
}

impl Printer {
    /// Starts it.
    pub fn start(out: &Out) -> Self {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (over, ended) = sync_channel(1);
        let printing = out.clone();
        std::thread::spawn(move || {
            while let Ok(mut text) = waiting.recv() {
                // what waits goes in one write: under load that is a call to the system for many lines
                while text.len() < AT_ONCE
                    && let Ok(next) = waiting.try_recv()
                {
                    end(&mut text);
                    text += &next;
                }
                printing.text(&text);
            }
            let _ = over.send(());
        });
        Printer { out: out.clone(), lines, ended, missed: AtomicU64::new(0) }
    }

    /// Prints a line (or several) when the reader takes it; never waits.
    pub fn print(&self, text: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(text) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets the reader take what is left, for a second at most.
    pub fn finish(self) {
        let Printer { out, lines, ended, missed } = self;
        drop(lines);
        let stuck = ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout);
        let missed = missed.into_inner();
        if stuck || missed > 0 {
            out.note(
                out.pick("有些行没有打印：标准输出没有人读。", "Some lines were not printed: nobody reads stdout."),
            );
        }
    }
}
