//! The one thread that writes: takes what waits, one transaction, one commit, then all the replies.
//!
//! No timer makes batches: they form by themselves while the last commit's sync runs. What nobody waits for (the words of
//! deliveries, a checkpoint) is done when it is quiet.

use super::ballast::Ballast;
use super::{StoreError, Tx, View};
use crate::health::{CommitCounts, Commits};
use rusqlite::{Connection, TransactionBehavior};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait. One more gets [`StoreError::Busy`], which a callback's sender hears as 503.
const QUEUE: usize = 8_192;
/// Jobs in one commit at most.
const BATCH: usize = 512;
/// Nothing written for this long: a good moment for a checkpoint.
const IDLE: Duration = Duration::from_millis(250);
/// Written without a pause for this long: checkpoint all the same.
const OVERDUE: Duration = Duration::from_secs(3);
/// Deliveries whose words are indexed in one commit: what a job that comes meanwhile waits for.
const WORDS: usize = 128;

/// The handle on the writer thread.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    counters: Arc<Commits>,
}

enum Message {
    Job(Box<dyn Job>),
    /// Nothing was written for a while; dropped when what then is to be done is done.
    Quiet(std_mpsc::Sender<()>),
    Stop,
}

/// One caller's work, with the place where its answer goes.
trait Job: Send {
    /// Has the caller gone away?
    fn abandoned(&self) -> bool;
    /// When it was asked for.
    fn since(&self) -> Instant;
    /// Runs it; true: release the savepoint, false: roll it back.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Tells the caller: what the job returned, or why it couldn't be kept.
    fn reply(self: Box<Self>, kept: Result<(), StoreError>);
}

struct Call<F, T, E> {
    job: F,
    answer: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
    since: Instant,
}

impl<F, T, E> Job for Call<F, T, E>
where
    F: FnMut(&Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn run(&mut self, tx: &Tx<'_>) -> bool {
        // One caller's panic is that caller's failure, never the writer's end.
        let answer = catch_unwind(AssertUnwindSafe(|| (self.job)(tx)))
            .unwrap_or_else(|_| Err(E::from(StoreError::Other("a job panicked".to_owned()))));
        let good = answer.is_ok();
        self.answer = Some(answer);
        good
    }

    fn reply(self: Box<Self>, kept: Result<(), StoreError>) {
        let answer = match (kept, self.answer) {
            // a job's own refusal stands, whatever became of the others' commit
            (_, Some(Err(refusal))) => Err(refusal),
            (Err(error), _) => Err(E::from(error)),
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(E::from(StoreError::Closed)),
        };
        let _ = self.reply.send(answer);
    }
}

impl Writer {
    /// Starts the writer on `connection` and the checkpointer on `checkpoints`.
    pub(super) fn start(
        connection: Connection,
        checkpoints: Connection,
        ballast: Ballast,
    ) -> Result<Writer, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (wrote, notice) = std_mpsc::channel();
        // what the last process had no time for; where there is nothing, a command that only reads moves no log either
        if (View { conn: &connection }).callback_words_wait().unwrap_or(false) {
            let _ = wrote.send(());
        }
        // weak: whoever drops the writer ends both threads
        let quiet = queue.downgrade();
        let counters = Arc::new(Commits::default());
        let counting = counters.clone();
        let failed = |error: std::io::Error| StoreError::Other(error.to_string());
        let spare = ballast.clone();
        let checkpointer = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint(&checkpoints, &notice, &quiet, &spare))
            .map_err(failed)?;
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(connection, jobs, &wrote, &ballast, &counting))
            .map_err(failed)?;
        Ok(Writer { queue, threads: Mutex::new(vec![writer, checkpointer]), counters })
    }

    pub(super) async fn write<T, E>(&self, job: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Call { job, answer: None, reply, since: Instant::now() });
        self.queue.try_send(Message::Job(call)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => E::from(StoreError::Busy),
            mpsc::error::TrySendError::Closed(_) => E::from(StoreError::Closed),
        })?;
        answer.await.unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// What was committed, and what waits.
    pub(super) fn counts(&self) -> CommitCounts {
        self.counters.counts(QUEUE.saturating_sub(self.queue.capacity()))
    }

    /// How many more jobs the queue takes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.queue.capacity()
    }

    /// Finishes what waits and ends both threads. Blocks.
    pub(super) fn stop(&self) {
        let _ = self.queue.blocking_send(Message::Stop);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Message>,
    wrote: &std_mpsc::Sender<()>,
    ballast: &Ballast,
    counters: &Commits,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = jobs.blocking_recv() {
        let (mut next, mut quiet) = (Some(first), None);
        while let Some(message) = next {
            match message {
                Message::Job(job) => {
                    if !job.abandoned() {
                        batch.push(job);
                    }
                }
                Message::Quiet(done) => quiet = Some(done),
                // what was sent before the stop is still taken; later senders hear "closed"
                Message::Stop => jobs.close(),
            }
            next = if batch.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        if !batch.is_empty() {
            counters.writing(batch.first().map(|job| job.since()));
            commit_batch(&mut connection, &mut batch, ballast, counters);
            counters.writing(None);
            let _ = wrote.send(());
        }
        if let Some(done) = quiet {
            while follow(&mut connection) && jobs.is_empty() && !jobs.is_closed() {}
            drop(done);
        }
    }
}

/// Indexes words that wait for it; are there more? What goes wrong, a panic too, puts it off: the search reads those
/// deliveries themselves, and the writer goes on.
fn follow(connection: &mut Connection) -> bool {
    let piece = |connection: &mut Connection| -> Result<bool, StoreError> {
        if !(View { conn: connection }).callback_words_wait()? {
            return Ok(false);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let more = Tx { view: View { conn: &transaction } }.callback_words_follow(WORDS)?;
        transaction.commit()?;
        Ok(more)
    };
    match catch_unwind(AssertUnwindSafe(|| piece(connection))) {
        Ok(Ok(more)) => more,
        Ok(Err(error)) => {
            tracing::debug!(%error, "words put off");
            false
        }
        Err(_) => {
            tracing::error!("indexing the words of deliveries panicked; they wait");
            false
        }
    }
}

/// One commit for all; if that fails, each once alone, so that one bad disk page or moment costs as few as possible.
fn commit_batch(connection: &mut Connection, batch: &mut Vec<Box<dyn Job>>, ballast: &Ballast, counters: &Commits) {
    let mut kept = transact(connection, batch, counters);
    if matches!(kept, Err(StoreError::DiskFull)) && ballast.give_back() {
        tracing::error!("the disk is full: the ballast beside the store was given back, make room soon");
        kept = transact(connection, batch, counters);
    }
    match kept {
        Ok(()) => batch.drain(..).for_each(|job| job.reply(Ok(()))),
        // The lock was waited for already; waiting again for each job would hold up everybody behind them.
        Err(error @ StoreError::Locked) => batch.drain(..).for_each(|job| job.reply(Err(error.clone()))),
        Err(error) => {
            counters.failed();
            tracing::warn!(%error, jobs = batch.len(), "a commit failed; trying each job alone");
            for job in batch.drain(..) {
                let mut alone = [job];
                let kept = transact(connection, &mut alone, counters);
                let [job] = alone;
                job.reply(kept);
            }
        }
    }
}

fn transact(connection: &mut Connection, jobs: &mut [Box<dyn Job>], counters: &Commits) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs.iter_mut() {
        transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
        let good = job.run(&Tx { view: View { conn: &transaction } });
        // A full disk or an I/O error takes the whole transaction with it.
        if transaction.is_autocommit() {
            return Err(StoreError::DiskFull);
        }
        if !good {
            transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        transaction.prepare_cached("RELEASE job")?.execute([])?;
    }
    let began = Instant::now();
    transaction.commit()?;
    counters.committed(jobs.len(), began.elapsed());
    Ok(())
}

fn checkpoint(
    connection: &Connection,
    notice: &std_mpsc::Receiver<()>,
    queue: &mpsc::WeakSender<Message>,
    ballast: &Ballast,
) {
    while notice.recv().is_ok() {
        let since = Instant::now();
        while since.elapsed() < OVERDUE && notice.recv_timeout(IDLE).is_ok() {}
        // the words first, so that one checkpoint is for both; it is full: there is no quiet
        let (done, ended) = std_mpsc::channel();
        let asked = queue.upgrade().is_some_and(|queue| queue.try_send(Message::Quiet(done)).is_ok());
        if asked {
            let _ = ended.recv();
        }
        // PASSIVE never waits for a reader and never makes a writer wait
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::debug!(%error, "checkpoint put off");
        }
        ballast.take();
    }
}
