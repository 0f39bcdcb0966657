//! Rows of merchant profiles, their sealed secrets, the keys of WeChat Pay they trust, and how the vault is locked.
//! Secrets come here sealed and go sealed; this file never sees one.

use super::columns::{instant, millis};
use super::{StoreError, Tx, View};
use rusqlite::{OptionalExtension, Row, params};
use wechatpay::time::Timestamp;

/// Tables of schema version 1 that hold profiles; joined into step 1 by `schema.rs`.
pub(super) const SCHEMA_1: &str = "
CREATE TABLE vault (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  way        TEXT    NOT NULL CHECK (way IN ('keychain','passphrase','key_file')),
  salt       BLOB    NOT NULL,
  memory_kib INTEGER NOT NULL,
  passes     INTEGER NOT NULL,
  proof      BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE merchants (
  id            INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  mchid         TEXT    NOT NULL,
  appid         TEXT    NOT NULL,
  serial_no     TEXT    NOT NULL,
  certificate   TEXT,
  base_url      TEXT    NOT NULL,
  notify_url    TEXT,
  public_key_id TEXT,
  public_key    TEXT,
  live_enabled  INTEGER NOT NULL DEFAULT 0 CHECK (live_enabled IN (0, 1)),
  created_at    INTEGER NOT NULL,
  CHECK ((public_key_id IS NULL) = (public_key IS NULL))
) STRICT;

-- field: private_key, api_v3_key, api_v3_key_before (still opens callbacks for 24 h), app_secret
CREATE TABLE merchant_secrets (
  merchant_id INTEGER NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  field       TEXT    NOT NULL,
  sealed      BLOB    NOT NULL,
  set_at      INTEGER NOT NULL,
  PRIMARY KEY (merchant_id, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_certificates (
  merchant_id INTEGER NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  serial_no   TEXT    NOT NULL,
  pem         TEXT    NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (merchant_id, serial_no)
) STRICT, WITHOUT ROWID;

-- revision grows with each change above, so that another process's memory knows that it is old.
CREATE TABLE merchants_state (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  current  INTEGER REFERENCES merchants (id) ON DELETE SET NULL,
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO merchants_state VALUES (1, NULL, 1);
";

/// How the vault is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultRow {
    pub(crate) way: String,
    pub(crate) salt: Vec<u8>,
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) proof: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

/// A profile without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MerchantRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    /// Beside `appid`, which new orders take by default.
    pub(crate) also_appids: Vec<String>,
    pub(crate) serial_no: String,
    pub(crate) certificate: Option<String>,
    pub(crate) base_url: String,
    pub(crate) notify_url: Option<String>,
    pub(crate) public_key_id: Option<String>,
    pub(crate) public_key: Option<String>,
    pub(crate) live_enabled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) current: bool,
}

/// A sealed secret. `Debug` shows no bytes: they are of no use in a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedRow {
    pub(crate) field: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) set_at: Timestamp,
}

impl std::fmt::Debug for SealedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedRow({}, ***)", self.field)
    }
}

/// A platform certificate that a merchant trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlatformRow {
    pub(crate) serial_no: String,
    pub(crate) pem: String,
    pub(crate) seen_at: Timestamp,
}

const COLUMNS: &str = "m.id, m.name, m.mchid, m.appid, m.serial_no, m.certificate, m.base_url, m.notify_url, \
                       m.public_key_id, m.public_key, m.live_enabled, m.created_at, m.id IS s.current, m.also_appids";

fn read(row: &Row<'_>) -> rusqlite::Result<MerchantRow> {
    Ok(MerchantRow {
        id: row.get(0)?,
        name: row.get(1)?,
        mchid: row.get(2)?,
        appid: row.get(3)?,
        serial_no: row.get(4)?,
        certificate: row.get(5)?,
        base_url: row.get(6)?,
        notify_url: row.get(7)?,
        public_key_id: row.get(8)?,
        public_key: row.get(9)?,
        live_enabled: row.get(10)?,
        created_at: instant(row.get(11)?),
        current: row.get(12)?,
        also_appids: row.get::<_, String>(13)?.split_ascii_whitespace().map(str::to_owned).collect(),
    })
}

impl View<'_> {
    /// How the vault is locked; none before the first secret.
    pub(crate) fn vault(&self) -> Result<Option<VaultRow>, StoreError> {
        let row = self
            .conn
            .prepare_cached("SELECT way, salt, memory_kib, passes, proof, created_at FROM vault WHERE id = 1")?
            .query_row([], |row| {
                Ok(VaultRow {
                    way: row.get(0)?,
                    salt: row.get(1)?,
                    memory_kib: row.get(2)?,
                    passes: row.get(3)?,
                    proof: row.get(4)?,
                    created_at: instant(row.get(5)?),
                })
            })
            .optional()?;
        Ok(row)
    }

    /// Grows with each change of a profile, its secrets or its certificates.
    pub(crate) fn merchants_revision(&self) -> Result<i64, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT revision FROM merchants_state WHERE id = 1")?
            .query_row([], |row| row.get(0))?)
    }

    /// All profiles, by name.
    pub(crate) fn merchants(&self) -> Result<Vec<MerchantRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM merchants m, merchants_state s ORDER BY m.name");
        let mut rows = self.conn.prepare_cached(&sql)?;
        Ok(rows.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// One profile, or the current one.
    pub(crate) fn merchant(&self, name: Option<&str>) -> Result<Option<MerchantRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM merchants m, merchants_state s
             WHERE CASE WHEN ?1 IS NULL THEN m.id IS s.current ELSE m.name = ?1 END"
        );
        Ok(self.conn.prepare_cached(&sql)?.query_row([name], read).optional()?)
    }

    /// The sealed secrets of a profile.
    pub(crate) fn merchant_secrets(&self, id: i64) -> Result<Vec<SealedRow>, StoreError> {
        let mut rows =
            self.conn.prepare_cached("SELECT field, sealed, set_at FROM merchant_secrets WHERE merchant_id = ?1")?;
        let read =
            |row: &Row<'_>| Ok(SealedRow { field: row.get(0)?, sealed: row.get(1)?, set_at: instant(row.get(2)?) });
        Ok(rows.query_map([id], read)?.collect::<Result<_, _>>()?)
    }

    /// The platform certificates that a profile trusts.
    pub(crate) fn platform_certificates(&self, id: i64) -> Result<Vec<PlatformRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT serial_no, pem, seen_at FROM platform_certificates WHERE merchant_id = ?1 ORDER BY serial_no",
        )?;
        let read =
            |row: &Row<'_>| Ok(PlatformRow { serial_no: row.get(0)?, pem: row.get(1)?, seen_at: instant(row.get(2)?) });
        Ok(rows.query_map([id], read)?.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Keeps how the vault is locked, unless another process was first; returns what counts.
    pub(crate) fn vault_keep_first(&self, row: &VaultRow) -> Result<VaultRow, StoreError> {
        self.conn
            .prepare_cached("INSERT INTO vault VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")?
            .execute(params![row.way, row.salt, row.memory_kib, row.passes, row.proof, millis(row.created_at)])?;
        self.vault()?.ok_or_else(|| StoreError::Other("the vault's row is gone".to_owned()))
    }

    /// Adds a profile with its secrets and certificates; the first one becomes the current one.
    pub(crate) fn merchant_insert(
        &self,
        row: &MerchantRow,
        secrets: &[SealedRow],
        certificates: &[PlatformRow],
    ) -> Result<i64, StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO merchants (name, mchid, appid, serial_no, certificate, base_url, notify_url,
                                        public_key_id, public_key, live_enabled, created_at, also_appids)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                row.name,
                row.mchid,
                row.appid,
                row.serial_no,
                row.certificate,
                row.base_url,
                row.notify_url,
                row.public_key_id,
                row.public_key,
                row.live_enabled,
                millis(row.created_at),
                row.also_appids.join(" "),
            ])?;
        let id = self.conn.last_insert_rowid();
        self.merchant_belongings(id, secrets, certificates)?;
        self.conn
            .execute("UPDATE merchants_state SET current = coalesce(current, ?1), revision = revision + 1", [id])?;
        Ok(id)
    }

    /// Changes a profile; the secrets and certificates given are added to or replace those of the same name.
    pub(crate) fn merchant_update(
        &self,
        row: &MerchantRow,
        secrets: &[SealedRow],
        certificates: &[PlatformRow],
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE merchants SET mchid = ?2, appid = ?3, serial_no = ?4, certificate = ?5, base_url = ?6,
                        notify_url = ?7, public_key_id = ?8, public_key = ?9, live_enabled = ?10,
                        also_appids = ?11 WHERE id = ?1",
            )?
            .execute(params![
                row.id,
                row.mchid,
                row.appid,
                row.serial_no,
                row.certificate,
                row.base_url,
                row.notify_url,
                row.public_key_id,
                row.public_key,
                row.live_enabled,
                row.also_appids.join(" "),
            ])?;
        self.merchant_belongings(row.id, secrets, certificates)?;
        self.merchants_changed()
    }

    fn merchant_belongings(
        &self,
        id: i64,
        secrets: &[SealedRow],
        certificates: &[PlatformRow],
    ) -> Result<(), StoreError> {
        for secret in secrets {
            self.conn
                .prepare_cached(
                    "INSERT INTO merchant_secrets VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at",
                )?
                .execute(params![id, secret.field, secret.sealed, millis(secret.set_at)])?;
        }
        self.certificates_keep(id, certificates)
    }

    /// Keeps platform certificates beside those that are there.
    fn certificates_keep(&self, id: i64, certificates: &[PlatformRow]) -> Result<(), StoreError> {
        for certificate in certificates {
            self.conn
                .prepare_cached(
                    "INSERT INTO platform_certificates VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET pem = excluded.pem, seen_at = excluded.seen_at",
                )?
                .execute(params![id, certificate.serial_no, certificate.pem, millis(certificate.seen_at)])?;
        }
        Ok(())
    }

    /// What a download brought: keeps the certificates in `found`, forgets those of serial `gone`.
    pub(crate) fn certificates_refreshed(
        &self,
        id: i64,
        found: &[PlatformRow],
        gone: &[String],
    ) -> Result<(), StoreError> {
        self.certificates_keep(id, found)?;
        for serial in gone {
            self.conn
                .prepare_cached("DELETE FROM platform_certificates WHERE merchant_id = ?1 AND serial_no = ?2")?
                .execute(params![id, serial])?;
        }
        self.merchants_changed()
    }

    /// Makes a profile the current one.
    pub(crate) fn merchant_use(&self, id: i64) -> Result<(), StoreError> {
        self.conn.execute("UPDATE merchants_state SET current = ?1, revision = revision + 1", [id])?;
        Ok(())
    }

    /// Forgets a profile with its secrets and certificates; if it was the current one, the first by name is. With the
    /// last secret the vault is forgotten too: a lost key or passphrase must not bar the way for ever.
    pub(crate) fn merchant_delete(&self, id: i64) -> Result<(), StoreError> {
        self.conn.execute("DELETE FROM merchants WHERE id = ?1", [id])?;
        self.conn.execute("DELETE FROM vault WHERE NOT EXISTS (SELECT 1 FROM merchant_secrets)", [])?;
        self.conn.execute(
            "UPDATE merchants_state SET revision = revision + 1,
                    current = coalesce(current, (SELECT id FROM merchants ORDER BY name LIMIT 1))",
            [],
        )?;
        Ok(())
    }

    fn merchants_changed(&self) -> Result<(), StoreError> {
        self.conn.execute("UPDATE merchants_state SET revision = revision + 1", [])?;
        Ok(())
    }
}
