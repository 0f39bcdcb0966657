//! The tables, as a list of steps: step n takes a file from `user_version` n-1 to n. Steps are only ever added.

use super::StoreError;
use super::open::APPLICATION_ID;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Step n-1 of this list makes version n. A step is the texts of its nouns, run in order.
const STEPS: &[&[&str]] = &[
    &[include_str!("schema_1.sql"), super::merchants::SCHEMA_1],
    &[include_str!("schema_2.sql")],
    &[include_str!("schema_3.sql")],
    &[include_str!("schema_4.sql")],
    &[include_str!("schema_5.sql")],
    &[include_str!("schema_6.sql")],
    &[include_str!("schema_7.sql")],
    &[include_str!("schema_8.sql")],
    &[include_str!("schema_9.sql")],
    &[include_str!("schema_10.sql")],
    &[include_str!("schema_11.sql")],
];

/// Fills tables of a step from what is there.
type Fill = fn(&Connection) -> Result<(), StoreError>;

/// What a step can't say in SQL: the version that it makes, and what fills its tables from what is there.
const FILLS: &[(i64, Fill)] = &[(11, super::search::remember_all)];

/// The newest schema that this program knows.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Takes the file to [`NEWEST`]: a backup first if it holds anything, then all steps in one transaction.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), StoreError> {
    if version(connection, file)? == NEWEST {
        return Ok(());
    }
    back_up(connection, file)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // again, now that nobody else can write: the other process may have migrated while we waited
    let found = version(&transaction, file)?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        for text in *step {
            transaction.execute_batch(text)?;
        }
    }
    for (_, fill) in FILLS.iter().filter(|(step, _)| *step > found) {
        fill(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()?;
    // so that the next start can read version and owner from the file's header without opening it
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// The file's version; refuses what is newer or not ours.
pub(super) fn version(connection: &Connection, file: &Path) -> Result<i64, StoreError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (found, owner) = (number("user_version")?, number("application_id")?);
    if found > NEWEST {
        return Err(StoreError::Newer { found, known: NEWEST });
    }
    let fresh = found == 0 && owner == 0 && tables(connection)? == 0;
    if owner != i64::from(APPLICATION_ID) && !fresh {
        return Err(StoreError::Foreign { path: file.to_owned() });
    }
    Ok(found)
}

fn tables(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
}

/// `backups/guitai-v<version>.db` beside the file: whole, opened and checked before it counts.
pub(super) fn back_up(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    if tables(connection)? == 0 {
        return Ok(());
    }
    let from: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let folder = file.with_file_name("backups");
    let refused = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::NotWritable { path: folder.clone(), reason: error.to_string() },
    };
    std::fs::create_dir_all(&folder).map_err(refused)?;
    let (part, whole) = (folder.join("guitai.part"), folder.join(format!("guitai-v{from}.db")));
    let _ = std::fs::remove_file(&part);
    connection.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    let copy = Connection::open(&part)?;
    let verdict: String = copy.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
    drop(copy);
    if verdict != "ok" {
        return Err(StoreError::Damaged(verdict));
    }
    std::fs::rename(&part, &whole).map_err(refused)
}

/// A fresh file as an older program left it: a step of the past, for tests of what came after.
#[cfg(test)]
pub(super) fn as_of(connection: &Connection, step: usize) -> Result<(), StoreError> {
    for text in STEPS.iter().take(step).flat_map(|texts| texts.iter()) {
        connection.execute_batch(text)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(connection.pragma_update(None, "user_version", step as i64)?)
}
