//! Sums that are kept, never counted: days and orders by state. Triggers of the schema write them.

use super::columns::millis;
use super::orders::via_named;
use super::{OrderSums, StoreError, View};
use crate::orders::state::State;
use crate::wire::Via;
use rusqlite::{Row, params};
use wechatpay::time::Timestamp;

/// A state, its orders and their sum in fen.
#[cfg(test)]
type StateSum = (String, i64, i64);

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
    /// Orders made on that day, and how many of them are paid by now.
    pub(crate) made: i64,
    pub(crate) paid: i64,
}

/// What was paid by one product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ChannelRow {
    pub(crate) via: Option<Via>,
    pub(crate) payments: i64,
    /// Fen.
    pub(crate) amount: i64,
}

/// Orders that are counted as expiring soon, or as due, at most.
const COUNTED: i64 = 1_000;

impl View<'_> {
    /// Days from `from` on (`YYYY-MM-DD`), oldest first; days without trade have no row.
    pub(crate) fn days_since(&self, mchid: &str, from: &str) -> Result<Vec<DayRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT day, sum(payments), sum(amount), sum(refunds), sum(refunded), sum(made), sum(paid) FROM (
               SELECT day, payments, amount, refunds, refunded, 0 AS made, 0 AS paid FROM days
               WHERE mchid = ?1 AND day >= ?2
               UNION ALL
               SELECT day, 0, 0, 0, 0, made, paid FROM day_orders WHERE mchid = ?1 AND day >= ?2)
             GROUP BY day ORDER BY day LIMIT 1000",
        )?;
        let days = rows.query_map([mchid, from], day)?.collect::<Result<_, _>>()?;
        Ok(days)
    }

    /// What was paid by which product since `from` (`YYYY-MM-DD`), the largest sum first.
    pub(crate) fn channels_since(&self, mchid: &str, from: &str) -> Result<Vec<ChannelRow>, StoreError> {
        self.channels(
            "SELECT via, sum(payments), sum(amount) FROM day_channels WHERE mchid = ?1 AND day >= ?2
             GROUP BY via ORDER BY 3 DESC, 1 LIMIT 10",
            mchid,
            from,
        )
    }

    fn channels(&self, sql: &str, mchid: &str, from: &str) -> Result<Vec<ChannelRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(sql)?;
        let channels = rows.query_map([mchid, from], |row| {
            let via: String = row.get(0)?;
            Ok(ChannelRow { via: via_named(&via), payments: row.get(1)?, amount: row.get(2)? })
        })?;
        Ok(channels.collect::<Result<_, _>>()?)
    }

    /// Payable orders whose QR code or prepay_id ends in `from..until`; 1,000 at most are counted.
    pub(crate) fn orders_expiring(&self, mchid: &str, from: Timestamp, until: Timestamp) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM orders INDEXED BY orders_expiry
                 WHERE mchid = ?1 AND url_expires_at >= ?2 AND url_expires_at < ?3
                   AND state IN ('NOTPAY', 'USERPAYING') AND url_expires_at IS NOT NULL LIMIT ?4)",
            )?
            .query_row(params![mchid, millis(from), millis(until), COUNTED], |row| row.get(0))?)
    }

    /// Orders and refunds that the patrol should have asked about by now; 1,000 at most are counted.
    pub(crate) fn patrol_due(&self, mchid: &str, now: Timestamp) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT count(*) FROM (
                   SELECT * FROM (SELECT 1 FROM orders INDEXED BY orders_patrol
                                  WHERE patrol_at <= ?2 AND +mchid = ?1 LIMIT ?3)
                   UNION ALL
                   SELECT * FROM (SELECT 1 FROM refunds INDEXED BY refunds_patrol
                                  WHERE patrol_at <= ?2 AND +mchid = ?1 LIMIT ?3)
                   LIMIT ?3)",
            )?
            .query_row(params![mchid, millis(now), COUNTED], |row| row.get(0))?)
    }

    /// All orders in any of `states` (empty: in any state), and their sum: kept, so always exact.
    pub(super) fn order_sums_of_states(&self, mchid: &str, states: &[State]) -> Result<OrderSums, StoreError> {
        let mut rows =
            self.conn.prepare_cached("SELECT state, orders, amount FROM order_states WHERE mchid = ?1 LIMIT 100")?;
        let mut sums = OrderSums { orders: 0, amount: 0, exact: true };
        let kept = rows
            .query_map([mchid], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        for row in kept {
            let (state, orders, amount) = row?;
            if states.is_empty() || states.iter().any(|wanted| wanted.as_str() == state) {
                sums.orders = sums.orders.saturating_add(orders);
                sums.amount = sums.amount.saturating_add(amount);
            }
        }
        Ok(sums)
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
            "SELECT day, sum(payments), sum(amount), sum(refunds), sum(refunded), sum(made), sum(paid) FROM (
               SELECT date(success_time / 1000 + 28800, 'unixepoch') AS day, 1 AS payments, total AS amount,
                      0 AS refunds, 0 AS refunded, 0 AS made, 0 AS paid FROM orders
               WHERE mchid = ?1 AND success_time IS NOT NULL
               UNION ALL
               SELECT date(success_time / 1000 + 28800, 'unixepoch'), 0, 0, 1, refund, 0, 0 FROM refunds
               WHERE mchid = ?1 AND status = 'SUCCESS'
               UNION ALL
               SELECT date(created_at / 1000 + 28800, 'unixepoch'), 0, 0, 0, 0, 1, success_time IS NOT NULL FROM orders
               WHERE mchid = ?1)
             GROUP BY day ORDER BY day",
        )?;
        let days = rows.query_map([mchid], day)?.collect::<Result<_, _>>()?;
        Ok(days)
    }

    /// The channels over all rows.
    #[cfg(test)]
    pub(crate) fn channels_recomputed(&self, mchid: &str) -> Result<Vec<ChannelRow>, StoreError> {
        self.channels(
            "SELECT coalesce(via, ''), count(*), sum(total) FROM orders
             WHERE mchid = ?1 AND success_time IS NOT NULL AND ?2 = '' GROUP BY 1 ORDER BY 3 DESC, 1",
            mchid,
            "",
        )
    }

    /// The states over all rows: state, orders, sum.
    #[cfg(test)]
    pub(crate) fn states_compared(&self, mchid: &str) -> Result<[Vec<StateSum>; 2], StoreError> {
        let read = |sql: &str| -> Result<Vec<(String, i64, i64)>, StoreError> {
            let mut rows = self.conn.prepare(sql)?;
            Ok(rows.query_map([mchid], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?)
        };
        Ok([
            read("SELECT state, orders, amount FROM order_states WHERE mchid = ?1 AND orders > 0 ORDER BY state")?,
            read("SELECT state, count(*), sum(total) FROM orders WHERE mchid = ?1 GROUP BY state ORDER BY state")?,
        ])
    }
}

fn day(row: &Row<'_>) -> rusqlite::Result<DayRow> {
    Ok(DayRow {
        day: row.get(0)?,
        payments: row.get(1)?,
        amount: row.get(2)?,
        refunds: row.get(3)?,
        refunded: row.get(4)?,
        made: row.get(5)?,
        paid: row.get(6)?,
    })
}
