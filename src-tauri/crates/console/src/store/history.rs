//! The history of deliveries as it is asked for: pages under any filters, what was found in their contents, causes and
//! their counts, and deliveries by order. Every way in has its index, so that a million deliveries take no longer than a
//! thousand.
//!
//! Ids grow in the order of arrival and are the cursor. Which index leads is decided here and not by the planner: it knows
//! nothing of how rare a verdict is.

use super::callbacks::{COLUMNS, CallbackRow, read, verdict_name, verdict_named};
use super::columns::millis;
use super::words::Question;
use super::{StoreError, View};
use crate::wire::Verdict;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};
use std::collections::{BTreeSet, HashSet};
use wechatpay::time::Timestamp;

/// Proposals of the word index that are looked at in one go, and at most for one page.
const CHUNK: usize = 128;
const LOOKED_AT: usize = 4_000;
/// Deliveries that one number's beginning may find; of more, those with the highest numbers.
const BY_NUMBER: i64 = 2_000;
/// Orders that one beginning of a transaction id or one payer may lead to.
const BY_ORDER: i64 = 200;
/// Deliveries that are walked for one page of lanes, and drawn in one lane.
const WALKED: usize = 1_000;
const LANE: usize = 100;
/// Most events are these; they have no index of their own.
const USUAL_EVENT: &str = "TRANSACTION.SUCCESS";

/// A page of deliveries, newest first. Empty lists and `None` let everything through.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallbackQuery {
    pub(crate) mchid: String,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) reasons: Vec<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) out_trade_no: Option<String>,
    /// The address it came from, as kept.
    pub(crate) source: Option<String>,
    /// Received at or after.
    pub(crate) since: Option<Timestamp>,
    /// Received before.
    pub(crate) until: Option<Timestamp>,
    /// Words of the decrypted content, or a number or its beginning.
    pub(crate) search: Option<String>,
    /// Duplicates are left out.
    pub(crate) folded: bool,
    pub(crate) limit: usize,
    pub(crate) after: Option<i64>,
}

/// How many deliveries came to one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CauseRow {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    pub(crate) deliveries: i64,
    pub(crate) newest: i64,
}

/// The deliveries of one order, or of one notification whose order isn't known, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct LaneRows {
    pub(crate) out_trade_no: Option<String>,
    pub(crate) notification_id: Option<String>,
    pub(crate) deliveries: Vec<CallbackRow>,
    /// Older ones are there that are not drawn.
    pub(crate) more: bool,
}

/// Verdicts that most deliveries have.
const COMMON: [Verdict; 2] = [Verdict::Applied, Verdict::Duplicate];

/// Conditions with their values, in order.
#[derive(Default)]
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn one_of(&mut self, column: &str, names: &[String]) {
        if !names.is_empty() {
            let marks = vec!["?"; names.len()].join(", ");
            self.and(&format!("{column} IN ({marks})"), names.iter().map(|name| text(name)));
        }
    }
}

fn text(value: &str) -> Value {
    Value::from(value.to_owned())
}

impl View<'_> {
    /// A page, and the cursor of the next. Under a search a page may be short and still have a next.
    pub(crate) fn callbacks(&self, query: &CallbackQuery) -> Result<(Vec<CallbackRow>, Option<i64>), StoreError> {
        let asked = query.search.as_deref().map(str::trim).filter(|asked| !asked.is_empty());
        let Some((low, high)) = self.between(query)? else { return Ok((Vec::new(), None)) };
        if let Some(asked) = asked {
            return self.searched(query, asked, low, high);
        }
        // the rarest thing asked for leads; each of its values is a walk of its own, and the walks are merged
        let verdicts: Vec<String> = query.verdicts.iter().map(|verdict| verdict_name(*verdict).to_owned()).collect();
        let some_verdicts = (1..5).contains(&verdicts.len());
        let (index, column, names) = if let Some(number) = &query.out_trade_no {
            ("callbacks_trade", "out_trade_no", vec![number.clone()])
        } else if !query.reasons.is_empty() {
            ("callbacks_reason", "reason", query.reasons.clone())
        } else if some_verdicts && !query.verdicts.iter().any(|verdict| COMMON.contains(verdict)) {
            ("callbacks_verdict", "verdict", verdicts.clone())
        } else if let Some(event) = query.event_type.as_ref().filter(|event| *event != USUAL_EVENT) {
            ("callbacks_event", "event_type <> 'TRANSACTION.SUCCESS' AND event_type", vec![event.clone()])
        } else if some_verdicts {
            ("callbacks_verdict", "verdict", verdicts.clone())
        } else if query.folded {
            ("callbacks_firsts", "first_id IS NULL AND mchid", vec![query.mchid.clone()])
        } else {
            ("callbacks_mchid", "mchid", vec![query.mchid.clone()])
        };
        let rest = rest(query, &verdicts);
        let most = i64::try_from(query.limit).unwrap_or(i64::MAX - 1).saturating_add(1);
        let mut arms = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for name in &names {
            let source = if let Some(source) = &query.source {
                values.push(text(source));
                // the raw table leads where nothing rarer does
                if index == "callbacks_mchid" {
                    "callback_raw AS raw INDEXED BY callback_raw_source CROSS JOIN callbacks ON callbacks.id = raw.id AND raw.source = ?".to_owned()
                } else {
                    format!(
                        "callbacks INDEXED BY {index} CROSS JOIN callback_raw AS raw ON raw.id = callbacks.id AND raw.source = ?"
                    )
                }
            } else {
                format!("callbacks INDEXED BY {index}")
            };
            let id = if query.source.is_some() && index == "callbacks_mchid" { "raw.id" } else { "callbacks.id" };
            arms.push(format!(
                "SELECT * FROM (SELECT {} FROM {source} WHERE mchid = ? AND {column} = ? AND {id} > ? AND {id} < ?{}
                 ORDER BY {id} DESC LIMIT ?)",
                COLUMNS.replacen("id,", "callbacks.id,", 1),
                rest.sql,
            ));
            values.extend([text(&query.mchid), text(name), low.into(), high.into()]);
            values.extend(rest.values.iter().cloned());
            values.push(most.into());
        }
        let mut sql = arms.join(" UNION ALL ");
        if arms.len() > 1 {
            sql.push_str(" ORDER BY 1 DESC LIMIT ?");
            values.push(most.into());
        }
        let mut rows = self.conn.prepare_cached(&sql)?;
        let mut found: Vec<CallbackRow> = rows.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found.last().filter(|_| more).map(|row| row.id);
        Ok((found, next))
    }

    /// Ids that lie outside of what is asked for, on both sides; `None`: nothing lies between.
    fn between(&self, query: &CallbackQuery) -> Result<Option<(i64, i64)>, StoreError> {
        let hour = |at: Timestamp| millis(at).div_euclid(3_600_000);
        let (mut low, mut high) = (0, query.after.unwrap_or(i64::MAX));
        if query.since.is_some() || query.until.is_some() {
            let from = query.since.map_or(i64::MIN, hour);
            let to = query.until.map_or(i64::MAX, hour);
            let sql =
                "SELECT min(first_id), max(last_id) FROM callback_hours WHERE mchid = ?1 AND hour BETWEEN ?2 AND ?3";
            let mut found = self.conn.prepare_cached(sql)?;
            let (first, last): (Option<i64>, Option<i64>) =
                found.query_row(params![query.mchid, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
            low = first.saturating_sub(1);
            high = high.min(last.saturating_add(1));
        }
        Ok((high > low).then_some((low, high)))
    }

    /// What fits a search: proposals of the word index and of numbers, newest first, each looked at.
    fn searched(
        &self,
        query: &CallbackQuery,
        asked: &str,
        low: i64,
        high: i64,
    ) -> Result<(Vec<CallbackRow>, Option<i64>), StoreError> {
        let numbers = self.by_number(&query.mchid, asked)?;
        let question = Question::new(asked);
        let verdicts: Vec<String> = query.verdicts.iter().map(|verdict| verdict_name(*verdict).to_owned()).collect();
        let mut rest = rest(query, &verdicts);
        if let Some(source) = &query.source {
            rest.and(
                "EXISTS (SELECT 1 FROM callback_raw WHERE callback_raw.id = callbacks.id AND source = ?)",
                [text(source)],
            );
        }
        if let Some(number) = &query.out_trade_no {
            rest.and("+out_trade_no = ?", [text(number)]);
        }
        let sql = format!("SELECT {COLUMNS} FROM callbacks WHERE id = ? AND +mchid = ?{}", rest.sql);
        let mut fitting = self.conn.prepare_cached(&sql)?;
        let mut content = self.conn.prepare_cached("SELECT decrypted FROM callback_raw WHERE id = ?1")?;
        let mut proposing = self.conn.prepare_cached(
            "SELECT rowid FROM callback_words WHERE callback_words MATCH ?1 AND rowid < ?2 AND rowid > ?3
             ORDER BY rowid DESC LIMIT ?4",
        )?;
        let mut newest = self
            .conn
            .prepare_cached("SELECT id FROM callback_raw WHERE id < ?1 AND id > ?2 ORDER BY id DESC LIMIT ?3")?;
        let upto = self.callback_words_upto()?.max(low);
        let (mut found, mut below, mut looked) = (Vec::new(), high, 0);
        loop {
            let mut ids: BTreeSet<i64> = numbers.range(low + 1..below).rev().take(CHUNK).copied().collect();
            if let Some(expression) = &question.expression {
                let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
                let proposed = proposing.query_map(params![expression, below, low, chunk], |row| row.get(0))?;
                for id in proposed {
                    ids.insert(id?);
                }
                // what is not indexed yet is all proposed
                for id in newest.query_map(params![below, upto, chunk], |row| row.get(0))? {
                    ids.insert(id?);
                }
            }
            let last = ids.len() < CHUNK;
            for id in ids.into_iter().rev().take(CHUNK) {
                if found.len() == query.limit {
                    return Ok((found, Some(below)));
                }
                (below, looked) = (id, looked + 1);
                let mut values = vec![Value::from(id), text(&query.mchid)];
                values.extend(rest.values.iter().cloned());
                let Some(row) = fitting.query_row(params_from_iter(values), read).optional()? else { continue };
                let mut decrypted = || content.query_row([id], |row| row.get::<_, Option<Vec<u8>>>(0));
                if numbers.contains(&id) || decrypted()?.is_some_and(|bytes| question.fits(&bytes)) {
                    found.push(row);
                }
            }
            if last {
                return Ok((found, None));
            }
            if looked >= LOOKED_AT {
                return Ok((found, Some(below)));
            }
        }
    }

    /// Deliveries whose own id, notification, order, transaction or payer is `asked`, or begins so.
    fn by_number(&self, mchid: &str, asked: &str) -> Result<BTreeSet<i64>, StoreError> {
        let mut ids = BTreeSet::new();
        if asked.len() < 3 || !asked.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(ids);
        }
        if let Some(id) = asked.strip_prefix("cb_").and_then(|number| number.parse().ok()) {
            ids.insert(id);
        }
        let below = format!("{asked}\u{10FFFF}");
        let ways = [
            "SELECT id FROM callbacks INDEXED BY callbacks_trade WHERE mchid = ?1 AND out_trade_no >= ?2
             AND out_trade_no < ?3 ORDER BY out_trade_no DESC LIMIT ?4",
            "SELECT id FROM callbacks INDEXED BY callbacks_notification WHERE notification_id >= ?2 AND notification_id < ?3
             AND +mchid = ?1 LIMIT ?4",
            "SELECT id FROM callbacks INDEXED BY callbacks_trade WHERE mchid = ?1 AND out_trade_no IN (
               SELECT out_trade_no FROM orders INDEXED BY orders_transaction
               WHERE transaction_id >= ?2 AND transaction_id < ?3 AND +mchid = ?1 LIMIT ?5) LIMIT ?4",
            "SELECT id FROM callbacks INDEXED BY callbacks_trade WHERE mchid = ?1 AND out_trade_no IN (
               SELECT out_trade_no FROM orders INDEXED BY orders_openid WHERE openid IS NOT NULL
               AND substr(openid, -8) = substr(?2, -8) AND openid = ?2 AND +mchid = ?1 ORDER BY id DESC LIMIT ?5)
               AND ?2 < ?3 LIMIT ?4",
        ];
        for (way, sql) in ways.into_iter().enumerate() {
            let mut rows = self.conn.prepare_cached(sql)?;
            let found = if way < 2 {
                rows.query_map(params![mchid, asked, below, BY_NUMBER], |row| row.get(0))?
                    .collect::<Result<Vec<i64>, _>>()
            } else {
                rows.query_map(params![mchid, asked, below, BY_NUMBER, BY_ORDER], |row| row.get(0))?.collect()
            };
            ids.extend(found?);
        }
        Ok(ids)
    }

    /// How many deliveries came to which end; the commonest first.
    pub(crate) fn callback_causes(&self, mchid: &str) -> Result<Vec<CauseRow>, StoreError> {
        let mut rows = self.conn.prepare_cached(
            "SELECT verdict, reason, deliveries, newest FROM callback_causes WHERE mchid = ?1 AND deliveries > 0
             ORDER BY deliveries DESC",
        )?;
        let causes = rows.query_map([mchid], |row| {
            Ok(CauseRow {
                verdict: verdict_named(&row.get::<_, String>(0)?).unwrap_or(Verdict::Failed),
                reason: Some(row.get::<_, String>(1)?).filter(|reason| !reason.is_empty()),
                deliveries: row.get(2)?,
                newest: row.get(3)?,
            })
        })?;
        Ok(causes.collect::<Result<_, _>>()?)
    }

    /// How many duplicates are folded under each of these; 100 means "100 or more".
    pub(crate) fn callback_repeats(&self, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        let sql =
            "SELECT count(*) FROM (SELECT 1 FROM callbacks INDEXED BY callbacks_repeats WHERE first_id = ?1 LIMIT 100)";
        let mut counting = self.conn.prepare_cached(sql)?;
        Ok(ids.iter().map(|id| counting.query_row([id], |row| row.get(0))).collect::<Result<_, _>>()?)
    }

    /// Lanes whose newest fitting delivery lies before the cursor: an order's deliveries, with those of its notifications
    /// that never came as far as an order number. Deliveries without any number share one lane. A lane may come again on
    /// a later page; the reader keeps the first.
    pub(crate) fn callback_lanes(
        &self,
        query: &CallbackQuery,
        lanes: usize,
    ) -> Result<(Vec<LaneRows>, Option<i64>), StoreError> {
        let (mut found, mut seen, mut walked) = (Vec::new(), HashSet::new(), 0);
        let mut page = CallbackQuery { limit: lanes.saturating_mul(2).clamp(1, 500), ..query.clone() };
        loop {
            let (rows, next) = self.callbacks(&page)?;
            for row in &rows {
                if found.len() == lanes {
                    return Ok((found, page.after));
                }
                walked += 1;
                let known = match (&row.out_trade_no, &row.notification_id) {
                    (None, Some(notification)) => self.order_of_notification(&query.mchid, notification)?,
                    (number, _) => number.clone(),
                };
                let key = (known.clone(), row.notification_id.clone().filter(|_| known.is_none()));
                if seen.insert(key.clone()) {
                    found.push(self.lane(&query.mchid, key)?);
                }
                page.after = Some(row.id);
            }
            let Some(next) = next else { return Ok((found, None)) };
            page.after = Some(next);
            if walked >= WALKED {
                return Ok((found, Some(next)));
            }
        }
    }

    fn order_of_notification(&self, mchid: &str, notification: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT out_trade_no FROM callbacks INDEXED BY callbacks_notification
                   WHERE notification_id = ?2 AND +mchid = ?1 AND +out_trade_no IS NOT NULL LIMIT 1";
        Ok(self.conn.prepare_cached(sql)?.query_row([mchid, notification], |row| row.get(0)).optional()?)
    }

    fn lane(&self, mchid: &str, key: (Option<String>, Option<String>)) -> Result<LaneRows, StoreError> {
        let (out_trade_no, notification_id) = key;
        let most = i64::try_from(LANE).unwrap_or(i64::MAX).saturating_add(1);
        let rows = |index: &str, condition: &str, value: &str| -> Result<Vec<CallbackRow>, StoreError> {
            let sql = format!(
                "SELECT {COLUMNS} FROM callbacks INDEXED BY {index} WHERE {condition} AND +mchid = ?1 AND ?2 IS NOT NULL
                 ORDER BY id DESC LIMIT ?3"
            );
            let mut rows = self.conn.prepare_cached(&sql)?;
            Ok(rows.query_map(params![mchid, value, most], read)?.collect::<Result<_, _>>()?)
        };
        let mut deliveries = match (&out_trade_no, &notification_id) {
            (Some(number), _) => {
                let mut own = rows("callbacks_trade", "mchid = ?1 AND out_trade_no = ?2", number)?;
                let notifications: BTreeSet<String> =
                    own.iter().filter_map(|row| row.notification_id.clone()).take(8).collect();
                for notification in notifications {
                    own.extend(rows(
                        "callbacks_notification",
                        "notification_id = ?2 AND out_trade_no IS NULL",
                        &notification,
                    )?);
                }
                own
            }
            (None, Some(notification)) => rows("callbacks_notification", "notification_id = ?2", notification)?,
            // only what was rejected can have no number at all, and of that there are 1,000
            (None, None) => rows(
                "callbacks_quarantine",
                "verdict = 'rejected' AND notification_id IS NULL AND out_trade_no IS NULL",
                "",
            )?,
        };
        deliveries.sort_by_key(|row| std::cmp::Reverse(row.id));
        let more = deliveries.len() > LANE;
        deliveries.truncate(LANE);
        deliveries.reverse();
        Ok(LaneRows { out_trade_no, notification_id, deliveries, more })
    }
}

/// What is asked for beside the index that leads; `+` keeps the planner from other indexes.
fn rest(query: &CallbackQuery, verdicts: &[String]) -> Where {
    let mut rest = Where::default();
    if !verdicts.is_empty() && verdicts.len() < 5 {
        rest.one_of("+verdict", verdicts);
    }
    rest.one_of("+reason", &query.reasons);
    if let Some(event) = &query.event_type {
        rest.and("+event_type = ?", [text(event)]);
    }
    if let Some(since) = query.since {
        rest.and("received_at >= ?", [millis(since).into()]);
    }
    if let Some(until) = query.until {
        rest.and("received_at < ?", [millis(until).into()]);
    }
    if query.folded {
        rest.and("+first_id IS NULL", []);
    }
    rest
}
