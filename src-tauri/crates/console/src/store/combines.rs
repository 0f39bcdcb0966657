//! Rows of combined orders; which orders are behind one stands with the orders.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use rusqlite::{OptionalExtension, params};
use wechatpay::time::Timestamp;

/// A combined order as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct CombineRow {
    pub(crate) merchant: String,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) combine_out_trade_no: String,
    pub(crate) openid: Option<String>,
    pub(crate) notify_url: Option<String>,
    /// JSON of the optional fields of its prepay.
    pub(crate) fields: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl View<'_> {
    /// The combined order of that number, if this merchant has it.
    pub(crate) fn combine(&self, mchid: &str, number: &str) -> Result<Option<CombineRow>, StoreError> {
        let row = self
            .conn
            .prepare_cached(
                "SELECT merchant, mchid, appid, combine_out_trade_no, openid, notify_url, fields, created_at
                 FROM combines WHERE mchid = ?1 AND combine_out_trade_no = ?2",
            )?
            .query_row([mchid, number], |row| {
                Ok(CombineRow {
                    merchant: row.get(0)?,
                    mchid: row.get(1)?,
                    appid: row.get(2)?,
                    combine_out_trade_no: row.get(3)?,
                    openid: row.get(4)?,
                    notify_url: row.get(5)?,
                    fields: row.get(6)?,
                    created_at: instant(row.get(7)?),
                })
            })
            .optional()?;
        Ok(row)
    }
}

impl Tx<'_> {
    /// Keeps a combined order over these rows of orders. Its number must be new to the mchid, also among the orders',
    /// else [`StoreError::Exists`].
    pub(crate) fn combine_insert(&self, row: &CombineRow, orders: &[i64]) -> Result<(), StoreError> {
        if self.order(&row.mchid, &row.combine_out_trade_no)?.is_some() {
            return Err(StoreError::Exists(row.combine_out_trade_no.clone()));
        }
        self.conn
            .prepare_cached(
                "INSERT INTO combines (merchant, mchid, appid, combine_out_trade_no, openid, notify_url, fields, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                row.merchant,
                row.mchid,
                row.appid,
                row.combine_out_trade_no,
                row.openid,
                row.notify_url,
                row.fields,
                millis(row.created_at),
            ])?;
        for order in orders {
            self.conn
                .prepare_cached("UPDATE orders SET combine_out_trade_no = ?2 WHERE id = ?1")?
                .execute(params![order, row.combine_out_trade_no])?;
        }
        Ok(())
    }

    /// Remembers what its prepay says beside the orders.
    pub(crate) fn combine_set_fields(&self, mchid: &str, number: &str, fields: Option<&str>) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE combines SET fields = ?3 WHERE mchid = ?1 AND combine_out_trade_no = ?2")?
            .execute(params![mchid, number, fields])?;
        Ok(())
    }
}
