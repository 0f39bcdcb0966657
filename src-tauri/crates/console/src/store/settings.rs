//! Small settings of the hosts: language, theme, listener port.

use super::{StoreError, Tx, View};

/// Settings that may be kept at most.
const SETTINGS: i64 = 1_000;

impl View<'_> {
    /// All settings, by key.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut rows = self.conn.prepare_cached("SELECT key, value FROM settings ORDER BY key LIMIT ?1")?;
        let all = rows.query_map([SETTINGS], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(all)
    }
}

impl Tx<'_> {
    /// Sets one, or forgets it (`None`).
    pub(crate) fn setting_set(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => self
                .conn
                .prepare_cached(
                    "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                )?
                .execute([key, value])?,
            None => self.conn.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?,
        };
        Ok(())
    }
}
