//! What the merchant API remembers: which order an idempotency key stands for, and the sealed key of its tokens.

use super::columns::millis;
use super::{OrderRow, StoreError, Tx, View};
use rusqlite::{OptionalExtension, params};
use wechatpay::time::Timestamp;

/// A client's word for "this order, once". It is the user's own: two users may choose the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderKey {
    pub(crate) openid: String,
    pub(crate) key: String,
}

impl View<'_> {
    /// The order that was made under this key.
    pub(crate) fn order_of_key(&self, mchid: &str, key: &OrderKey) -> Result<Option<OrderRow>, StoreError> {
        let id: Option<i64> = self
            .conn
            .prepare_cached("SELECT order_id FROM order_keys WHERE mchid = ?1 AND openid = ?2 AND key = ?3")?
            .query_row([mchid, &key.openid, &key.key], |row| row.get(0))
            .optional()?;
        id.map_or(Ok(None), |id| self.order_at(id))
    }

    /// The sealed key of the tokens.
    pub(crate) fn token_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT sealed FROM token_key WHERE id = 1")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }
}

impl Tx<'_> {
    /// From now on the key stands for this order.
    pub(crate) fn order_key_insert(&self, mchid: &str, key: &OrderKey, order: i64) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("INSERT INTO order_keys (mchid, openid, key, order_id) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![mchid, key.openid, key.key, order])?;
        Ok(())
    }

    /// Keeps a sealed token key where there is none, or only `useless` (one that can't be opened any more); what is there
    /// afterwards, which may be another process's.
    pub(crate) fn token_key_keep(
        &self,
        sealed: &[u8],
        useless: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO token_key (id, sealed, set_at) VALUES (1, ?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at WHERE sealed = ?3",
            )?
            .execute(params![sealed, millis(now), useless])?;
        self.token_key()?.ok_or_else(|| StoreError::Other("the token key just kept is gone".to_owned()))
    }
}
