//! Is the file sound, and do the things that are kept twice agree: indexes, sums, search words, hashes. What is derived
//! can be made anew from the rows; rows themselves are never changed here.

use super::open::{self, FILE};
use super::{StoreError, backup, schema, search};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;

/// What one look found. `Err`: what is wrong.
pub(crate) type Finding = Result<String, String>;

/// What was found, by check.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) header: Option<Finding>,
    pub(crate) integrity: Option<Finding>,
    pub(crate) references: Option<Finding>,
    pub(crate) callbacks: Option<Finding>,
    pub(crate) summary: Option<Finding>,
    pub(crate) search: Option<Finding>,
}

/// A sum that triggers keep: its table, its columns, what they are over all rows, and which rows say something.
struct Kept {
    table: &'static str,
    columns: &'static str,
    made: &'static str,
    says: &'static str,
    /// Where more columns have to be filled than are compared: all of them, and what they are.
    whole: Option<(&'static str, &'static str)>,
}

const KEPT: [Kept; 5] = [
    Kept {
        table: "days",
        columns: "mchid, day, payments, amount, refunds, refunded",
        made: "SELECT mchid, day, sum(payments), sum(amount), sum(refunds), sum(refunded) FROM (
                 SELECT mchid, date(success_time / 1000 + 28800, 'unixepoch') AS day, 1 AS payments, total AS amount,
                        0 AS refunds, 0 AS refunded FROM orders WHERE success_time IS NOT NULL
                 UNION ALL
                 SELECT mchid, date(success_time / 1000 + 28800, 'unixepoch'), 0, 0, 1, refund FROM refunds
                 WHERE status = 'SUCCESS' AND success_time IS NOT NULL) GROUP BY mchid, day",
        says: "payments <> 0 OR amount <> 0 OR refunds <> 0 OR refunded <> 0",
        whole: None,
    },
    Kept {
        table: "order_states",
        columns: "mchid, state, orders, amount",
        made: "SELECT mchid, state, count(*), sum(total) FROM orders GROUP BY mchid, state",
        says: "orders <> 0 OR amount <> 0",
        whole: None,
    },
    Kept {
        table: "day_channels",
        columns: "mchid, day, via, payments, amount",
        made: "SELECT mchid, date(success_time / 1000 + 28800, 'unixepoch'), coalesce(via, ''), count(*), sum(total)
               FROM orders WHERE success_time IS NOT NULL GROUP BY 1, 2, 3",
        says: "payments <> 0 OR amount <> 0",
        whole: None,
    },
    Kept {
        table: "day_orders",
        columns: "mchid, day, made, paid",
        made: "SELECT mchid, date(created_at / 1000 + 28800, 'unixepoch'), count(*), count(success_time)
               FROM orders GROUP BY 1, 2",
        says: "made <> 0 OR paid <> 0",
        whole: None,
    },
    Kept {
        table: "callback_causes",
        columns: "mchid, verdict, reason, deliveries",
        made: "SELECT mchid, verdict, coalesce(reason, ''), count(*) FROM callbacks GROUP BY 1, 2, 3",
        says: "deliveries <> 0",
        // the newest may be one that the quarantine let go of since
        whole: Some((
            "mchid, verdict, reason, deliveries, newest",
            "SELECT mchid, verdict, coalesce(reason, ''), count(*), max(id) FROM callbacks GROUP BY 1, 2, 3",
        )),
    },
];

/// Looks; changes nothing. `None`: could not be looked at because of what was found before.
pub(crate) fn look(data_dir: &Path) -> Result<Health, StoreError> {
    let file = data_dir.join(FILE);
    let mut health = Health::default();
    if let Err(error) = open::judge_header(&file) {
        health.header = Some(Err(error.to_string()));
        return Ok(health);
    }
    // one view of it all: what is written meanwhile must not look like a difference
    let connection = open::reading(&file)?;
    let connection = connection.unchecked_transaction()?;
    match schema::version(&connection, &file) {
        Ok(version) => health.header = Some(Ok(format!("schema {version}"))),
        Err(error) => {
            health.header = Some(Err(error.to_string()));
            return Ok(health);
        }
    }
    health.integrity = verdict(&connection, false).unwrap_or_else(|error| Some(Err(error.to_string())));
    let broken = |error: rusqlite::Error| error.to_string();
    health.references = Some(
        connection
            .prepare("PRAGMA foreign_key_check")
            .and_then(|mut rows| rows.exists([]))
            .map_err(broken)
            .and_then(|found| if found { Err("a row refers to one that is gone".to_owned()) } else { Ok("ok".into()) }),
    );
    health.callbacks =
        Some(backup::hashed(&connection).map(|count| count.to_string()).map_err(|error| error.to_string()));
    health.summary = Some(summary(&connection).map_err(broken).and_then(|wrong| match wrong {
        0 => Ok("ok".to_owned()),
        wrong => Err(format!("{wrong} sums differ from their rows")),
    }));
    // a connection that reads may still keep a table of its own in memory
    connection.pragma_update(None, "query_only", false)?;
    health.search = Some(search::agrees(&connection).map_err(|error| error.to_string()).and_then(|same| match same {
        true => Ok("ok".to_owned()),
        false => Err("not every order can be found by its words".to_owned()),
    }));
    Ok(health)
}

/// SQLite's own check of the whole file. `None`: it was interrupted.
pub(super) fn verdict(connection: &Connection, quick: bool) -> Result<Option<Finding>, StoreError> {
    let pragma = if quick { "PRAGMA quick_check(10)" } else { "PRAGMA integrity_check(10)" };
    let said: Result<Vec<String>, rusqlite::Error> =
        connection.prepare(pragma).and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect());
    match said {
        Ok(said) if said == ["ok"] => Ok(Some(Ok("ok".to_owned()))),
        Ok(said) => Ok(Some(Err(said.join("; ")))),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
        Err(error) => match StoreError::from(error) {
            StoreError::Damaged(why) => Ok(Some(Err(why))),
            other => Err(other),
        },
    }
}

/// Sums that are kept and differ from those over all rows.
fn summary(connection: &Connection) -> rusqlite::Result<i64> {
    let mut wrong = 0;
    for Kept { table, columns, made, says, .. } in &KEPT {
        let kept = format!("SELECT {columns} FROM {table} WHERE {says}");
        for (one, other) in [(kept.as_str(), *made), (*made, kept.as_str())] {
            let sql = format!("SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}))");
            wrong += connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        }
    }
    // between the first and the last id of an hour lies every delivery of it; rows that went leave it wider than it has to be
    let outside = "SELECT count(*) FROM callbacks AS c WHERE NOT EXISTS (SELECT 1 FROM callback_hours AS h
        WHERE h.mchid = c.mchid AND h.hour = c.received_at / 3600000 AND c.id BETWEEN h.first_id AND h.last_id)";
    Ok(wrong + connection.query_row(outside, [], |row| row.get::<_, i64>(0))?)
}

/// Makes anew what is derived: indexes, sums, search words; in one transaction.
pub(crate) fn mend(data_dir: &Path) -> Result<(), StoreError> {
    let mut connection = open::writing(&data_dir.join(FILE))?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch("REINDEX")?;
    for Kept { table, columns, made, whole, .. } in &KEPT {
        let (columns, made) = whole.unwrap_or((columns, made));
        tx.execute_batch(&format!("DELETE FROM {table}; INSERT INTO {table} ({columns}) {made};"))?;
    }
    tx.execute_batch(
        "DELETE FROM callback_hours;
         INSERT INTO callback_hours
           SELECT mchid, received_at / 3600000, min(id), max(id) FROM callbacks GROUP BY 1, 2;",
    )?;
    // those of deliveries follow by themselves, from the first on
    tx.execute_batch(
        "INSERT INTO order_words (order_words) VALUES ('delete-all');
         INSERT INTO callback_words (callback_words) VALUES ('delete-all');
         UPDATE callback_words_upto SET id = 0;",
    )?;
    search::remember_all(&tx)?;
    tx.commit()?;
    Ok(())
}
