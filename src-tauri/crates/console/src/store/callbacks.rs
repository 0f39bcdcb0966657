//! Rows of deliveries: what lists read in one table, what came over the wire in another, and the quarantine's bound.
//! How they are searched and summed up is in `history`.

use super::columns::{from_json, instant, json, millis};
use super::{CallbackQuery, StoreError, Tx, View, words};
use crate::wire::{Check, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use wechatpay::time::Timestamp;

/// Rejected deliveries that are kept; older ones go.
pub(crate) const QUARANTINE: i64 = 1_000;
/// Bytes of what came that are kept of them, so that a flood of large ones stays small too; the newest is kept in any case.
const QUARANTINE_BYTES: i64 = 2 * 1024 * 1024;
/// Nobody needs to add up for one of this size: a thousand have 3 MiB. A real notification has 2 KiB.
const SMALL: usize = 3 * 1024;

/// A delivery as lists show it.
#[derive(Debug, Clone)]
pub(crate) struct CallbackRow {
    pub(crate) id: i64,
    pub(crate) merchant: String,
    pub(crate) mchid: String,
    pub(crate) received_at: Timestamp,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    pub(crate) http_status: u16,
    pub(crate) latency_ms: u32,
    pub(crate) notification_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) order_id: Option<i64>,
    pub(crate) first_id: Option<i64>,
}

/// What came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct CallbackRaw {
    pub(crate) target: String,
    pub(crate) source: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) decrypted: Option<Vec<u8>>,
    /// The body still has the hash that was taken when it came.
    pub(crate) intact: bool,
}

pub(super) const COLUMNS: &str = "id, merchant, mchid, received_at, verdict, reason, http_status, latency_ms, notification_id, \
    event_type, out_trade_no, amount, order_id, first_id";

pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applied => "applied",
        Verdict::Duplicate => "duplicate",
        Verdict::Held => "held",
        Verdict::Rejected => "rejected",
        Verdict::Failed => "failed",
    }
}

pub(super) fn verdict_named(name: &str) -> Option<Verdict> {
    [Verdict::Applied, Verdict::Duplicate, Verdict::Held, Verdict::Rejected, Verdict::Failed]
        .into_iter()
        .find(|verdict| verdict_name(*verdict) == name)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<CallbackRow> {
    let verdict: String = row.get(4)?;
    Ok(CallbackRow {
        id: row.get(0)?,
        merchant: row.get(1)?,
        mchid: row.get(2)?,
        received_at: instant(row.get(3)?),
        verdict: verdict_named(&verdict).unwrap_or(Verdict::Failed),
        reason: row.get(5)?,
        http_status: row.get(6)?,
        latency_ms: row.get(7)?,
        notification_id: row.get(8)?,
        event_type: row.get(9)?,
        out_trade_no: row.get(10)?,
        amount: row.get(11)?,
        order_id: row.get(12)?,
        first_id: row.get(13)?,
    })
}

/// What of a delivery is made ready before the writer has it: the writer's time is everybody's.
#[derive(Debug, Clone)]
pub(crate) struct CallbackReady {
    headers: String,
    sha256: [u8; 32],
}

impl CallbackReady {
    /// Of what came.
    pub(crate) fn of(raw: &CallbackRaw) -> CallbackReady {
        CallbackReady {
            // pairs of texts always are JSON
            headers: json(&raw.headers).unwrap_or_default(),
            sha256: Sha256::digest(&raw.body).into(),
        }
    }
}

/// Keeps the words of what was decrypted, for the search.
fn remember(connection: &Connection, id: i64, decrypted: &[u8]) -> Result<(), StoreError> {
    let words = words::of_content(decrypted);
    if !words.is_empty() {
        connection
            .prepare_cached("INSERT INTO callback_words (rowid, words) VALUES (?1, ?2)")?
            .execute(params![id, words.join(" ")])?;
    }
    Ok(())
}

impl View<'_> {
    /// When the newest kept delivery came.
    pub(crate) fn callback_newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT received_at FROM callbacks ORDER BY id DESC LIMIT 1";
        Ok(self.conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?.map(instant))
    }

    /// An order's deliveries, oldest first; the newest 500 where there are more.
    pub(crate) fn callbacks_of(&self, mchid: &str, out_trade_no: &str) -> Result<Vec<CallbackRow>, StoreError> {
        let query = CallbackQuery {
            mchid: mchid.to_owned(),
            out_trade_no: Some(out_trade_no.to_owned()),
            limit: 500,
            ..CallbackQuery::default()
        };
        let (mut found, _) = self.callbacks(&query)?;
        found.reverse();
        Ok(found)
    }

    /// One delivery's row.
    pub(crate) fn callback(&self, id: i64) -> Result<Option<CallbackRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM callbacks WHERE id = ?1");
        Ok(self.conn.prepare_cached(&sql)?.query_row([id], read).optional()?)
    }

    /// What came over the wire, and the ladder of checks.
    pub(crate) fn callback_raw(&self, id: i64) -> Result<Option<(CallbackRaw, Vec<Check>)>, StoreError> {
        let raw = self
            .conn
            .prepare_cached(
                "SELECT target, source, headers, body, decrypted, sha256, checks
                 FROM callback_raw JOIN callbacks USING (id) WHERE id = ?1",
            )?
            .query_row([id], |row| {
                let body: Vec<u8> = row.get(3)?;
                let hash: Vec<u8> = row.get(5)?;
                let intact = Sha256::digest(&body).as_slice() == hash.as_slice();
                let raw = CallbackRaw {
                    target: row.get(0)?,
                    source: row.get(1)?,
                    headers: from_json(&row.get::<_, String>(2)?),
                    body,
                    decrypted: row.get(4)?,
                    intact,
                };
                Ok((raw, from_json(&row.get::<_, String>(6)?)))
            })
            .optional()?;
        Ok(raw)
    }

    /// The row that the next delivery gets, for journal lines that are written before it. Only the writer may rely on it.
    pub(crate) fn callback_next_id(&self) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM callbacks")?
            .query_row([], |row| row.get(0))?)
    }

    /// The first delivery of a notification that was taken in (applied, or held for a person).
    pub(crate) fn callback_first(&self, mchid: &str, notification_id: &str) -> Result<Option<i64>, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT min(id) FROM callbacks WHERE notification_id = ?2 AND mchid = ?1
                 AND verdict IN ('applied', 'held')",
            )?
            .query_row([mchid, notification_id], |row| row.get(0))?)
    }

    /// The delivery that first told of an order what `event_type` tells.
    pub(crate) fn callback_applied(
        &self,
        mchid: &str,
        out_trade_no: &str,
        event_type: &str,
    ) -> Result<Option<i64>, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT min(id) FROM callbacks INDEXED BY callbacks_trade WHERE mchid = ?1 AND out_trade_no = ?2
                 AND +event_type = ?3 AND +verdict = 'applied'",
            )?
            .query_row(params![mchid, out_trade_no, event_type], |row| row.get(0))?)
    }

    /// Up to which delivery the index of words goes.
    pub(super) fn callback_words_upto(&self) -> Result<i64, StoreError> {
        let mut mark = self.conn.prepare_cached("SELECT id FROM callback_words_upto")?;
        Ok(mark.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
    }
}

impl View<'_> {
    /// Are there deliveries whose words are not indexed yet?
    pub(super) fn callback_words_wait(&self) -> Result<bool, StoreError> {
        let sql = "SELECT coalesce((SELECT max(id) FROM callback_raw), 0) > coalesce((SELECT id FROM callback_words_upto), 0)";
        Ok(self.conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    /// Keeps a delivery with its bytes, under `row.id` if that is not 0. A rejected one pushes the oldest out of the quarantine.
    pub(crate) fn callback_insert(
        &self,
        row: &CallbackRow,
        raw: &CallbackRaw,
        ready: &CallbackReady,
        checks: &[Check],
        decrypted: Option<&[u8]>,
    ) -> Result<i64, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO callbacks (id, merchant, mchid, received_at, verdict, reason, http_status, latency_ms,
                        notification_id, event_type, out_trade_no, amount, order_id, first_id, checks)
                 VALUES (?15, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                row.merchant,
                row.mchid,
                millis(row.received_at),
                verdict_name(row.verdict),
                row.reason,
                row.http_status,
                row.latency_ms,
                row.notification_id,
                row.event_type,
                row.out_trade_no,
                row.amount,
                row.order_id,
                row.first_id,
                json(&checks)?,
                (row.id > 0).then_some(row.id),
            ])?;
        let id = self.conn.last_insert_rowid();
        self.conn
            .prepare_cached(
                "INSERT INTO callback_raw (id, target, source, headers, body, sha256, decrypted)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![id, raw.target, raw.source, ready.headers, raw.body, ready.sha256, decrypted,])?;
        if row.verdict == Verdict::Rejected {
            self.conn
                .prepare_cached(
                    "DELETE FROM callbacks WHERE verdict = 'rejected' AND id IN (
                        SELECT id FROM callbacks WHERE verdict = 'rejected' ORDER BY id DESC LIMIT -1 OFFSET ?1)",
                )?
                .execute([QUARANTINE])?;
            let came = |(name, value): &(String, String)| name.len().saturating_add(value.len());
            if raw.headers.iter().map(came).fold(raw.body.len(), usize::saturating_add) > SMALL {
                self.conn
                    .prepare_cached(
                        "DELETE FROM callbacks WHERE verdict = 'rejected' AND id <= (
                            SELECT max(id) FROM (
                              SELECT id, sum(length(body) + length(headers)) OVER (ORDER BY id DESC) AS bytes
                              FROM callbacks JOIN callback_raw USING (id) WHERE verdict = 'rejected')
                            WHERE bytes > ?1) AND id < ?2",
                    )?
                    .execute([QUARANTINE_BYTES, id])?;
            }
        }
        Ok(id)
    }

    /// A delivery was judged (again): what came of it, what it is about, the ladder, and what was decrypted.
    pub(crate) fn callback_judged(
        &self,
        id: i64,
        row: &CallbackRow,
        checks: &[Check],
        decrypted: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE callbacks SET verdict = ?2, reason = ?3, http_status = ?4, notification_id = ?5, event_type = ?6,
                        out_trade_no = ?7, amount = ?8, order_id = ?9, first_id = ?10, checks = ?11 WHERE id = ?1",
            )?
            .execute(params![
                id,
                verdict_name(row.verdict),
                row.reason,
                row.http_status,
                row.notification_id,
                row.event_type,
                row.out_trade_no,
                row.amount,
                row.order_id,
                row.first_id,
                json(&checks)?,
            ])?;
        if let Some(content) = decrypted {
            // its words are kept once, with the first content
            let new = self
                .conn
                .prepare_cached("UPDATE callback_raw SET decrypted = ?2 WHERE id = ?1 AND decrypted IS NULL")?
                .execute(params![id, content])?;
            if new > 0 && id <= self.callback_words_upto()? {
                remember(self.conn, id, content)?;
            }
        }
        Ok(())
    }

    /// Indexes the words of the deliveries that came since this was done last, `most` of them at most; are there more?
    ///
    /// Not done with the delivery itself: an index of words touches pages all over, and whoever waits for the answer would
    /// wait for them. Until it is done the search reads those deliveries themselves.
    pub(super) fn callback_words_follow(&self, most: usize) -> Result<bool, StoreError> {
        let upto = self.callback_words_upto()?;
        let mut next =
            self.conn.prepare_cached("SELECT id, decrypted FROM callback_raw WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let mut rows = next.query(params![upto, i64::try_from(most).unwrap_or(i64::MAX)])?;
        let (mut last, mut seen) = (upto, 0);
        while let Some(row) = rows.next()? {
            (last, seen) = (row.get(0)?, seen + 1);
            if let Some(decrypted) = row.get_ref(1)?.as_blob_or_null().ok().flatten() {
                remember(self.conn, last, decrypted)?;
            }
        }
        if last > upto {
            self.conn.prepare_cached("UPDATE callback_words_upto SET id = ?1")?.execute([last])?;
        }
        Ok(seen == most)
    }

    /// Somebody looked at it.
    pub(crate) fn callback_seen(&self, id: i64) -> Result<(), StoreError> {
        self.conn.prepare_cached("UPDATE callbacks SET seen = 1 WHERE id = ?1 AND seen = 0")?.execute([id])?;
        Ok(())
    }
}
