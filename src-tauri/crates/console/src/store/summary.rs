//! Sums that are kept, never counted: days and orders by state. Triggers of the schema write them.

use super::{StoreError, View};
use rusqlite::params;

/// One business day in Beijing time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DayRow {
    /// `YYYY-MM-DD`.
    pub(crate) day: String,
    pub(crate) payments: i64,
    /// Fen.
    pub(crate) amount: i64,
    pub(crate) refunds: i64,
    /// Fen.
    pub(crate) refunded: i64,
}

impl View<'_> {
    /// Days from `from` on (`YYYY-MM-DD`), oldest first; days without trade have no row.
    pub(crate) fn days_since(&self, mchid: &str, from: &str) -> Result<Vec<DayRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT day, payments, amount, refunds, refunded FROM days WHERE mchid = ?1 AND day >= ?2
             ORDER BY day LIMIT 1000",
        )?;
        let days = rows
            .query_map([mchid, from], |row| {
                Ok(DayRow {
                    day: row.get(0)?,
                    payments: row.get(1)?,
                    amount: row.get(2)?,
                    refunds: row.get(3)?,
                    refunded: row.get(4)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(days)
    }

    /// Orders that may still be paid.
    pub(crate) fn orders_unpaid(&self, mchid: &str) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT coalesce(sum(orders), 0) FROM order_states
                 WHERE mchid = ?1 AND state IN ('CREATED', 'NOTPAY', 'USERPAYING', 'PAYERROR')",
            )?
            .query_row(params![mchid], |row| row.get(0))?)
    }

    /// Held deliveries that nobody has looked at. A person's pile: small, and its index holds nothing else.
    pub(crate) fn callbacks_unseen(&self, mchid: &str) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM callbacks WHERE mchid = ?1 AND verdict = 'held' AND seen = 0
                 LIMIT 10000)",
            )?
            .query_row(params![mchid], |row| row.get(0))?)
    }

    /// The same sums over all rows: what a test compares the kept ones with.
    #[cfg(test)]
    pub(crate) fn days_recomputed(&self, mchid: &str) -> Result<Vec<DayRow>, StoreError> {
        let mut rows = self.conn.prepare(
            "SELECT day, sum(payments), sum(amount), sum(refunds), sum(refunded) FROM (
               SELECT date(success_time / 1000 + 28800, 'unixepoch') AS day, 1 AS payments, total AS amount,
                      0 AS refunds, 0 AS refunded FROM orders WHERE mchid = ?1 AND success_time IS NOT NULL
               UNION ALL
               SELECT date(success_time / 1000 + 28800, 'unixepoch'), 0, 0, 1, refund FROM refunds
               WHERE mchid = ?1 AND status = 'SUCCESS')
             GROUP BY day ORDER BY day",
        )?;
        let days = rows
            .query_map([mchid], |row| {
                Ok(DayRow {
                    day: row.get(0)?,
                    payments: row.get(1)?,
                    amount: row.get(2)?,
                    refunds: row.get(3)?,
                    refunded: row.get(4)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(days)
    }
}
