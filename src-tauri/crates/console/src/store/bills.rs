//! Rows of bills: the files as they came, and the lines that orders have in them.

use super::columns::{instant, millis};
use super::{OrderRow, RefundRow, StoreError, Tx, View};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::HashSet;
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// A bill as it is kept, without its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BillRow {
    pub(crate) kind: String,
    pub(crate) day: String,
    pub(crate) fetched_at: Timestamp,
    /// Of the uncompressed bytes; empty where WeChat Pay has no bill of that day.
    pub(crate) sha1: String,
    pub(crate) bytes: u32,
    pub(crate) lines: u32,
    /// What the last reconciliation found.
    pub(crate) differences: Option<u32>,
}

/// A line of a trade bill, as far as an order's dossier needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BillLineRow {
    pub(crate) out_trade_no: String,
    /// Only of refunds.
    pub(crate) out_refund_no: Option<String>,
    /// As it stands in the bill: Beijing time.
    pub(crate) at: String,
    pub(crate) state: String,
    pub(crate) amount: Fen,
    /// Yuan with five decimals, as it stands.
    pub(crate) fee: String,
}

/// What came of an order's notifications of payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// A genuine one came and was taken in, or was known already.
    pub(crate) taken: bool,
    /// A genuine one waits for a person.
    pub(crate) held: bool,
}

const COLUMNS: &str = "kind, day, fetched_at, sha1, bytes, lines, differences";

fn read(row: &Row<'_>) -> rusqlite::Result<BillRow> {
    Ok(BillRow {
        kind: row.get(0)?,
        day: row.get(1)?,
        fetched_at: instant(row.get(2)?),
        sha1: row.get(3)?,
        bytes: row.get(4)?,
        lines: row.get(5)?,
        differences: row.get(6)?,
    })
}

fn read_line(row: &Row<'_>) -> rusqlite::Result<BillLineRow> {
    Ok(BillLineRow {
        out_trade_no: row.get(0)?,
        out_refund_no: row.get(1)?,
        at: row.get(2)?,
        state: row.get(3)?,
        amount: Fen::new(row.get(4)?),
        fee: row.get(5)?,
    })
}

impl View<'_> {
    /// A day's bill with its file as it came (gzip or plain).
    pub(crate) fn bill(&self, mchid: &str, kind: &str, day: &str) -> Result<Option<(BillRow, Vec<u8>)>, StoreError> {
        let sql = format!("SELECT {COLUMNS}, file FROM bills WHERE mchid = ?1 AND kind = ?2 AND day = ?3");
        let both = |row: &Row<'_>| Ok((read(row)?, row.get(7)?));
        Ok(self.conn.prepare_cached(&sql)?.query_row([mchid, kind, day], both).optional()?)
    }

    /// The bills that are kept, newest day first.
    pub(crate) fn bills(&self, mchid: &str, limit: i64) -> Result<Vec<BillRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM bills WHERE mchid = ?1 ORDER BY day DESC, kind DESC LIMIT ?2");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let found = rows.query_map(params![mchid, limit], read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// The lines that an order and its refunds have in kept bills, with when those were fetched.
    pub(crate) fn bill_lines_of(
        &self,
        mchid: &str,
        out_trade_no: &str,
    ) -> Result<Vec<(BillLineRow, Timestamp)>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT out_trade_no, out_refund_no, at, state, amount, fee, fetched_at
             FROM bill_lines JOIN bills ON bills.id = bill_id
             WHERE bill_lines.mchid = ?1 AND out_trade_no = ?2 ORDER BY fetched_at, line LIMIT 200",
        )?;
        let both = |row: &Row<'_>| Ok((read_line(row)?, instant(row.get(6)?)));
        let found = rows.query_map([mchid, out_trade_no], both)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// Orders that were paid in a span of time, oldest first.
    pub(crate) fn orders_paid_between(
        &self,
        mchid: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT out_trade_no FROM orders
             WHERE mchid = ?1 AND success_time >= ?2 AND success_time < ?3 ORDER BY success_time",
        )?;
        let numbers: Vec<String> =
            rows.query_map(params![mchid, millis(from), millis(until)], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut found = Vec::with_capacity(numbers.len());
        for number in &numbers {
            found.extend(self.order(mchid, number)?);
        }
        Ok(found)
    }

    /// Refunds that were asked for in a span of time, with their order's number.
    pub(crate) fn refunds_made_between(
        &self,
        mchid: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(RefundRow, String)>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT refunds.out_refund_no, orders.out_trade_no FROM refunds JOIN orders ON orders.id = refunds.order_id
             WHERE refunds.mchid = ?1 AND refunds.created_at >= ?2 AND refunds.created_at < ?3
             ORDER BY refunds.created_at",
        )?;
        let numbers: Vec<(String, String)> = rows
            .query_map(params![mchid, millis(from), millis(until)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut found = Vec::with_capacity(numbers.len());
        for (refund, order) in numbers {
            found.extend(self.refund(mchid, &refund)?.map(|row| (row, order)));
        }
        Ok(found)
    }

    /// Of these payments or refunds, those that have a line in any kept bill.
    pub(crate) fn billed(&self, mchid: &str, out_trade_no: &str) -> Result<HashSet<Option<String>>, StoreError> {
        Ok(self.bill_lines_of(mchid, out_trade_no)?.into_iter().map(|(line, _)| line.out_refund_no).collect())
    }

    /// What came of the notifications of an order's payment.
    pub(crate) fn payment_told(&self, mchid: &str, out_trade_no: &str) -> Result<Told, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT coalesce(max(verdict IN ('applied', 'duplicate')), 0), coalesce(max(verdict = 'held'), 0)
                 FROM callbacks WHERE mchid = ?1 AND out_trade_no = ?2 AND event_type LIKE 'TRANSACTION.%'",
            )?
            .query_row([mchid, out_trade_no], |row| Ok(Told { taken: row.get(0)?, held: row.get(1)? }))?)
    }
}

impl Tx<'_> {
    /// Keeps a bill in the place of an earlier one of the same day and kind.
    pub(crate) fn bill_keep(
        &self,
        mchid: &str,
        bill: &BillRow,
        file: &[u8],
        lines: &[BillLineRow],
    ) -> Result<(), StoreError> {
        self.conn.prepare_cached("DELETE FROM bills WHERE mchid = ?1 AND kind = ?2 AND day = ?3")?.execute([
            mchid,
            bill.kind.as_str(),
            bill.day.as_str(),
        ])?;
        self.conn
            .prepare_cached(
                "INSERT INTO bills (mchid, kind, day, fetched_at, sha1, bytes, lines, file)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                mchid,
                bill.kind,
                bill.day,
                millis(bill.fetched_at),
                bill.sha1,
                bill.bytes,
                bill.lines,
                file
            ])?;
        let id = self.conn.last_insert_rowid();
        let mut insert =
            self.conn.prepare_cached("INSERT INTO bill_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for (number, line) in (1_i64..).zip(lines) {
            insert.execute(params![
                id,
                number,
                mchid,
                line.out_trade_no,
                line.out_refund_no,
                line.at,
                line.state,
                line.amount.get(),
                line.fee,
            ])?;
        }
        Ok(())
    }

    /// Remembers what the reconciliation of a day found.
    pub(crate) fn bill_set_differences(&self, mchid: &str, day: &str, differences: u32) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE bills SET differences = ?3 WHERE mchid = ?1 AND kind = 'trade' AND day = ?2")?
            .execute(params![mchid, day, differences])?;
        Ok(())
    }
}
