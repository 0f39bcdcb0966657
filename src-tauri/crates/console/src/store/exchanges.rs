//! Rows of calls to the gateway, with both sides byte for byte.

use super::columns::{from_json, instant, json, millis};
use super::{StoreError, Tx, View};
use crate::wire::SignedText;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};
use wechatpay::time::Timestamp;

/// A call as lists show it.
#[derive(Debug, Clone)]
pub(crate) struct ExchangeRow {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) purpose: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    /// `pending`, `ok`, `refused`, `unverified`, `unknown`.
    pub(crate) outcome: String,
    pub(crate) latency_ms: u32,
    pub(crate) request_id: Option<String>,
    pub(crate) out_trade_no: Option<String>,
}

/// Both sides of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExchangeRaw {
    pub(crate) base_url: String,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) request_body: Vec<u8>,
    pub(crate) response_headers: Vec<(String, String)>,
    pub(crate) response_body: Vec<u8>,
    pub(crate) signed: Option<SignedText>,
    pub(crate) verified: Option<SignedText>,
}

/// A call that is about to be made: whose, what for, about which order.
#[derive(Debug, Clone)]
pub(crate) struct NewExchange {
    pub(crate) merchant: String,
    pub(crate) mchid: String,
    pub(crate) at: Timestamp,
    pub(crate) purpose: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) base_url: String,
    pub(crate) request_body: Vec<u8>,
    pub(crate) out_trade_no: Option<String>,
    pub(crate) order_id: Option<i64>,
}

const COLUMNS: &str = "id, at, purpose, method, target, status, code, outcome, latency_ms, request_id, out_trade_no";

fn read(row: &Row<'_>) -> rusqlite::Result<ExchangeRow> {
    Ok(ExchangeRow {
        id: row.get(0)?,
        at: instant(row.get(1)?),
        purpose: row.get(2)?,
        method: row.get(3)?,
        target: row.get(4)?,
        status: row.get(5)?,
        code: row.get(6)?,
        outcome: row.get(7)?,
        latency_ms: row.get(8)?,
        request_id: row.get(9)?,
        out_trade_no: row.get(10)?,
    })
}

impl View<'_> {
    /// An order's calls, oldest first; the newest 500 where there are more.
    pub(crate) fn exchanges_of(&self, order_id: i64) -> Result<Vec<ExchangeRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM exchanges WHERE order_id = ?1 ORDER BY id DESC LIMIT 500");
        let mut rows = self.conn.prepare_cached(&sql)?;
        let mut found: Vec<ExchangeRow> = rows.query_map([order_id], read)?.collect::<Result<_, _>>()?;
        // a call's row is begun before its first attempt and ends as its last: when it was sent decides, not its row
        found.sort_by_key(|row| (row.at, row.id));
        Ok(found)
    }

    /// A page of a merchant's calls, newest first, and whether there are more.
    pub(crate) fn exchanges(
        &self,
        mchid: &str,
        limit: usize,
        after: Option<i64>,
    ) -> Result<(Vec<ExchangeRow>, bool), StoreError> {
        let mut sql = format!("SELECT {COLUMNS} FROM exchanges WHERE mchid = ?");
        let mut values: Vec<Value> = vec![mchid.to_owned().into()];
        if let Some(after) = after {
            sql.push_str(" AND id < ?");
            values.push(after.into());
        }
        sql.push_str(" ORDER BY id DESC LIMIT ?");
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1).into());
        let mut rows = self.conn.prepare_cached(&sql)?;
        let mut found: Vec<ExchangeRow> = rows.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// One call with both sides.
    pub(crate) fn exchange(&self, id: i64) -> Result<Option<(ExchangeRow, ExchangeRaw)>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM exchanges WHERE id = ?1");
        let Some(row) = self.conn.prepare_cached(&sql)?.query_row([id], read).optional()? else {
            return Ok(None);
        };
        let raw = self
            .conn
            .prepare_cached(
                "SELECT base_url, request_headers, request_body, response_headers, response_body, signed, verified
                 FROM exchange_raw WHERE id = ?1",
            )?
            .query_row([id], |row| {
                let text = |at: usize| row.get::<_, Option<String>>(at);
                Ok(ExchangeRaw {
                    base_url: row.get(0)?,
                    request_headers: from_json(&row.get::<_, String>(1)?),
                    request_body: row.get(2)?,
                    response_headers: from_json(&row.get::<_, String>(3)?),
                    response_body: row.get(4)?,
                    signed: text(5)?.and_then(|json| serde_json::from_str(&json).ok()),
                    verified: text(6)?.and_then(|json| serde_json::from_str(&json).ok()),
                })
            })
            .optional()?
            .unwrap_or_default();
        Ok(Some((row, raw)))
    }
}

impl Tx<'_> {
    /// Notes that a call is about to be made: outcome `pending`. A row that stays so means: killed in between.
    pub(crate) fn exchange_begin(&self, call: &NewExchange) -> Result<i64, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO exchanges (merchant, mchid, at, purpose, method, target, outcome, latency_ms,
                                        out_trade_no, order_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0, ?7, ?8)",
            )?
            .execute(params![
                call.merchant,
                call.mchid,
                millis(call.at),
                call.purpose,
                call.method,
                call.target,
                call.out_trade_no,
                call.order_id,
            ])?;
        let id = self.conn.last_insert_rowid();
        self.conn
            .prepare_cached(
                "INSERT INTO exchange_raw (id, base_url, request_headers, request_body, response_headers, response_body)
                 VALUES (?1, ?2, '[]', ?3, '[]', x'')",
            )?
            .execute(params![id, call.base_url, call.request_body])?;
        Ok(id)
    }

    /// What came of the call.
    pub(crate) fn exchange_end(&self, id: i64, row: &ExchangeRow, raw: &ExchangeRaw) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE exchanges SET at = ?2, status = ?3, code = ?4, outcome = ?5, latency_ms = ?6, request_id = ?7
                 WHERE id = ?1",
            )?
            .execute(params![id, millis(row.at), row.status, row.code, row.outcome, row.latency_ms, row.request_id,])?;
        self.conn
            .prepare_cached(
                "UPDATE exchange_raw SET base_url = ?2, request_headers = ?3, request_body = ?4, response_headers = ?5,
                        response_body = ?6, signed = ?7, verified = ?8 WHERE id = ?1",
            )?
            .execute(params![
                id,
                raw.base_url,
                json(&raw.request_headers)?,
                raw.request_body,
                json(&raw.response_headers)?,
                raw.response_body,
                raw.signed.as_ref().map(json).transpose()?,
                raw.verified.as_ref().map(json).transpose()?,
            ])?;
        Ok(())
    }
}
