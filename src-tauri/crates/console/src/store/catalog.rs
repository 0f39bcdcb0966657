//! Rows of the catalogue: what is sold, at which price. The rules of its fields are in `catalog` outside.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use rusqlite::{OptionalExtension, Row, params};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// One thing that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) price: Fen,
    pub(crate) kind: Option<String>,
    pub(crate) created_at: Timestamp,
}

fn read(row: &Row<'_>) -> rusqlite::Result<CatalogRow> {
    Ok(CatalogRow {
        id: row.get(0)?,
        name: row.get(1)?,
        price: Fen::new(row.get(2)?),
        kind: row.get(3)?,
        created_at: instant(row.get(4)?),
    })
}

impl View<'_> {
    /// One, by its id; letter case counts.
    pub(crate) fn catalog_entry(&self, id: &str) -> Result<Option<CatalogRow>, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT id, name, price, type, created_at FROM catalog WHERE id = ?1")?
            .query_row([id], read)
            .optional()?)
    }

    /// The first `most`, by id.
    pub(crate) fn catalog(&self, most: usize) -> Result<Vec<CatalogRow>, StoreError> {
        let mut rows =
            self.conn.prepare_cached("SELECT id, name, price, type, created_at FROM catalog ORDER BY id LIMIT ?1")?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(rows.query_map([most], read)?.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Adds one.
    ///
    /// # Errors
    /// [`StoreError::Exists`]: the id is taken.
    pub(crate) fn catalog_insert(&self, row: &CatalogRow) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("INSERT INTO catalog (id, name, price, type, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![row.id, row.name, row.price.get(), row.kind, millis(row.created_at)])?;
        Ok(())
    }

    /// Removes one; was it there?
    pub(crate) fn catalog_delete(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.conn.prepare_cached("DELETE FROM catalog WHERE id = ?1")?.execute([id])? == 1)
    }
}
