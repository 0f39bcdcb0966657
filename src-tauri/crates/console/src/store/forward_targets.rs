//! Rows of forward targets: where deliveries are passed on to, kept so that every process on this store knows them.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use rusqlite::{OptionalExtension as _, params};
use wechatpay::time::Timestamp;

/// Counting what waits or is dead ends here: it is shown as "10,000 or more".
const COUNTED: i64 = 10_000;

/// One kept target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForwardTargetRow {
    pub(crate) url: String,
    /// `accepted`, `each` or `rejected`.
    pub(crate) what: String,
    pub(crate) event_type: Option<String>,
    pub(crate) allow_private: bool,
    pub(crate) paused: bool,
    pub(crate) created_at: Timestamp,
}

/// How a target stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForwardTargetCounts {
    pub(crate) waiting: u32,
    pub(crate) dead: u32,
    /// Of what waits longest.
    pub(crate) last_status: Option<u16>,
    pub(crate) last_error: Option<String>,
}

impl View<'_> {
    /// All kept targets, in the order in which they were added.
    pub(crate) fn forward_targets(&self) -> Result<Vec<ForwardTargetRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT url, what, event_type, allow_private, paused, created_at FROM forward_targets
             ORDER BY created_at, url",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ForwardTargetRow {
                url: row.get(0)?,
                what: row.get(1)?,
                event_type: row.get(2)?,
                allow_private: row.get(3)?,
                paused: row.get(4)?,
                created_at: instant(row.get(5)?),
            })
        };
        Ok(rows.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// What waits for a target, what died on the way to it, and why the next one has to be tried again.
    pub(crate) fn forward_target_counts(&self, url: &str) -> Result<ForwardTargetCounts, StoreError> {
        let count = |state: &str| {
            self.conn
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM forwards WHERE target = ?1 AND state = ?2 LIMIT ?3)",
                )?
                .query_row(params![url, state, COUNTED], |row| row.get::<_, u32>(0))
        };
        let last = self
            .conn
            .prepare_cached(
                "SELECT last_status, last_error FROM forwards WHERE target = ?1 AND state = 'waiting' AND attempts > 0
                 ORDER BY next_at LIMIT 1",
            )?
            .query_row([url], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (last_status, last_error) = last.unwrap_or_default();
        Ok(ForwardTargetCounts { waiting: count("waiting")?, dead: count("dead")?, last_status, last_error })
    }
}

impl Tx<'_> {
    /// Adds a target, or changes what one that is there gets; whether it is paused stays.
    pub(crate) fn forward_target_put(&self, row: &ForwardTargetRow) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO forward_targets (url, what, event_type, allow_private, paused, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (url) DO UPDATE SET what = excluded.what,
                    event_type = excluded.event_type, allow_private = excluded.allow_private",
            )?
            .execute(params![
                row.url,
                row.what,
                row.event_type,
                row.allow_private,
                row.paused,
                millis(row.created_at)
            ])?;
        Ok(())
    }

    /// Pauses a target or lets it go on; whether there is such a one.
    pub(crate) fn forward_target_pause(&self, url: &str, paused: bool) -> Result<bool, StoreError> {
        let mut change = self.conn.prepare_cached("UPDATE forward_targets SET paused = ?2 WHERE url = ?1")?;
        Ok(change.execute(params![url, paused])? > 0)
    }

    /// Forgets a target; what waits for it is dead, and can be recovered. Whether there was such a one.
    pub(crate) fn forward_target_remove(&self, url: &str) -> Result<bool, StoreError> {
        let gone = self.conn.prepare_cached("DELETE FROM forward_targets WHERE url = ?1")?.execute([url])? > 0;
        if gone {
            self.conn
                .prepare_cached(
                    "UPDATE forwards SET state = 'dead', next_at = NULL, last_error = 'TARGET_REMOVED'
                     WHERE target = ?1 AND state = 'waiting'",
                )?
                .execute([url])?;
        }
        Ok(gone)
    }
}
