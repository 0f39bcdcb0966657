//! The one place that knows SQLite. Outside this folder nobody names rusqlite, a table or a column.
//!
//! The door is small: [`Store::open`], [`Store::write`] (one writer thread, many jobs in one commit, the reply after
//! the commit), [`Store::read`] (read-only connections beside it). Work is a closure over [`Tx`] or [`View`]; the
//! files beside this one give those two their verbs, one file a noun. What a row means is decided outside.

mod api;
mod backup;
mod ballast;
mod bills;
mod callbacks;
mod catalog;
mod columns;
mod combines;
mod error;
mod exchanges;
mod forward_targets;
mod forwards;
mod health;
mod history;
mod journal;
mod merchants;
mod open;
mod order_list;
mod orders;
mod refunds;
mod replays;
mod schema;
mod search;
mod settings;
mod summary;
mod words;
mod writer;

pub(crate) use api::OrderKey;
pub(crate) use backup::{CopyFacts, inspect as inspect_copy, private, put_back};
pub(crate) use bills::{BillLineRow, BillRow, Told};
pub(crate) use callbacks::{CallbackRaw, CallbackReady, CallbackRow};
pub(crate) use catalog::CatalogRow;
pub(crate) use combines::CombineRow;
pub(crate) use error::StoreError;
pub(crate) use exchanges::{ExchangeRaw, ExchangeRow, NewExchange};
pub(crate) use forward_targets::{ForwardTargetCounts, ForwardTargetRow};
pub(crate) use forwards::{ForwardBefore, ForwardClaim, ForwardQuery, ForwardRow};
pub(crate) use health::{Finding, look, mend};
pub(crate) use history::CallbackQuery;
pub(crate) use journal::JournalRow;
pub(crate) use merchants::{MerchantRow, PlatformRow, SealedRow, VaultRow};
pub(crate) use open::make_private_folder as private_folder;
pub(crate) use order_list::{OrderCursor, OrderQuery, OrderSums};
pub(crate) use orders::{Handle, NewOrder, OrderRow, Payment};
pub(crate) use refunds::{NewRefund, RefundFacts, RefundRow};
pub(crate) use replays::ReplayRow;

use crate::health::CommitCounts;
use ballast::Ballast;
use rusqlite::{Connection, InterruptHandle};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use wechatpay::time::Timestamp;
use writer::Writer;

/// Read-only connections at most, each with its own page cache.
const READERS: usize = 4;

/// A read view of the store: what was committed when the view began.
pub(crate) struct View<'c> {
    conn: &'c Connection,
}

/// A write in the writer's transaction. Everything a [`View`] can, and the verbs that change rows.
///
/// A job that returns an error leaves nothing behind (its savepoint is rolled back); the others of its batch go on.
pub(crate) struct Tx<'c> {
    view: View<'c>,
}

impl<'c> Deref for Tx<'c> {
    type Target = View<'c>;
    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

/// The store. Cheap to clone; the file is closed when the last clone is gone or after [`Store::close`].
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    reading: Semaphore,
    /// Ends the look at the whole file that is under way.
    looking: Mutex<Option<InterruptHandle>>,
}

impl Store {
    /// Opens (or makes) the store in `data_dir`, migrates it, and starts its writer. Blocks; call it at start only.
    ///
    /// # Errors
    /// [`StoreError::NotWritable`], [`StoreError::Newer`] and [`StoreError::Foreign`] (file untouched),
    /// [`StoreError::Damaged`], [`StoreError::DiskFull`], [`StoreError::Locked`].
    pub(crate) fn open(data_dir: &Path) -> Result<Store, StoreError> {
        let file = open::prepare(data_dir)?;
        let connection = open::writing(&file)?;
        let ballast = Ballast::beside(&file);
        ballast.take();
        let writer = Writer::start(connection, open::writing(&file)?, ballast)?;
        let (readers, reading) = (Mutex::default(), Semaphore::new(READERS));
        Ok(Store { inner: Arc::new(Inner { file, writer, readers, reading, looking: Mutex::default() }) })
    }

    /// Runs `job` in the writer's next transaction and returns after the commit.
    ///
    /// `job` may run twice (its batch's commit failed and it is tried alone), so it must not keep what it did
    /// outside `tx`. It must not wait for anything. If the caller stops waiting before the job began, it isn't run.
    ///
    /// # Errors
    /// The job's own error (nothing of it was kept), or a [`StoreError`]: [`StoreError::Busy`] at once when 8,192
    /// jobs wait already.
    pub(crate) async fn write<T, E>(&self, job: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.writer.write(job).await
    }

    /// Runs `job` on a read-only connection, inside one read transaction, off the async threads.
    ///
    /// # Errors
    /// The job's own, or a [`StoreError`].
    pub(crate) async fn read<T, E>(&self, job: impl FnOnce(&View<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let _turn = self.inner.reading.acquire().await.map_err(|_| E::from(StoreError::Closed))?;
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || inner.read(job))
            .await
            .unwrap_or_else(|broken| Err(E::from(StoreError::Other(broken.to_string()))))
    }

    /// The same as [`Store::read`] for tests that have no runtime.
    #[cfg(test)]
    pub(crate) fn read_now<T, E: From<StoreError>>(&self, job: impl FnOnce(&View<'_>) -> Result<T, E>) -> Result<T, E> {
        self.inner.read(job)
    }

    /// Bytes on disk: the file and its write-ahead log.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map(|found| found.len()).unwrap_or(0);
        let mut log = self.inner.file.clone().into_os_string();
        log.push("-wal");
        size(&self.inner.file).saturating_add(size(Path::new(&log)))
    }

    /// What was committed by this process, and what waits.
    pub(crate) fn commits(&self) -> CommitCounts {
        self.inner.writer.counts()
    }

    /// What SQLite says of the whole file; `quick` leaves out whether indexes and rows agree. `None`: it took longer than
    /// `most`, or the store is being closed. Reading and writing go on meanwhile.
    pub(crate) async fn check(&self, quick: bool, most: Option<Duration>) -> Result<Option<Finding>, StoreError> {
        let inner = self.inner.clone();
        let mut looking = tokio::task::spawn_blocking(move || {
            let connection = open::scanning(&inner.file)?;
            *inner.lock_looking() = Some(connection.get_interrupt_handle());
            let found = if inner.reading.is_closed() { Ok(None) } else { health::verdict(&connection, quick) };
            *inner.lock_looking() = None;
            found
        });
        let most = most.unwrap_or(Duration::MAX);
        let found = match tokio::time::timeout(most, &mut looking).await {
            Ok(found) => found,
            Err(_) => {
                self.inner.stop_looking();
                looking.await
            }
        };
        found.unwrap_or_else(|broken| Err(StoreError::Other(broken.to_string())))
    }

    /// A whole copy at `to`, which must not exist; looked at before it counts. The store goes on meanwhile.
    pub(crate) async fn copy_to(&self, to: &Path, now: Timestamp) -> Result<CopyFacts, StoreError> {
        let (file, to) = (self.inner.file.clone(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || backup::copy(&file, &to, now)).await;
        copied.unwrap_or_else(|broken| Err(StoreError::Other(broken.to_string())))
    }

    /// Does what was already asked for, commits it and closes the file; later writes get [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.inner.reading.close();
        self.inner.stop_looking();
        let inner = self.inner.clone();
        // a join of a thread: not for the async threads
        let _ = tokio::task::spawn_blocking(move || {
            inner.lock_readers().clear();
            inner.writer.stop();
        })
        .await;
    }
}

impl Inner {
    fn lock_looking(&self) -> std::sync::MutexGuard<'_, Option<InterruptHandle>> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_looking(&self) {
        if let Some(handle) = &*self.lock_looking() {
            handle.interrupt();
        }
    }

    fn lock_readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T, E: From<StoreError>>(&self, job: impl FnOnce(&View<'_>) -> Result<T, E>) -> Result<T, E> {
        let kept = self.lock_readers().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => open::reading(&self.file)?,
        };
        let answer = {
            let seen = connection.transaction().map_err(StoreError::from)?;
            job(&View { conn: &seen })
        };
        let mut readers = self.lock_readers();
        if readers.len() < READERS {
            readers.push(connection);
        }
        answer
    }
}

/// Changes a file behind everybody's back, for tests of what then happens.
#[cfg(test)]
pub(crate) fn run_on(file: &Path, sql: &str) {
    Connection::open(file).and_then(|it| it.execute_batch(sql)).expect("changed");
}

/// What every table of a file holds, as a hash of all its cells: for tests of copies. Not the words of deliveries, which
/// follow when it is quiet.
#[cfg(test)]
pub(crate) fn digests(file: &Path) -> std::collections::BTreeMap<String, String> {
    use sha2::{Digest, Sha256};
    let connection = open::reading(file).expect("a store");
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%'
               AND name NOT LIKE 'callback_words%'";
    let mut names = connection.prepare(sql).expect("tables");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("names").collect::<Result<_, _>>().expect("names");
    let digest = |name: &String| {
        let mut hash = Sha256::new();
        let mut rows = connection.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).expect("rows");
        let columns = rows.column_count();
        let mut rows = rows.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                hash.update(format!("{:?}|", row.get_ref(column).expect("a cell")));
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    names.iter().map(|name| (name.clone(), digest(name))).collect()
}

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod order_list_tests;
#[cfg(test)]
mod tests;
