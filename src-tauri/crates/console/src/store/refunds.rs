//! Rows of refunds.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use crate::orders::state::RefundState;
use rusqlite::{OptionalExtension, Row, params};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// A refund as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct RefundRow {
    pub(crate) id: i64,
    pub(crate) order_id: i64,
    pub(crate) mchid: String,
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) status: RefundState,
    pub(crate) refund: Fen,
    pub(crate) total: Fen,
    pub(crate) reason: Option<String>,
    pub(crate) notify_url: Option<String>,
    pub(crate) user_received_account: Option<String>,
    pub(crate) success_time: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) patrol_step: i64,
}

/// A refund before it is kept.
#[derive(Debug, Clone)]
pub(crate) struct NewRefund {
    pub(crate) order_id: i64,
    pub(crate) mchid: String,
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) status: RefundState,
    pub(crate) refund: Fen,
    pub(crate) total: Fen,
    pub(crate) reason: Option<String>,
    pub(crate) notify_url: Option<String>,
    /// It wasn't asked for here.
    pub(crate) elsewhere: bool,
    pub(crate) user_received_account: Option<String>,
    pub(crate) success_time: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// What became known of a refund.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefundFacts {
    pub(crate) refund_id: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) user_received_account: Option<String>,
    pub(crate) success_time: Option<Timestamp>,
}

const COLUMNS: &str = "id, order_id, mchid, out_refund_no, refund_id, transaction_id, status, refund, total, reason, \
    notify_url, user_received_account, success_time, created_at, patrol_step";

fn read(row: &Row<'_>) -> rusqlite::Result<RefundRow> {
    let status: String = row.get(6)?;
    Ok(RefundRow {
        id: row.get(0)?,
        order_id: row.get(1)?,
        mchid: row.get(2)?,
        out_refund_no: row.get(3)?,
        refund_id: row.get(4)?,
        transaction_id: row.get(5)?,
        status: RefundState::parse(&status).unwrap_or(RefundState::Unknown),
        refund: Fen::new(row.get(7)?),
        total: Fen::new(row.get(8)?),
        reason: row.get(9)?,
        notify_url: row.get(10)?,
        user_received_account: row.get(11)?,
        success_time: row.get::<_, Option<i64>>(12)?.map(instant),
        created_at: instant(row.get(13)?),
        patrol_step: row.get(14)?,
    })
}

impl View<'_> {
    /// The refund of that number.
    pub(crate) fn refund(&self, mchid: &str, out_refund_no: &str) -> Result<Option<RefundRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM refunds WHERE mchid = ?1 AND out_refund_no = ?2");
        Ok(self.conn.prepare_cached(&sql)?.query_row([mchid, out_refund_no], read).optional()?)
    }

    /// All refunds of an order, oldest first. WeChat Pay allows 50.
    pub(crate) fn refunds_of(&self, order_id: i64) -> Result<Vec<RefundRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM refunds WHERE order_id = ?1 ORDER BY id LIMIT 1000");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let found = rows.query_map([order_id], read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// Unfinished refunds whose turn to be queried has come.
    pub(crate) fn refunds_due(&self, now: Timestamp, limit: i64) -> Result<Vec<RefundRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM refunds WHERE patrol_at <= ?1 ORDER BY patrol_at LIMIT ?2");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let found = rows.query_map(params![millis(now), limit], read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }
}

impl Tx<'_> {
    /// Keeps a new refund; its number must be new to the mchid.
    pub(crate) fn refund_insert(&self, refund: &NewRefund) -> Result<RefundRow, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO refunds (order_id, mchid, out_refund_no, refund_id, transaction_id, status, refund, total,
                                      reason, notify_url, elsewhere, user_received_account, success_time, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                refund.order_id,
                refund.mchid,
                refund.out_refund_no,
                refund.refund_id,
                refund.transaction_id,
                refund.status.as_str(),
                refund.refund.get(),
                refund.total.get(),
                refund.reason,
                refund.notify_url,
                refund.elsewhere,
                refund.user_received_account,
                refund.success_time.map(millis),
                millis(refund.created_at),
            ])?;
        self.recount(refund.order_id)?;
        self.refund(&refund.mchid, &refund.out_refund_no)?
            .ok_or_else(|| StoreError::Other("the refund just made is gone".to_owned()))
    }

    /// Moves a refund if it still is what the caller read, with what became known of it.
    pub(crate) fn refund_move(
        &self,
        refund: &RefundRow,
        to: RefundState,
        facts: &RefundFacts,
    ) -> Result<(), StoreError> {
        let changed = self
            .conn
            .prepare_cached(
                "UPDATE refunds SET status = ?3, refund_id = coalesce(?4, refund_id),
                        transaction_id = coalesce(?5, transaction_id),
                        user_received_account = coalesce(?6, user_received_account),
                        success_time = coalesce(?7, success_time)
                 WHERE id = ?1 AND status = ?2",
            )?
            .execute(params![
                refund.id,
                refund.status.as_str(),
                to.as_str(),
                facts.refund_id,
                facts.transaction_id,
                facts.user_received_account,
                facts.success_time.map(millis),
            ])?;
        if changed != 1 {
            return Err(StoreError::Other(format!("refund {} was not {} any more", refund.id, refund.status.as_str())));
        }
        self.recount(refund.order_id)
    }

    /// When the patrol asks about it next (`None`: never), after `step` visits.
    pub(crate) fn refund_set_patrol(&self, id: i64, at: Option<Timestamp>, step: i64) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE refunds SET patrol_at = ?2, patrol_step = ?3 WHERE id = ?1")?
            .execute(params![id, at.map(millis), step])?;
        Ok(())
    }

    /// The order's running total, from its refunds themselves; the column's CHECK keeps it within the order's total.
    fn recount(&self, order_id: i64) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE orders SET refunded = (SELECT coalesce(sum(refund), 0) FROM refunds
                    WHERE order_id = ?1 AND status IN ('PROCESSING', 'ABNORMAL', 'SUCCESS')) WHERE id = ?1",
            )?
            .execute([order_id])?;
        Ok(())
    }
}
