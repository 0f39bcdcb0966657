//! Rows of orders: one by its number, those that are due, the changes that `orders` decided. Lists are in `order_list`.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View, search};
use crate::orders::state::State;
use crate::wire::{FoundBy, Verdict, Via};
use rusqlite::{OptionalExtension, Row, named_params, params};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// An order as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct OrderRow {
    pub(crate) id: i64,
    pub(crate) merchant: String,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) out_trade_no: String,
    pub(crate) state: State,
    pub(crate) description: String,
    pub(crate) total: Fen,
    pub(crate) currency: String,
    pub(crate) attach: Option<String>,
    pub(crate) openid: Option<String>,
    pub(crate) notify_url: Option<String>,
    pub(crate) via: Option<Via>,
    pub(crate) prepay_id: Option<String>,
    pub(crate) code_url: Option<String>,
    pub(crate) h5_url: Option<String>,
    pub(crate) url_expires_at: Option<Timestamp>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) success_time: Option<Timestamp>,
    pub(crate) found_by: Option<FoundBy>,
    pub(crate) refunded: Fen,
    pub(crate) callback_verdict: Option<Verdict>,
    /// The last call's outcome is unknown since then.
    pub(crate) unknown_since: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) prepaid_at: Option<Timestamp>,
    pub(crate) patrol_step: i64,
    /// JSON of the optional fields of its prepay.
    pub(crate) fields: Option<String>,
    /// The combined order that it is part of.
    pub(crate) combine_out_trade_no: Option<String>,
}

/// An order before it is kept.
#[derive(Debug, Clone)]
pub(crate) struct NewOrder {
    pub(crate) merchant: String,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) out_trade_no: String,
    pub(crate) description: String,
    pub(crate) total: Fen,
    pub(crate) attach: Option<String>,
    pub(crate) openid: Option<String>,
    pub(crate) notify_url: Option<String>,
    /// JSON of the optional fields of its prepay.
    pub(crate) fields: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// What is told of a payment.
#[derive(Debug, Clone)]
pub(crate) struct Payment<'a> {
    pub(crate) transaction_id: &'a str,
    pub(crate) success_time: Timestamp,
    pub(crate) openid: Option<&'a str>,
    /// May be less than the order's total: coupons.
    pub(crate) payer_total: Option<Fen>,
    pub(crate) found_by: FoundBy,
}

/// What a prepay gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handle {
    pub(crate) prepay_id: Option<String>,
    pub(crate) code_url: Option<String>,
    pub(crate) h5_url: Option<String>,
}

const COLUMNS: &str = "id, merchant, mchid, appid, out_trade_no, state, description, total, currency, attach, openid, \
    notify_url, via, prepay_id, code_url, h5_url, url_expires_at, transaction_id, success_time, found_by, refunded, \
    callback_verdict, unknown_since, created_at, prepaid_at, patrol_step, fields, \
    combine_out_trade_no";

pub(super) fn via_name(via: Via) -> &'static str {
    match via {
        Via::Jsapi => "jsapi",
        Via::Native => "native",
        Via::App => "app",
        Via::H5 => "h5",
    }
}

pub(super) fn via_named(name: &str) -> Option<Via> {
    [Via::Jsapi, Via::Native, Via::App, Via::H5].into_iter().find(|via| via_name(*via) == name)
}

fn found_name(found: FoundBy) -> &'static str {
    match found {
        FoundBy::Callback => "callback",
        FoundBy::Query => "query",
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    let optional_time = |at: usize| row.get::<_, Option<i64>>(at).map(|millis| millis.map(instant));
    let state: String = row.get(5)?;
    Ok(OrderRow {
        id: row.get(0)?,
        merchant: row.get(1)?,
        mchid: row.get(2)?,
        appid: row.get(3)?,
        out_trade_no: row.get(4)?,
        // the CHECK of the column knows the same names
        state: State::parse(&state).unwrap_or(State::Created),
        description: row.get(6)?,
        total: Fen::new(row.get(7)?),
        currency: row.get(8)?,
        attach: row.get(9)?,
        openid: row.get(10)?,
        notify_url: row.get(11)?,
        via: row.get::<_, Option<String>>(12)?.as_deref().and_then(via_named),
        prepay_id: row.get(13)?,
        code_url: row.get(14)?,
        h5_url: row.get(15)?,
        url_expires_at: optional_time(16)?,
        transaction_id: row.get(17)?,
        success_time: optional_time(18)?,
        found_by: match row.get::<_, Option<String>>(19)?.as_deref() {
            Some("callback") => Some(FoundBy::Callback),
            Some("query") => Some(FoundBy::Query),
            _ => None,
        },
        refunded: Fen::new(row.get(20)?),
        callback_verdict: row.get::<_, Option<String>>(21)?.as_deref().and_then(super::callbacks::verdict_named),
        unknown_since: optional_time(22)?,
        created_at: instant(row.get(23)?),
        prepaid_at: optional_time(24)?,
        patrol_step: row.get(25)?,
        fields: row.get(26)?,
        combine_out_trade_no: row.get(27)?,
    })
}

impl View<'_> {
    /// The order of that number (letter case counts), if this merchant has it.
    pub(crate) fn order(&self, mchid: &str, out_trade_no: &str) -> Result<Option<OrderRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE mchid = ?1 AND out_trade_no = ?2");
        Ok(self.conn.prepare_cached(&sql)?.query_row([mchid, out_trade_no], read).optional()?)
    }

    /// The order of that row.
    pub(crate) fn order_at(&self, id: i64) -> Result<Option<OrderRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE id = ?1");
        Ok(self.conn.prepare_cached(&sql)?.query_row([id], read).optional()?)
    }

    /// The orders of a combined one, in the order in which they were made.
    pub(crate) fn orders_of_combine(&self, mchid: &str, number: &str) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE mchid = ?1 AND combine_out_trade_no = ?2 ORDER BY id");
        let mut rows = self.conn.prepare_cached(&sql)?;
        Ok(rows.query_map([mchid, number], read)?.collect::<Result<_, _>>()?)
    }

    /// The newest payments, by when WeChat Pay says they were made.
    pub(crate) fn orders_paid_latest(&self, mchid: &str, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM orders WHERE mchid = ?1 AND success_time IS NOT NULL
             ORDER BY success_time DESC LIMIT ?2"
        );
        let mut rows = self.conn.prepare_cached(&sql)?;
        let found = rows.query_map(params![mchid, limit], read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// Open orders whose turn to be queried has come, the longest overdue first.
    pub(crate) fn orders_due(&self, now: Timestamp, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE patrol_at <= ?1 ORDER BY patrol_at LIMIT ?2");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let found = rows.query_map(params![millis(now), limit], read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// When the next order or refund is due, if any is.
    pub(crate) fn patrol_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT min(at) FROM (SELECT min(patrol_at) AS at FROM orders WHERE patrol_at IS NOT NULL
                 UNION ALL SELECT min(patrol_at) FROM refunds WHERE patrol_at IS NOT NULL)",
            )?
            .query_row([], |row| row.get(0))?;
        Ok(at.map(instant))
    }
}

impl Tx<'_> {
    /// Keeps a new order in state `CREATED`. Its number must be new to the mchid, else [`StoreError::Exists`].
    pub(crate) fn order_insert(&self, order: &NewOrder) -> Result<OrderRow, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO orders (merchant, mchid, appid, out_trade_no, state, description, total, currency,
                                     attach, openid, notify_url, created_at, fields)
                 VALUES (?1, ?2, ?3, ?4, 'CREATED', ?5, ?6, 'CNY', ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                order.merchant,
                order.mchid,
                order.appid,
                order.out_trade_no,
                order.description,
                order.total.get(),
                order.attach,
                order.openid,
                order.notify_url,
                millis(order.created_at),
                order.fields,
            ])?;
        let id = self.conn.last_insert_rowid();
        search::remember(self.conn, id, &order.description, order.attach.as_deref())?;
        self.order_at(id)?.ok_or_else(|| StoreError::Other("the order just made is gone".to_owned()))
    }

    /// Moves the state, if it still is what the caller read.
    pub(crate) fn order_move(&self, id: i64, from: State, to: State) -> Result<(), StoreError> {
        let changed = self
            .conn
            .prepare_cached("UPDATE orders SET state = ?3 WHERE id = ?1 AND state = ?2")?
            .execute(params![id, from.as_str(), to.as_str()])?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Other(format!("order {id} was not {} any more", from.as_str())))
        }
    }

    /// A payment's facts and the turn that they make, if the order still is what the caller read. A payment that a callback
    /// told of lights the lamp too: one statement, because each of them is written through every index.
    pub(crate) fn order_pay(&self, id: i64, from: State, to: State, payment: &Payment<'_>) -> Result<(), StoreError> {
        let changed = self
            .conn
            .prepare_cached(
                "UPDATE orders SET state = :to, transaction_id = :transaction, success_time = :at, found_by = :found,
                        openid = coalesce(openid, :openid), payer_total = :payer_total, unknown_since = NULL,
                        patrol_at = NULL,
                        callback_verdict = CASE :found WHEN 'callback' THEN 'applied' ELSE callback_verdict END
                 WHERE id = :id AND state = :from AND success_time IS NULL",
            )?
            .execute(named_params! {
                ":id": id,
                ":from": from.as_str(),
                ":to": to.as_str(),
                ":transaction": payment.transaction_id,
                ":at": millis(payment.success_time),
                ":found": found_name(payment.found_by),
                ":openid": payment.openid,
                ":payer_total": payment.payer_total.map(|fen| fen.get()),
            })?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Other(format!("order {id} was not {} and unpaid any more", from.as_str())))
        }
    }

    /// What an accepted prepay gave, and until when it can be used.
    pub(crate) fn order_set_handle(
        &self,
        id: i64,
        via: Via,
        handle: &Handle,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE orders SET via = ?2, prepay_id = ?3, code_url = ?4, h5_url = ?5, url_expires_at = ?6,
                        prepaid_at = coalesce(prepaid_at, ?7), unknown_since = NULL WHERE id = ?1",
            )?
            .execute(params![
                id,
                via_name(via),
                handle.prepay_id,
                handle.code_url,
                handle.h5_url,
                millis(expires_at),
                millis(now),
            ])?;
        Ok(())
    }

    /// Remembers with which parameters it was first sent, so that the same number is only sent again the same way.
    pub(crate) fn order_about_to_ask(
        &self,
        id: i64,
        via: Via,
        appid: &str,
        fields: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE orders SET via = ?2, unknown_since = coalesce(unknown_since, ?3), fields = ?4, appid = ?5
                 WHERE id = ?1",
            )?
            .execute(params![id, via_name(via), millis(now), fields, appid])?;
        Ok(())
    }

    /// The last call's outcome is unknown since `since`, or known again (`None`).
    pub(crate) fn order_set_unknown(&self, id: i64, since: Option<Timestamp>) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE orders SET unknown_since = ?2 WHERE id = ?1")?
            .execute(params![id, since.map(millis)])?;
        Ok(())
    }

    /// When the patrol asks about it next (`None`: never), after `step` visits.
    pub(crate) fn order_set_patrol(&self, id: i64, at: Option<Timestamp>, step: i64) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE orders SET patrol_at = ?2, patrol_step = ?3 WHERE id = ?1")?
            .execute(params![id, at.map(millis), step])?;
        Ok(())
    }

    /// Every order that still waits for an answer becomes due now: what came while nobody listened is found at start.
    pub(crate) fn patrol_all_due(&self, now: Timestamp) -> Result<(), StoreError> {
        for table in ["orders", "refunds"] {
            self.conn
                .execute(&format!("UPDATE {table} SET patrol_at = ?1 WHERE patrol_at > ?1"), params![millis(now)])?;
        }
        Ok(())
    }

    /// The newest callback's verdict, for the lamp in lists.
    pub(crate) fn order_set_lamp(&self, id: i64, verdict: Verdict) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE orders SET callback_verdict = ?2 WHERE id = ?1")?
            .execute(params![id, super::callbacks::verdict_name(verdict)])?;
        Ok(())
    }
}
