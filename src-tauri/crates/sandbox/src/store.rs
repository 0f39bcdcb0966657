//! What outlives a kill: the ledger's entries as JSON documents in one SQLite table, written by one thread that commits in
//! groups. The ledger itself is in memory; this file knows nothing of what an entry means.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Pace;

/// Writes that may wait. The door's connection limit keeps it far from full.
const QUEUE: usize = 8_192;
/// Writes in one commit at most.
const BATCH: usize = 512;
/// The form of the file; a higher number was written by a newer version.
const VERSION: i64 = 1;

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
    /// The entry is now this.
    Put { kind: Kind, key: String, seq: u64, doc: String },
    /// The entry is no more.
    Forget { kind: Kind, key: String },
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

struct Job {
    rows: Vec<Row>,
    done: oneshot::Sender<Result<(), NotKept>>,
}

/// The door to the writer thread.
pub(crate) struct Store {
    queue: mpsc::Sender<Job>,
    writer: Option<JoinHandle<()>>,
}

/// Resolves after the commit.
pub(crate) struct Commit(Option<oneshot::Receiver<Result<(), NotKept>>>);

impl Commit {
    /// Both, of which the later one was handed in after this one: the writer keeps the order.
    pub(crate) fn and(self, later: Commit) -> Commit {
        if later.0.is_some() { later } else { self }
    }

    /// Waits for the disk.
    pub(crate) async fn wait(self) -> Result<(), NotKept> {
        match self.0 {
            Some(done) => done.await.unwrap_or(Err(NotKept)),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Opens the file, reads what is in it, starts the writer.
    pub(crate) fn open(path: &Path) -> Result<(Store, Kept), StoreError> {
        let at = |error| StoreError::Sqlite { path: path.to_owned(), error };
        let connection = Connection::open(path).map_err(at)?;
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
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA wal_autocheckpoint=4000;
                 BEGIN IMMEDIATE;
                 CREATE TABLE IF NOT EXISTS entries(
                   kind INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, doc TEXT NOT NULL,
                   PRIMARY KEY(kind, key)) STRICT, WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
                 PRAGMA user_version=1;
                 COMMIT;",
            )
            .map_err(at)?;
        let kept = read(&connection).map_err(at)?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || serve(connection, jobs))
            .map_err(StoreError::Thread)?;
        Ok((Store { queue, writer: Some(writer) }, kept))
    }

    /// Hands rows to the writer. Called while the ledger is locked, so that the file sees changes in the ledger's order.
    pub(crate) fn write(&self, rows: Vec<Row>) -> Commit {
        if rows.is_empty() { Commit(None) } else { self.hand_in(rows) }
    }

    /// Resolves when everything handed in so far is committed.
    pub(crate) fn caught_up(&self) -> Commit {
        self.hand_in(Vec::new())
    }

    fn hand_in(&self, rows: Vec<Row>) -> Commit {
        let (done, wait) = oneshot::channel();
        // A full queue drops the sender, and the waiter hears that nothing was kept.
        let _ = self.queue.try_send(Job { rows, done });
        Commit(Some(wait))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Closing the queue lets the writer finish what waits and end.
        let (closed, _) = mpsc::channel(1);
        self.queue = closed;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
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

fn serve(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        let kept = commit(&mut connection, &batch).map_err(|error| {
            tracing::error!(%error, "the sandbox's store did not keep {} writes", batch.len());
            NotKept
        });
        for job in batch.drain(..) {
            let _ = job.done.send(kept);
        }
    }
}

fn commit(connection: &mut Connection, batch: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO entries(kind, key, seq, doc) VALUES(?1, ?2, ?3, ?4)
             ON CONFLICT(kind, key) DO UPDATE SET doc = excluded.doc, seq = excluded.seq",
        )?;
        let mut forget = transaction.prepare_cached("DELETE FROM entries WHERE kind = ?1 AND key = ?2")?;
        let mut fact = transaction.prepare_cached(
            "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        )?;
        for row in batch.iter().flat_map(|job| &job.rows) {
            match row {
                Row::Put { kind, key, seq, doc } => {
                    put.execute(params![*kind as i64, key, i64::try_from(*seq).unwrap_or(i64::MAX), doc])?
                }
                Row::Forget { kind, key } => forget.execute(params![*kind as i64, key])?,
                Row::Clear => transaction.execute("DELETE FROM entries", [])?,
                Row::Pace(pace) => fact.execute(params!["pace", serde_json::json!(pace).to_string()])?,
                Row::Switches(json) => fact.execute(params!["switches", json])?,
            };
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, seq: u64, doc: &str) -> Row {
        Row::Put { kind: Kind::Order, key: key.into(), seq, doc: doc.into() }
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        {
            let (store, kept) = Store::open(&path).unwrap();
            assert!(kept.entries.is_empty());
            store.write(vec![put("b", 2, "{}"), put("a", 1, "1"), Row::Pace(Pace::ahead_by(5))]).wait().await.unwrap();
            store
                .write(vec![put("a", 1, "2"), Row::Forget { kind: Kind::Order, key: "b".into() }])
                .wait()
                .await
                .unwrap();
            store.write(Vec::new()).wait().await.unwrap();
        }
        let (store, kept) = Store::open(&path).unwrap();
        assert_eq!(kept.entries, [(1, 1, "2".to_owned())]);
        assert!(kept.pace.is_some());
        store.write(vec![Row::Clear]).wait().await.unwrap();
        drop(store);
        assert!(Store::open(&path).unwrap().1.entries.is_empty());
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version=9").unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 9, .. })));
    }
}
