//! Rows of the journal: what happened to an order, oldest first.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use crate::journal::Line;
use rusqlite::{Row, params};
use wechatpay::time::Timestamp;

/// A line as it was written, with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalRow {
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) state: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) detail: Option<String>,
    pub(crate) exchange_id: Option<i64>,
    pub(crate) callback_id: Option<i64>,
}

const COLUMNS: &str = "at, kind, state, amount, detail, exchange_id, callback_id";
/// An order's life is short; this only bounds what a hostile history could make us read.
const LINES: i64 = 1_000;

fn read(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        at: instant(row.get(0)?),
        kind: row.get(1)?,
        state: row.get(2)?,
        amount: row.get(3)?,
        detail: row.get(4)?,
        exchange_id: row.get(5)?,
        callback_id: row.get(6)?,
    })
}

impl View<'_> {
    /// An order's lines, oldest first.
    pub(crate) fn journal_of_order(&self, order_id: i64) -> Result<Vec<JournalRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM journal WHERE order_id = ?1 ORDER BY id LIMIT {LINES}");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let lines = rows.query_map([order_id], read)?.collect::<Result<_, _>>()?;
        Ok(lines)
    }

    /// What one delivery changed.
    pub(crate) fn journal_of_callback(&self, callback_id: i64) -> Result<Vec<JournalRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM journal WHERE callback_id = ?1 ORDER BY id LIMIT {LINES}");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let lines = rows.query_map([callback_id], read)?.collect::<Result<_, _>>()?;
        Ok(lines)
    }
}

impl Tx<'_> {
    /// Writes one line.
    pub(crate) fn journal_write(&self, order_id: i64, at: Timestamp, line: &Line) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO journal (order_id, at, kind, state, amount, detail, exchange_id, callback_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                order_id,
                millis(at),
                line.kind.as_str(),
                line.state.map(|state| state.as_str()),
                line.amount.map(|amount| amount.get()),
                line.detail,
                line.exchange_id,
                line.callback_id,
            ])?;
        Ok(())
    }
}
