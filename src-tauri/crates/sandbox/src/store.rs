//! What outlives a kill: the ledger's entries as JSON documents in one SQLite table, written by one thread that commits in
//! groups. The ledger itself is in memory; this file knows nothing of what an entry means.
//!
//! A commit costs the processor about as much as a signature, however many writes are in it. So a write that comes while all
//! processors are busy signing is not committed at once but with all others that came until somebody waits for one of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::oneshot;

use crate::clock::Pace;

/// Writes that may wait. The door's connection limit keeps it far from full.
const QUEUE: usize = 8_192;
/// Writes in one commit at most.
const BATCH: usize = 512;
/// The form of the file; a higher number was written by a newer version.
const VERSION: i64 = 2;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Order = 1,
    Refund = 2,
    Combined = 3,
    Notice = 4,
}

/// One change of the file.
#[derive(Debug)]
pub(crate) enum Row {
    /// The entry is now this. `seq` says which: no two entries of whatever kind have the same.
    Put { kind: Kind, seq: u64, doc: String },
    /// The entry is no more.
    Forget { seq: u64 },
    /// No entry is any more.
    Clear,
    /// How business time goes.
    Pace(Pace),
    /// The switches, as JSON.
    Switches(String),
}

/// What a start finds.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Entries in the order in which they were made.
    pub(crate) entries: Vec<(i64, u64, String)>,
    pub(crate) pace: Option<Pace>,
    pub(crate) switches: Option<String>,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's own words.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: rusqlite::Error,
    },
    /// Written by a newer version.
    #[error("{path} was written by a newer version (form {found}; this one knows {VERSION})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: i64,
    },
    /// No thread.
    #[error("no thread for the store: {0}")]
    Thread(std::io::Error),
}

/// A write was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotKept;

/// When the commit of a write begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// As soon as the one before it is done.
    AtOnce,
    /// When this or another write is waited for, or given up: until then more may join.
    WhenAwaited,
}

struct Job {
    rows: Vec<Row>,
    done: oneshot::Sender<Result<(), NotKept>>,
}

/// What waits for the writer.
#[derive(Default)]
struct Line {
    jobs: Vec<Job>,
    /// Jobs that the writer took so far.
    taken: u64,
    /// Somebody waits for one of the jobs.
    wanted: bool,
    /// The writer sleeps and has to be woken.
    asleep: bool,
    /// Nothing more comes.
    closed: bool,
    /// The writer is no more.
    gone: bool,
}

#[derive(Default)]
struct Shared {
    line: Mutex<Line>,
    bell: Condvar,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics under this lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut line: MutexGuard<'_, Line>) {
        if std::mem::take(&mut line.asleep) {
            drop(line);
            self.bell.notify_one();
        }
    }

    /// The next group to commit; `None` after the end.
    fn next(&self) -> Option<Vec<Job>> {
        let mut line = self.line();
        while !line.closed && (line.jobs.is_empty() || !line.wanted) {
            line.asleep = true;
            line = self.bell.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        let most = line.jobs.len().min(BATCH);
        let batch: Vec<Job> = line.jobs.drain(..most).collect();
        line.taken += most as u64;
        line.wanted = !line.jobs.is_empty();
        Some(batch).filter(|batch| !batch.is_empty())
    }
}

/// The door to the writer thread.
pub(crate) struct Store {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// Resolves after the commit.
pub(crate) struct Commit(Option<Awaited>);

struct Awaited {
    shared: Arc<Shared>,
    /// Which job it is, counted from the first.
    number: u64,
    done: oneshot::Receiver<Result<(), NotKept>>,
}

impl Awaited {
    /// The commit is to begin.
    fn ask(&self) {
        let mut line = self.shared.line();
        if self.number >= line.taken && !line.wanted {
            line.wanted = true;
            self.shared.wake(line);
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // What nobody waits for is kept all the same, and now.
        self.ask();
    }
}

impl Commit {
    /// Both, of which the later one was handed in after this one: the writer keeps the order.
    pub(crate) fn and(self, later: Commit) -> Commit {
        if later.0.is_some() { later } else { self }
    }

    /// Waits for the disk.
    pub(crate) async fn wait(self) -> Result<(), NotKept> {
        let Some(mut awaited) = self.0 else { return Ok(()) };
        awaited.ask();
        (&mut awaited.done).await.unwrap_or(Err(NotKept))
    }
}

impl Store {
    /// Opens the file, reads what is in it, starts the writer.
    pub(crate) fn open(path: &Path) -> Result<(Store, Kept), StoreError> {
        let at = |error| StoreError::Sqlite { path: path.to_owned(), error };
        let mut connection = Connection::open(path).map_err(at)?;
        #[cfg(unix)]
        if let Err(error) = std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)) {
            tracing::warn!(%error, "the sandbox's store stays readable to others");
        }
        let found: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(at)?;
        if found > VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found });
        }
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA wal_autocheckpoint=4000;",
            )
            .map_err(at)?;
        form(&mut connection, found).map_err(at)?;
        let kept = read(&connection).map_err(at)?;
        let shared = Arc::new(Shared::default());
        let jobs = shared.clone();
        let writer = std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || serve(connection, &jobs))
            .map_err(StoreError::Thread)?;
        Ok((Store { shared, writer: Some(writer) }, kept))
    }

    /// Hands rows to the writer. Called while the ledger is locked, so that the file sees changes in the ledger's order.
    pub(crate) fn write(&self, rows: Vec<Row>, begins: Begins) -> Commit {
        if rows.is_empty() { Commit(None) } else { self.hand_in(rows, begins) }
    }

    /// Resolves when everything handed in so far is committed.
    pub(crate) fn caught_up(&self) -> Commit {
        self.hand_in(Vec::new(), Begins::AtOnce)
    }

    fn hand_in(&self, rows: Vec<Row>, begins: Begins) -> Commit {
        let (done, wait) = oneshot::channel();
        let mut line = self.shared.line();
        let number = line.taken + line.jobs.len() as u64;
        // Of a full line, and after the writer's end, the sender is dropped, and the waiter hears that nothing was kept.
        if line.jobs.len() < QUEUE && !line.gone {
            line.jobs.push(Job { rows, done });
            if begins == Begins::AtOnce || line.jobs.len() >= BATCH {
                line.wanted = true;
                self.shared.wake(line);
            }
        }
        Commit(Some(Awaited { shared: self.shared.clone(), number, done: wait }))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The writer finishes what waits and ends.
        let mut line = self.shared.line();
        line.closed = true;
        self.shared.wake(line);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Brings the file into its form.
fn form(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    if found == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Form 1 kept entries in the order of their numbers, so that each write changed a page of its own.
    if found == 1 {
        transaction.execute_batch("ALTER TABLE entries RENAME TO entries_1;")?;
    }
    transaction.execute_batch(
        "CREATE TABLE entries(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
         CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;",
    )?;
    if found == 1 {
        transaction.execute_batch("INSERT INTO entries SELECT seq, kind, doc FROM entries_1; DROP TABLE entries_1;")?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn read(connection: &Connection) -> rusqlite::Result<Kept> {
    let mut kept = Kept::default();
    let mut all = connection.prepare("SELECT kind, seq, doc FROM entries ORDER BY kind, seq")?;
    let rows = all.query_map([], |r| {
        let seq: i64 = r.get(1)?;
        Ok((r.get(0)?, u64::try_from(seq).unwrap_or(0), r.get(2)?))
    })?;
    for row in rows {
        kept.entries.push(row?);
    }
    let mut facts = connection.prepare("SELECT name, value FROM facts")?;
    let rows = facts.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    for row in rows {
        let (name, value) = row?;
        match name.as_str() {
            "pace" => kept.pace = serde_json::from_str(&value).ok(),
            // Before business time had a pace there was only this, in milliseconds.
            "ahead" if kept.pace.is_none() => kept.pace = value.parse().ok().map(Pace::ahead_by),
            "switches" => kept.switches = Some(value),
            _ => {}
        }
    }
    Ok(kept)
}

fn serve(mut connection: Connection, shared: &Shared) {
    /// Whoever waits when the writer ends, be it by a panic, hears of it.
    struct Gone<'a>(&'a Shared);
    impl Drop for Gone<'_> {
        fn drop(&mut self) {
            let mut line = self.0.line();
            line.gone = true;
            line.jobs.clear();
        }
    }
    let _gone = Gone(shared);
    while let Some(batch) = shared.next() {
        let kept = commit(&mut connection, &batch).map_err(|error| {
            tracing::error!(%error, "the sandbox's store did not keep {} writes", batch.len());
            NotKept
        });
        for job in batch {
            let _ = job.done.send(kept);
        }
    }
}

fn commit(connection: &mut Connection, batch: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO entries(seq, kind, doc) VALUES(?1, ?2, ?3)
             ON CONFLICT(seq) DO UPDATE SET kind = excluded.kind, doc = excluded.doc",
        )?;
        let mut forget = transaction.prepare_cached("DELETE FROM entries WHERE seq = ?1")?;
        let mut fact = transaction.prepare_cached(
            "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        )?;
        for row in batch.iter().flat_map(|job| &job.rows) {
            match row {
                Row::Put { kind, seq, doc } => put.execute(params![number(*seq), *kind as i64, doc])?,
                Row::Forget { seq } => forget.execute(params![number(*seq)])?,
                Row::Clear => transaction.execute("DELETE FROM entries", [])?,
                Row::Pace(pace) => fact.execute(params!["pace", serde_json::json!(pace).to_string()])?,
                Row::Switches(json) => fact.execute(params!["switches", json])?,
            };
        }
    }
    transaction.commit()
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(seq: u64, doc: &str) -> Row {
        Row::Put { kind: Kind::Order, seq, doc: doc.into() }
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let now = Begins::AtOnce;
        {
            let (store, kept) = Store::open(&path).unwrap();
            assert!(kept.entries.is_empty());
            store.write(vec![put(2, "{}"), put(1, "1"), Row::Pace(Pace::ahead_by(5))], now).wait().await.unwrap();
            store.write(vec![put(1, "2"), Row::Forget { seq: 2 }], now).wait().await.unwrap();
            store.write(Vec::new(), now).wait().await.unwrap();
            // nobody waits for these: the end does
            std::mem::forget(store.write(vec![put(3, "3")], Begins::WhenAwaited));
        }
        let (store, kept) = Store::open(&path).unwrap();
        assert_eq!(kept.entries, [(1, 1, "2".to_owned()), (1, 3, "3".to_owned())]);
        assert!(kept.pace.is_some());
        store.write(vec![Row::Clear], now).wait().await.unwrap();
        drop(store);
        assert!(Store::open(&path).unwrap().1.entries.is_empty());
    }

    #[tokio::test]
    async fn writes_that_can_wait_are_committed_with_the_first_that_is_awaited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let (store, _) = Store::open(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        // changes with each commit of somebody else
        let commits = |other: &Connection| -> i64 {
            let _: i64 = other.query_row("SELECT count(*) FROM entries", [], |r| r.get(0)).unwrap();
            other.query_row("PRAGMA data_version", [], |r| r.get(0)).unwrap()
        };
        let mut before = commits(&other);
        for (given_up, doc) in [(false, "{}"), (true, "[]")] {
            let mut waiting: Vec<Commit> =
                (0..20).map(|seq| store.write(vec![put(seq, doc)], Begins::WhenAwaited)).collect();
            assert_eq!(store.shared.line().jobs.len(), 20, "none was begun");
            let third = waiting.remove(2);
            if given_up {
                drop(third);
                // what was handed in with it is committed with it
                waiting.pop().unwrap().wait().await.unwrap();
            } else {
                third.wait().await.unwrap();
            }
            assert!(store.shared.line().jobs.is_empty(), "all were begun");
            assert_ne!(commits(&other), before, "there was a commit");
            before = commits(&other);
            for commit in waiting {
                commit.wait().await.unwrap();
            }
            assert_eq!(commits(&other), before, "one commit was for all");
        }
    }

    #[tokio::test]
    async fn a_full_line_and_an_ended_writer_keep_nothing_and_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("sandbox.db")).unwrap();
        store.shared.line().gone = true;
        assert_eq!(store.write(vec![put(1, "{}")], Begins::AtOnce).wait().await, Err(NotKept));
        store.shared.line().gone = false;
        store.write(vec![put(1, "{}")], Begins::AtOnce).wait().await.unwrap();
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version=9").unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 9, .. })));
    }

    #[tokio::test]
    async fn a_file_of_the_first_form_goes_on_in_the_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let first = "PRAGMA journal_mode=WAL;
            CREATE TABLE entries(kind INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, doc TEXT NOT NULL,
              PRIMARY KEY(kind, key)) STRICT, WITHOUT ROWID;
            CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
            INSERT INTO entries VALUES(1, 'b', 1, 'old'), (4, 'a', 2, 'notice'), (1, 'a', 3, 'new');
            INSERT INTO facts VALUES('switches', '{}');
            PRAGMA user_version=1;";
        Connection::open(&path).unwrap().execute_batch(first).unwrap();
        let doc = |kind: i64, seq: u64, doc: &str| (kind, seq, doc.to_owned());
        {
            let (store, kept) = Store::open(&path).unwrap();
            assert_eq!(kept.entries, [doc(1, 1, "old"), doc(1, 3, "new"), doc(4, 2, "notice")]);
            assert_eq!(kept.switches.as_deref(), Some("{}"));
            store.write(vec![put(3, "newer"), Row::Forget { seq: 1 }], Begins::AtOnce).wait().await.unwrap();
        }
        let (_store, kept) = Store::open(&path).unwrap();
        assert_eq!(kept.entries, [doc(1, 3, "newer"), doc(4, 2, "notice")]);
    }
}
