//! Rows of deliveries that are passed on to backends: the outbox. A row is written in the transaction that keeps its
//! delivery, so none is lost; an attempt is counted before it is sent, so none goes out twice under the same number.

use super::columns::{from_json, instant, millis};
use super::{StoreError, Tx, View};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};
use wechatpay::time::Timestamp;

/// One delivery for one target, as lists show it.
#[derive(Debug, Clone)]
pub(crate) struct ForwardRow {
    pub(crate) id: i64,
    pub(crate) callback_id: i64,
    pub(crate) merchant: String,
    pub(crate) event_type: Option<String>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) target: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_at: Option<Timestamp>,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_error: Option<String>,
    /// An attempt was begun and its end is not written.
    pub(crate) begun: bool,
}

/// What is known of the attempt before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardBefore {
    /// There was none.
    Nothing,
    /// The target answered no.
    Refused,
    /// No answer, or its end was never written.
    Unknown,
}

/// An attempt that was counted and is now to be sent.
#[derive(Debug, Clone)]
pub(crate) struct ForwardClaim {
    pub(crate) id: i64,
    pub(crate) callback_id: i64,
    /// From 1; never the same twice.
    pub(crate) attempt: u32,
    /// Place on the ladder, from 0.
    pub(crate) step: u32,
    pub(crate) before: ForwardBefore,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A page of forwards, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForwardQuery {
    pub(crate) state: Option<&'static str>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) limit: usize,
    pub(crate) after: Option<i64>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<ForwardRow> {
    Ok(ForwardRow {
        id: row.get(0)?,
        callback_id: row.get(1)?,
        merchant: row.get(2)?,
        event_type: row.get(3)?,
        out_trade_no: row.get(4)?,
        target: row.get(5)?,
        state: row.get(6)?,
        attempts: row.get(7)?,
        next_at: row.get::<_, Option<i64>>(8)?.map(instant),
        created_at: instant(row.get(9)?),
        last_at: row.get::<_, Option<i64>>(10)?.map(instant),
        last_status: row.get(11)?,
        last_error: row.get(12)?,
        begun: row.get(13)?,
    })
}

impl View<'_> {
    /// A page, and whether there are more.
    pub(crate) fn forwards(&self, query: &ForwardQuery) -> Result<(Vec<ForwardRow>, bool), StoreError> {
        let mut sql =
            "SELECT f.id, f.callback_id, c.merchant, c.event_type, c.out_trade_no, f.target, f.state, f.attempts,
                f.next_at, f.created_at, f.last_at, f.last_status, f.last_error, f.begun
            FROM forwards f JOIN callbacks c ON c.id = f.callback_id WHERE 1"
                .to_owned();
        let mut values: Vec<Value> = Vec::new();
        if let Some(state) = query.state {
            sql.push_str(" AND f.state = ?");
            values.push(state.to_owned().into());
        }
        if let Some(since) = query.since {
            sql.push_str(" AND f.created_at >= ?");
            values.push(millis(since).into());
        }
        if let Some(after) = query.after {
            sql.push_str(" AND f.id < ?");
            values.push(after.into());
        }
        sql.push_str(" ORDER BY f.id DESC LIMIT ?");
        values.push(i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1).into());
        let mut rows = self.conn.prepare_cached(&sql)?;
        let mut found: Vec<ForwardRow> = rows.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        Ok((found, more))
    }

    /// Deliveries that wait to be passed on, counted up to `most`.
    pub(crate) fn forwards_waiting(&self, most: i64) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM forwards WHERE state = 'waiting' LIMIT ?1)";
        Ok(self.conn.prepare_cached(sql)?.query_row([most], |row| row.get(0))?)
    }

    /// When something for `target` is due next.
    pub(crate) fn forward_next(&self, target: &str) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<i64> = self
            .conn
            .prepare_cached("SELECT min(next_at) FROM forwards WHERE target = ?1 AND state = 'waiting'")?
            .query_row([target], |row| row.get(0))?;
        Ok(next.map(instant))
    }
}

impl Tx<'_> {
    /// A delivery is to be passed on to `target`, not before `next`. Known already: nothing happens.
    pub(crate) fn forward_enqueue(
        &self,
        callback: i64,
        target: &str,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO forwards (callback_id, target, state, next_at, created_at)
                 VALUES (?1, ?2, 'waiting', ?3, ?4)",
            )?
            .execute(params![callback, target, millis(next), millis(now)])?;
        Ok(())
    }

    /// What was never tried of a delivery is due now: its answer is out. How many targets wait for it.
    pub(crate) fn forward_release(&self, callback: i64, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "UPDATE forwards SET next_at = ?2
                 WHERE callback_id = ?1 AND state = 'waiting' AND attempts = 0 AND next_at > ?2",
            )?
            .execute(params![callback, millis(now)])?)
    }

    /// Everything that waits for `target` is due now: it may be back.
    pub(crate) fn forward_resume(&self, target: &str, now: Timestamp) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE forwards SET next_at = ?2 WHERE target = ?1 AND state = 'waiting' AND next_at > ?2",
            )?
            .execute(params![target, millis(now)])?;
        Ok(())
    }

    /// Takes up to `most` that are due and counts their attempt. Each comes due again at `again(step)` unless its end is
    /// written before: an attempt whose sender died is repeated under the next number.
    pub(crate) fn forward_claim(
        &self,
        target: &str,
        now: Timestamp,
        most: usize,
        again: impl Fn(u32) -> Timestamp,
    ) -> Result<Vec<ForwardClaim>, StoreError> {
        let mut due = self.conn.prepare_cached(
            "SELECT f.id, f.callback_id, f.attempts, f.step, r.headers, r.body, f.begun, f.last_status
             FROM forwards f JOIN callback_raw r ON r.id = f.callback_id
             WHERE f.target = ?1 AND f.state = 'waiting' AND f.next_at <= ?2 ORDER BY f.next_at, f.id LIMIT ?3",
        )?;
        let read = |row: &Row<'_>| {
            let before = match (row.get::<_, u32>(2)?, row.get(6)?, row.get::<_, Option<u16>>(7)?) {
                (0, ..) => ForwardBefore::Nothing,
                (_, false, Some(_)) => ForwardBefore::Refused,
                _ => ForwardBefore::Unknown,
            };
            Ok(ForwardClaim {
                id: row.get(0)?,
                callback_id: row.get(1)?,
                attempt: row.get::<_, u32>(2)?.saturating_add(1),
                step: row.get(3)?,
                before,
                headers: from_json(&row.get::<_, String>(4)?),
                body: row.get(5)?,
            })
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let claims: Vec<ForwardClaim> =
            due.query_map(params![target, millis(now), most], read)?.collect::<Result<_, _>>()?;
        for claim in &claims {
            self.conn
                .prepare_cached(
                    "UPDATE forwards SET attempts = ?2, step = ?3, next_at = ?4, last_at = ?5, begun = 1 WHERE id = ?1",
                )?
                .execute(params![
                    claim.id,
                    claim.attempt,
                    claim.step.saturating_add(1),
                    millis(again(claim.step)),
                    millis(now)
                ])?;
        }
        Ok(claims)
    }

    /// The target took it.
    pub(crate) fn forward_delivered(&self, claim: &ForwardClaim, status: u16) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE forwards SET state = 'delivered', next_at = NULL, last_status = ?2, last_error = NULL,
                        begun = 0 WHERE id = ?1",
            )?
            .execute(params![claim.id, status])?;
        Ok(())
    }

    /// The target did not take it; it is tried again at `next`, or never. An attempt that another one has overtaken says nothing any more.
    pub(crate) fn forward_failed(
        &self,
        claim: &ForwardClaim,
        status: Option<u16>,
        error: Option<&str>,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                // where it was taken off the ladder meanwhile it stays off, but what came back is known
                "UPDATE forwards SET state = iif(state = 'dead' OR ?5 IS NULL, 'dead', 'waiting'),
                        next_at = iif(state = 'dead', NULL, ?5), last_status = ?3,
                        last_error = iif(state = 'dead', last_error, ?4), begun = 0
                 WHERE id = ?1 AND attempts = ?2 AND state != 'delivered'",
            )?
            .execute(params![claim.id, claim.attempt, status, error, next.map(millis)])?;
        Ok(())
    }

    /// Dead ones (made since then, for `target` or for all) wait again, at the foot of the ladder; their attempts go on
    /// counting. How many.
    pub(crate) fn forward_recover(
        &self,
        target: Option<&str>,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "UPDATE forwards SET state = 'waiting', step = 0, next_at = ?2
                 WHERE state = 'dead' AND created_at >= ?1 AND (?3 IS NULL OR target = ?3)",
            )?
            .execute(params![since.map_or(0, millis), millis(now), target])?)
    }

    /// Up to `most` deliveries after the row `after` that came since then and were taken in, but never meant for `target`
    /// (nobody forwarded to it that day), wait for it now; duplicates stay out, their first is enough. How many, and the
    /// last row that was looked at: `None` when there are no more.
    pub(crate) fn forward_enqueue_missed(
        &self,
        target: &str,
        since: Timestamp,
        after: i64,
        most: usize,
        now: Timestamp,
    ) -> Result<(usize, Option<i64>), StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let last: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT max(id) FROM (SELECT id FROM callbacks WHERE id > ?1 AND received_at >= ?2
                    AND verdict IN ('applied', 'held') ORDER BY id LIMIT ?3)",
            )?
            .query_row(params![after, millis(since), most], |row| row.get(0))?;
        let Some(last) = last else { return Ok((0, None)) };
        let missed = self
            .conn
            .prepare_cached(
                "INSERT OR IGNORE INTO forwards (callback_id, target, state, next_at, created_at)
                 SELECT id, ?4, 'waiting', ?5, ?5 FROM callbacks
                 WHERE id > ?1 AND id <= ?3 AND received_at >= ?2 AND verdict IN ('applied', 'held')",
            )?
            .execute(params![after, millis(since), last, target, millis(now)])?;
        Ok((missed, Some(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CallbackRaw, CallbackReady, CallbackRow, ReplayRow, Store, schema};
    use super::*;
    use crate::wire::Verdict;

    const TARGET: &str = "http://127.0.0.1:9/notify";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("an instant")
    }

    async fn delivery(store: &Store, verdict: Verdict, second: i64) -> i64 {
        let row = CallbackRow {
            id: 0,
            merchant: "shop".to_owned(),
            mchid: "1900000001".to_owned(),
            received_at: at(second),
            verdict,
            reason: None,
            http_status: 204,
            latency_ms: 0,
            notification_id: None,
            event_type: None,
            out_trade_no: None,
            amount: None,
            order_id: None,
            first_id: None,
        };
        let raw = CallbackRaw {
            target: "/notify/shop".to_owned(),
            source: "127.0.0.1".to_owned(),
            headers: vec![("Accept".to_owned(), "*/*".to_owned())],
            body: b"{}".to_vec(),
            decrypted: None,
            intact: true,
        };
        let ready = CallbackReady::of(&raw);
        store.write(move |tx| tx.callback_insert(&row, &raw, &ready, &[], None)).await.expect("kept")
    }

    async fn claim(store: &Store, now: i64) -> Vec<ForwardClaim> {
        let again = move |step: u32| at(now + 15 + i64::from(step));
        store.write(move |tx| tx.forward_claim(TARGET, at(now), 10, again)).await.expect("claimed")
    }

    #[tokio::test]
    async fn an_attempt_is_counted_before_it_is_sent_and_repeated_under_the_next_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let id = delivery(&store, Verdict::Applied, 0).await;
        for _ in 0..2 {
            store.write(move |tx| tx.forward_enqueue(id, TARGET, at(0), at(1))).await.expect("enqueued");
        }
        assert!(claim(&store, 0).await.is_empty(), "not due yet");
        let first = claim(&store, 1).await;
        assert_eq!(
            first.iter().map(|it| (it.attempt, it.step, it.before)).collect::<Vec<_>>(),
            [(1, 0, ForwardBefore::Nothing)],
            "once, though told twice"
        );
        assert!(claim(&store, 2).await.is_empty(), "it is on its way");
        // its sender died
        let second = claim(&store, 16).await.remove(0);
        assert_eq!((second.attempt, second.step, second.body.as_slice()), (2, 1, b"{}".as_slice()));
        assert_eq!(second.before, ForwardBefore::Unknown);
        // the first one's late end says nothing about the second
        let late = first.into_iter().next().expect("the first");
        store.write(move |tx| tx.forward_failed(&late, None, Some("late"), None)).await.expect("written");
        let state =
            |store: &Store| store.read_now(|view| view.forwards(&ForwardQuery { limit: 5, ..Default::default() }));
        let (rows, _) = state(&store).expect("read");
        assert_eq!(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>(), ["waiting"]);
        store.write(move |tx| tx.forward_failed(&second, Some(500), None, None)).await.expect("written");
        let (rows, _) = state(&store).expect("read");
        assert_eq!(
            rows.iter().map(|row| (row.state.as_str(), row.last_status)).collect::<Vec<_>>(),
            [("dead", Some(500))]
        );
        let other = Some("http://127.0.0.1:9/other");
        assert_eq!(store.write(move |tx| tx.forward_recover(other, None, at(20))).await.expect("none"), 0);
        assert_eq!(store.write(move |tx| tx.forward_recover(Some(TARGET), None, at(20))).await.expect("one"), 1);
        let third = claim(&store, 20).await.remove(0);
        assert_eq!(third.before, ForwardBefore::Refused);
        assert_eq!((third.attempt, third.step), (3, 0), "the ladder from its foot, the count from where it was");
        store.write(move |tx| tx.forward_delivered(&third, 204)).await.expect("written");
        assert_eq!(store.read_now(|view| view.forward_next(TARGET)).expect("read"), None);
    }

    #[tokio::test]
    async fn what_was_missed_is_what_was_taken_in_since() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        let mut ids = Vec::new();
        for (verdict, second) in [
            (Verdict::Applied, 0),
            (Verdict::Applied, 10),
            (Verdict::Rejected, 11),
            (Verdict::Duplicate, 12),
            (Verdict::Held, 13),
            (Verdict::Failed, 14),
        ] {
            ids.push(delivery(&store, verdict, second).await);
        }
        let (mut after, mut missed) = (Some(0), 0);
        while let Some(from) = after {
            let part = store.write(move |tx| tx.forward_enqueue_missed(TARGET, at(10), from, 1, at(20)));
            let (count, last) = part.await.expect("enqueued");
            missed += count;
            after = last;
        }
        assert_eq!(missed, 2);
        let claimed: Vec<i64> = claim(&store, 20).await.iter().map(|claim| claim.callback_id).collect();
        assert_eq!(claimed, [ids[1], ids[4]]);
    }

    #[tokio::test]
    async fn a_store_of_the_first_version_is_taken_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("guitai.db");
        let old = rusqlite::Connection::open(&file).expect("opens");
        old.execute_batch(include_str!("schema_1.sql")).expect("the first step");
        old.execute_batch(super::super::merchants::SCHEMA_1).expect("the first step");
        old.execute_batch("PRAGMA application_id = 0x47554954; PRAGMA user_version = 1").expect("named");
        drop(old);
        let store = Store::open(folder.path()).expect("migrates");
        assert!(folder.path().join("backups").join("guitai-v1.db").exists(), "a copy of before");
        let id = delivery(&store, Verdict::Held, 0).await;
        store.write(move |tx| tx.forward_enqueue(id, TARGET, at(0), at(0))).await.expect("enqueued");
        let replay = ReplayRow {
            id: 0,
            at: at(1),
            target: TARGET.to_owned(),
            resigned: true,
            edited: false,
            fault: None,
            status: Some(204),
            latency_ms: 3,
            headers: Vec::new(),
            body: Vec::new(),
            cut: false,
            error: None,
        };
        for _ in 0..55 {
            let replay = replay.clone();
            store.write(move |tx| tx.replay_insert(id, &replay)).await.expect("kept");
        }
        assert_eq!(store.read_now(|view| view.replays(id)).expect("read").len(), 50, "the newest");
        store.close().await;
        let header = std::fs::read(&file).expect("the file");
        assert_eq!(header.get(60..64), Some(u32::try_from(schema::NEWEST).expect("small").to_be_bytes().as_slice()));
    }
}
