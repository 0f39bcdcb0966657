//! Rows of deliveries that were sent again by hand, and where the keys of a sandbox lie that sign them.

use super::columns::{from_json, instant, json, millis};
use super::{StoreError, Tx, View};
use rusqlite::params;
use wechatpay::time::Timestamp;

/// Replays that are kept with a delivery; older ones go.
const KEPT: i64 = 50;

/// One replay and what came back.
#[derive(Debug, Clone)]
pub(crate) struct ReplayRow {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) target: String,
    pub(crate) resigned: bool,
    pub(crate) edited: bool,
    pub(crate) fault: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) cut: bool,
    pub(crate) error: Option<String>,
}

impl View<'_> {
    /// A delivery's replays, oldest first.
    pub(crate) fn replays(&self, callback: i64) -> Result<Vec<ReplayRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT id, at, target, resigned, fault, status, latency_ms, headers, body, cut, error, edited
             FROM replays WHERE callback_id = ?1 ORDER BY id",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ReplayRow {
                id: row.get(0)?,
                at: instant(row.get(1)?),
                target: row.get(2)?,
                resigned: row.get(3)?,
                fault: row.get(4)?,
                status: row.get(5)?,
                latency_ms: row.get(6)?,
                headers: from_json(&row.get::<_, String>(7)?),
                body: row.get(8)?,
                cut: row.get(9)?,
                error: row.get(10)?,
                edited: row.get(11)?,
            })
        };
        Ok(rows.query_map([callback], read)?.collect::<Result<_, _>>()?)
    }

    /// The keys that a sandbox merchant's WeChat Pay signs with: serial and file of each.
    pub(crate) fn sandbox_signers(&self, merchant: i64) -> Result<Vec<(String, String)>, StoreError> {
        let mut rows = self
            .conn
            .prepare_cached("SELECT serial, key_file FROM sandbox_signers WHERE merchant_id = ?1 ORDER BY serial")?;
        Ok(rows.query_map([merchant], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Keeps a replay with its delivery (`row.id` is not looked at); the oldest beyond 50 go. A delivery that is
    /// gone meanwhile keeps nothing.
    pub(crate) fn replay_insert(&self, callback: i64, row: &ReplayRow) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO replays (callback_id, at, target, resigned, fault, status, latency_ms, headers, body, cut,
                    error, edited)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 WHERE EXISTS (SELECT 1 FROM callbacks WHERE id = ?1)",
            )?
            .execute(params![
                callback,
                millis(row.at),
                row.target,
                row.resigned,
                row.fault,
                row.status,
                row.latency_ms,
                json(&row.headers)?,
                row.body,
                row.cut,
                row.error,
                row.edited,
            ])?;
        self.conn
            .prepare_cached(
                "DELETE FROM replays WHERE id IN (
                    SELECT id FROM replays WHERE callback_id = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute([callback, KEPT])?;
        Ok(())
    }

    /// Where a sandbox merchant's WeChat Pay has its keys: serial and file of each; what was known before is forgotten.
    pub(crate) fn sandbox_signers_set(&self, merchant: i64, signers: &[(String, String)]) -> Result<(), StoreError> {
        self.conn.prepare_cached("DELETE FROM sandbox_signers WHERE merchant_id = ?1")?.execute([merchant])?;
        for (serial, file) in signers {
            self.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO sandbox_signers (merchant_id, serial, key_file) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![merchant, serial, file])?;
        }
        Ok(())
    }
}
