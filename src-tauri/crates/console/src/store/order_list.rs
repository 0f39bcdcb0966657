//! Lists of orders: one bounded look at a time, so that a page costs the same with ten rows as with ten million.
//!
//! A look walks an index that has the wanted order, tests the filters on what passes, and stops at a full page or after
//! so many rows; then it says where to go on, even if nothing was found yet. Nothing here counts or sorts a big table.
//! What a row holds is in `orders`, what a typed text means in `search`.

use super::columns::millis;
use super::orders::via_name;
use super::search::{Searched, Text, Way};
use super::{OrderRow, StoreError, View, callbacks};
use crate::orders::state::State;
use crate::wire::{OrderSort, Verdict, Via};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// A set of rows up to this size is read whole and sorted.
const FEW: usize = 300;
/// Hits of a search that are summed up at most.
const SUMMED: usize = 200;
/// Entries of an index that one look walks through at most.
const ENTRIES: usize = 6_000;
/// Rows that one look reads at most, where the index doesn't hold what is tested.
const ROWS: usize = 1_500;
/// The same where the index has another order than the rows: each of them lies on a page of its own.
const SCATTERED: usize = 500;

/// What the filters look at, as one small number: state + 8 * product + 64 * lamp. The index of the list (`schema_11.sql`)
/// holds the value of this very expression, so a walk touches no row; [`state_code`] and its neighbours say the same.
pub(super) const KIND: &str = "(CASE state WHEN 'SUCCESS' THEN 0 WHEN 'CREATED' THEN 1 WHEN 'NOTPAY' THEN 2 \
    WHEN 'USERPAYING' THEN 3 WHEN 'PAYERROR' THEN 4 WHEN 'REFUND' THEN 5 WHEN 'CLOSED' THEN 6 ELSE 7 END \
    + CASE via WHEN 'jsapi' THEN 8 WHEN 'native' THEN 16 WHEN 'app' THEN 24 WHEN 'h5' THEN 32 ELSE 0 END \
    + CASE callback_verdict WHEN 'applied' THEN 64 WHEN 'duplicate' THEN 128 WHEN 'held' THEN 192 \
    WHEN 'rejected' THEN 256 WHEN 'failed' THEN 320 ELSE 0 END)";

pub(super) fn state_code(state: State) -> i64 {
    match state {
        State::Success => 0,
        State::Created => 1,
        State::Notpay => 2,
        State::Userpaying => 3,
        State::Payerror => 4,
        State::Refund => 5,
        State::Closed => 6,
        State::Revoked => 7,
    }
}

pub(super) fn via_code(via: Option<Via>) -> i64 {
    match via {
        None => 0,
        Some(Via::Jsapi) => 1,
        Some(Via::Native) => 2,
        Some(Via::App) => 3,
        Some(Via::H5) => 4,
    }
}

pub(super) fn lamp_code(lamp: Option<Verdict>) -> i64 {
    match lamp {
        None => 0,
        Some(Verdict::Applied) => 1,
        Some(Verdict::Duplicate) => 2,
        Some(Verdict::Held) => 3,
        Some(Verdict::Rejected) => 4,
        Some(Verdict::Failed) => 5,
    }
}

/// Which orders, in which order, from where.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderQuery {
    pub(crate) mchid: String,
    /// Any of these; empty: all.
    pub(crate) states: Vec<State>,
    /// Any of these; empty: all, those without a prepay too.
    pub(crate) vias: Vec<Via>,
    /// The newest delivery's verdict is one of these (`None`: no delivery yet); empty: all.
    pub(crate) lamps: Vec<Option<Verdict>>,
    pub(crate) search: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) amount_from: Option<Fen>,
    pub(crate) amount_to: Option<Fen>,
    pub(crate) sort: OrderSort,
    pub(crate) limit: usize,
    pub(crate) after: Option<OrderCursor>,
}

/// Where a look ended: what the list is sorted by (milliseconds or fen), and the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderCursor {
    pub(crate) key: i64,
    pub(crate) id: i64,
}

/// Number and sum of what the filters let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderSums {
    pub(crate) orders: i64,
    /// Fen.
    pub(crate) amount: i64,
    /// Nothing was left out; else it is at least so much.
    pub(crate) exact: bool,
}

/// An index to walk, its own condition, and the values of that.
type Route = (&'static str, String, Vec<Value>);

/// What a walk met.
#[derive(Default)]
struct Walk {
    met: Vec<OrderCursor>,
    /// It was stopped here; what lies beyond is not known.
    stopped: Option<OrderCursor>,
}

/// What one look found.
struct Look {
    found: Vec<OrderCursor>,
    next: Option<OrderCursor>,
}

impl OrderQuery {
    fn by_time(&self) -> bool {
        matches!(self.sort, OrderSort::Newest | OrderSort::Oldest)
    }

    fn falling(&self) -> bool {
        matches!(self.sort, OrderSort::Newest | OrderSort::Largest)
    }

    fn key(&self) -> &'static str {
        if self.by_time() { "created_at" } else { "total" }
    }

    /// In the list's own direction: is `one` before `two`?
    fn before(&self, one: OrderCursor, two: OrderCursor) -> bool {
        if self.falling() { one > two } else { one < two }
    }

    fn sort(&self, positions: &mut [OrderCursor]) {
        positions.sort_unstable();
        if self.falling() {
            positions.reverse();
        }
    }

    /// Every condition but the merchant, as one expression that is 0 or 1.
    fn test(&self) -> (String, Vec<Value>) {
        let (mut all, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
        let parts = [
            (0, self.states.iter().map(|state| state_code(*state)).collect::<Vec<_>>()),
            (3, self.vias.iter().map(|via| via_code(Some(*via))).collect()),
            (6, self.lamps.iter().map(|lamp| lamp_code(*lamp)).collect()),
        ];
        for (bits, codes) in parts {
            if !codes.is_empty() {
                // a set of codes is a number too: one bit each
                let set = codes.iter().fold(0_i64, |set, code| set | (1 << code));
                all.push(format!("? >> ({KIND} >> {bits} & 7) & 1"));
                values.push(set.into());
            }
        }
        let bounds = [
            ("created_at >= ?", self.since.map(millis)),
            ("created_at < ?", self.until.map(millis)),
            ("total >= ?", self.amount_from.map(Fen::get)),
            ("total <= ?", self.amount_to.map(Fen::get)),
        ];
        for (bound, value) in bounds {
            if let Some(value) = value {
                all.push(bound.to_owned());
                values.push(value.into());
            }
        }
        if all.is_empty() {
            return ("1".to_owned(), values);
        }
        (all.iter().map(|it| format!("({it})")).collect::<Vec<_>>().join(" AND "), values)
    }

    /// The indexes to walk, each with its own condition, and how far. All have the list's order.
    fn routes(&self) -> (Vec<Route>, usize) {
        if !self.by_time() {
            return (vec![("orders_amount", String::new(), Vec::new())], ROWS);
        }
        let kinds = [!self.states.is_empty(), !self.vias.is_empty(), !self.lamps.is_empty()];
        let amounts = self.amount_from.is_some() || self.amount_to.is_some();
        let alone = kinds.into_iter().filter(|there| *there).count() == 1 && !amounts;
        let text = |name: &str| vec![Value::from(name.to_owned())];
        let rare = |lamp: &Option<Verdict>| lamp.is_some_and(|verdict| verdict != Verdict::Applied);
        let unusual = |via: &Via| !matches!(via, Via::Jsapi | Via::Native);
        if !self.lamps.is_empty() && self.lamps.iter().all(rare) {
            let each = self.lamps.iter().flatten().map(|verdict| {
                let condition = " AND callback_verdict = ? AND callback_verdict <> 'applied'".to_owned();
                ("orders_lamp", condition, text(callbacks::verdict_name(*verdict)))
            });
            return (each.collect(), ROWS);
        }
        if !self.states.is_empty() && !self.states.contains(&State::Success) {
            let each = self.states.iter().map(|state| {
                ("orders_state_time", " AND state = ? AND state <> 'SUCCESS'".to_owned(), text(state.as_str()))
            });
            return (each.collect(), ROWS);
        }
        if !self.vias.is_empty() && alone && self.vias.iter().all(unusual) {
            let each = self.vias.iter().map(|via| {
                let condition = " AND via = ? AND via NOT IN ('jsapi', 'native')".to_owned();
                ("orders_via_time", condition, text(via_name(*via)))
            });
            return (each.collect(), ROWS);
        }
        (vec![("orders_list", String::new(), Vec::new())], ENTRIES)
    }

    /// The part of a route that can still hold something: the range of the key, and what comes after the cursor.
    fn range(&self, sql: &mut String, values: &mut Vec<Value>) {
        let key = self.key();
        let (from, to) = if self.by_time() {
            (self.since.map(millis), self.until.map(|until| millis(until).saturating_sub(1)))
        } else {
            (self.amount_from.map(Fen::get), self.amount_to.map(Fen::get))
        };
        for (sign, bound) in [(">=", from), ("<=", to)] {
            if let Some(bound) = bound {
                sql.push_str(&format!(" AND {key} {sign} ?"));
                values.push(bound.into());
            }
        }
        if let Some(after) = self.after {
            sql.push_str(&format!(" AND ({key}, id) {} (?, ?)", if self.falling() { "<" } else { ">" }));
            values.extend([after.key.into(), after.id.into()]);
        }
    }
}

impl View<'_> {
    /// What one look finds, and where the next begins: fewer than `limit` rows (even none) don't mean the end, only a
    /// missing cursor does.
    pub(crate) fn orders(&self, query: &OrderQuery) -> Result<(Vec<OrderRow>, Option<OrderCursor>), StoreError> {
        let look = self.look(query)?;
        let mut rows = Vec::with_capacity(look.found.len());
        for position in look.found {
            rows.extend(self.order_at(position.id)?);
        }
        Ok((rows, look.next))
    }

    /// Number and sum of what the filters let through; limit, sorting and cursor don't matter.
    pub(crate) fn order_sums(&self, query: &OrderQuery) -> Result<OrderSums, StoreError> {
        let query = &OrderQuery { after: None, limit: SUMMED, ..query.clone() };
        if query.search.as_deref().and_then(Text::of).is_some() {
            // in the order of rows: hits lie close together there
            let look = self.look(&OrderQuery { sort: OrderSort::Newest, ..query.clone() })?;
            let amounts = look.found.iter().map(|position| self.order_total(position.id));
            let amounts = amounts.collect::<Result<Vec<_>, _>>()?;
            let orders = i64::try_from(amounts.len()).unwrap_or(i64::MAX);
            return Ok(OrderSums { orders, amount: amounts.iter().sum(), exact: look.next.is_none() });
        }
        let narrow = query.vias.is_empty() && query.lamps.is_empty() && query.since.is_none() && query.until.is_none();
        if narrow && query.amount_from.is_none() && query.amount_to.is_none() {
            return self.order_sums_of_states(&query.mchid, &query.states);
        }
        let by_amount = query.amount_from.is_some() || query.amount_to.is_some();
        let query = &OrderQuery {
            sort: if by_amount && self.few_of_amount(query)?.is_some() {
                OrderSort::Largest
            } else {
                OrderSort::Newest
            },
            ..query.clone()
        };
        let (routes, most) = query.routes();
        let share = most / routes.len().max(1);
        let mut sums = OrderSums { orders: 0, amount: 0, exact: true };
        for (index, condition, own) in routes {
            let (test, mut values) = query.test();
            let mut inner =
                format!("SELECT {test} AS ok, total FROM orders INDEXED BY {index} WHERE mchid = ?{condition}");
            values.push(query.mchid.clone().into());
            values.extend(own);
            query.range(&mut inner, &mut values);
            values.push(i64::try_from(share).unwrap_or(i64::MAX).into());
            let direction = if query.falling() { "DESC" } else { "ASC" };
            let sql = format!(
                "SELECT count(*), coalesce(sum(ok), 0), coalesce(sum(iif(ok, total, 0)), 0)
                 FROM ({inner} ORDER BY {} {direction}, id {direction} LIMIT ?)",
                query.key()
            );
            let (seen, orders, amount): (i64, i64, i64) = self
                .conn
                .prepare_cached(&sql)?
                .query_row(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            sums.orders = sums.orders.saturating_add(orders);
            sums.amount = sums.amount.saturating_add(amount);
            sums.exact &= usize::try_from(seen).is_ok_and(|seen| seen < share);
        }
        Ok(sums)
    }

    fn look(&self, query: &OrderQuery) -> Result<Look, StoreError> {
        if let Some(text) = query.search.as_deref().and_then(Text::of) {
            let Some(ways) = text.ways(&query.mchid) else { return self.walk(query, Some(&text)) };
            if let Some(ids) = self.few_of(&ways)? {
                return self.sorted(query, &ids, Some(&text));
            }
            return if query.by_time() { self.follow(query, &text, &ways) } else { self.walk(query, Some(&text)) };
        }
        let by_amount = query.amount_from.is_some() || query.amount_to.is_some();
        if by_amount
            && query.by_time()
            && let Some(ids) = self.few_of_amount(query)?
        {
            return self.sorted(query, &ids, None);
        }
        self.walk(query, None)
    }

    /// Walks the routes and puts together what they met.
    fn walk(&self, query: &OrderQuery, text: Option<&Text>) -> Result<Look, StoreError> {
        let (routes, most) = query.routes();
        let most = match text {
            Some(_) if query.by_time() => most.min(ROWS),
            Some(_) => most.min(SCATTERED),
            None => most,
        };
        let share = most / routes.len().max(1);
        let mut walks = Vec::with_capacity(routes.len());
        for (index, condition, own) in routes {
            let (test, mut values) = query.test();
            let columns = if text.is_some() { SEARCHED } else { "id" };
            let mut sql = format!(
                "SELECT {test}, {}, {columns} FROM orders INDEXED BY {index} WHERE mchid = ?{condition}",
                query.key()
            );
            values.push(query.mchid.clone().into());
            values.extend(own);
            query.range(&mut sql, &mut values);
            let direction = if query.falling() { "DESC" } else { "ASC" };
            sql.push_str(&format!(" ORDER BY {} {direction}, id {direction}", query.key()));
            let mut statement = self.conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            let (mut walk, mut seen) = (Walk::default(), 0_usize);
            while let Some(row) = rows.next()? {
                let position = OrderCursor { key: row.get(1)?, id: row.get(2)? };
                if row.get(0)? && text.map_or(Ok(true), |text| searched(row, 2).map(|order| text.matches(&order)))? {
                    walk.met.push(position);
                }
                seen += 1;
                if walk.met.len() > query.limit || seen >= share {
                    walk.stopped = Some(position);
                    break;
                }
            }
            walks.push(walk);
        }
        let (met, horizon) = together(query, walks);
        Ok(page(query.limit, met, horizon))
    }

    /// Very many hits: every way is followed in the order of rows, which is the order of making.
    fn follow(&self, query: &OrderQuery, text: &Text, ways: &[Way]) -> Result<Look, StoreError> {
        let (sign, direction) = if query.falling() { ("<", "DESC") } else { (">", "ASC") };
        let begin = query.after.map_or(if query.falling() { i64::MAX } else { 0 }, |after| after.id);
        let mut walks = Vec::new();
        let mut unwalkable = false;
        for way in ways {
            let (sql, values) = match way.walk {
                Some(id) => (
                    format!("{} AND {id} {sign} ? ORDER BY {id} {direction} LIMIT {}", way.sql, FEW + 1),
                    way.values.iter().cloned().chain([begin.into()]).collect::<Vec<_>>(),
                ),
                None => {
                    let few = self.ids(&format!("{} LIMIT {}", way.sql, FEW + 1), way.values.clone())?;
                    unwalkable |= few.len() > FEW;
                    let met = few.into_iter().filter(|id| if query.falling() { *id < begin } else { *id > begin });
                    walks.push(Walk { met: met.map(|id| OrderCursor { key: 0, id }).collect(), stopped: None });
                    continue;
                }
            };
            let met: Vec<_> = self.ids(&sql, values)?.into_iter().map(|id| OrderCursor { key: 0, id }).collect();
            let stopped = met.last().copied().filter(|_| met.len() > FEW);
            walks.push(Walk { met, stopped });
        }
        if unwalkable {
            // a number's beginning that very many share: they are everywhere, so all rows are candidates
            let sql = format!("SELECT id FROM orders WHERE id {sign} ? ORDER BY id {direction} LIMIT {ROWS}");
            let met: Vec<_> =
                self.ids(&sql, vec![begin.into()])?.into_iter().map(|id| OrderCursor { key: 0, id }).collect();
            let stopped = met.last().copied().filter(|_| met.len() == ROWS);
            walks.push(Walk { met, stopped });
        }
        let (candidates, horizon) = together(query, walks);
        let mut met = Vec::new();
        for candidate in candidates {
            if let Some((position, true)) = self.candidate(query, candidate.id, Some(text))? {
                met.push(position);
                if met.len() > query.limit {
                    break;
                }
            }
        }
        // it may be another merchant's row: only the place counts
        let horizon = match horizon {
            Some(stopped) => {
                let key = self.order_at(stopped.id)?.map_or(0, |row| millis(row.created_at));
                Some(OrderCursor { key, ..stopped })
            }
            None => None,
        };
        Ok(page(query.limit, met, horizon))
    }

    /// Reads a small set whole, and sorts it.
    fn sorted(&self, query: &OrderQuery, ids: &[i64], text: Option<&Text>) -> Result<Look, StoreError> {
        let mut met = Vec::new();
        for id in ids {
            if let Some((position, true)) = self.candidate(query, *id, text)?
                && query.after.is_none_or(|after| query.before(after, position))
            {
                met.push(position);
            }
        }
        query.sort(&mut met);
        met.dedup();
        Ok(page(query.limit, met, None))
    }

    /// Where a row of this merchant stands in the list, and whether the filters let it through.
    fn candidate(
        &self,
        query: &OrderQuery,
        id: i64,
        text: Option<&Text>,
    ) -> Result<Option<(OrderCursor, bool)>, StoreError> {
        let (test, mut values) = query.test();
        let sql = format!("SELECT {test}, {}, {SEARCHED} FROM orders WHERE id = ? AND mchid = ?", query.key());
        values.extend([id.into(), query.mchid.clone().into()]);
        let found = self.conn.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| {
            let ok = row.get(0)? && text.map_or(Ok(true), |text| searched(row, 2).map(|order| text.matches(&order)))?;
            Ok((OrderCursor { key: row.get(1)?, id: row.get(2)? }, ok))
        });
        Ok(found.optional()?)
    }

    /// All ids that the ways lead to, if they are few.
    fn few_of(&self, ways: &[Way]) -> Result<Option<Vec<i64>>, StoreError> {
        let mut all = Vec::new();
        for way in ways {
            let ids = self.ids(&format!("{} LIMIT {}", way.sql, FEW + 1), way.values.clone())?;
            if ids.len() > FEW {
                return Ok(None);
            }
            all.extend(ids);
        }
        all.sort_unstable();
        all.dedup();
        Ok(Some(all).filter(|all| all.len() <= FEW))
    }

    /// All ids of the wanted amounts, if they are few.
    fn few_of_amount(&self, query: &OrderQuery) -> Result<Option<Vec<i64>>, StoreError> {
        let sql = format!(
            "SELECT id FROM orders INDEXED BY orders_amount WHERE mchid = ? AND total >= ? AND total <= ? LIMIT {}",
            FEW + 1
        );
        let (from, to) = (query.amount_from.map_or(0, Fen::get), query.amount_to.map_or(i64::MAX, Fen::get));
        let ids = self.ids(&sql, vec![query.mchid.clone().into(), from.into(), to.into()])?;
        Ok(Some(ids).filter(|ids| ids.len() <= FEW))
    }

    fn ids(&self, sql: &str, values: Vec<Value>) -> Result<Vec<i64>, StoreError> {
        let mut rows = self.conn.prepare_cached(sql)?;
        Ok(rows.query_map(params_from_iter(values), |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn order_total(&self, id: i64) -> Result<i64, StoreError> {
        let mut row = self.conn.prepare_cached("SELECT total FROM orders WHERE id = ?1")?;
        Ok(row.query_row([id], |row| row.get(0)).optional()?.unwrap_or(0))
    }
}

const SEARCHED: &str = "id, out_trade_no, transaction_id, openid, description, attach, total";

/// The columns of [`SEARCHED`], from `at` on.
fn searched(row: &Row<'_>, at: usize) -> rusqlite::Result<Searched> {
    Ok(Searched {
        out_trade_no: row.get(at + 1)?,
        transaction_id: row.get(at + 2)?,
        openid: row.get(at + 3)?,
        description: row.get(at + 4)?,
        attach: row.get(at + 5)?,
        total: row.get(at + 6)?,
    })
}

/// What several walks met, in order, as far as all of them have seen; and where the first of them was stopped.
fn together(query: &OrderQuery, walks: Vec<Walk>) -> (Vec<OrderCursor>, Option<OrderCursor>) {
    let mut stops: Vec<OrderCursor> = walks.iter().filter_map(|walk| walk.stopped).collect();
    query.sort(&mut stops);
    let horizon = stops.first().copied();
    let mut met: Vec<OrderCursor> = walks.into_iter().flat_map(|walk| walk.met).collect();
    met.retain(|position| horizon.is_none_or(|horizon| !query.before(horizon, *position)));
    query.sort(&mut met);
    met.dedup();
    (met, horizon)
}

fn page(limit: usize, mut met: Vec<OrderCursor>, horizon: Option<OrderCursor>) -> Look {
    let more = met.len() > limit;
    met.truncate(limit);
    let next = if more { met.last().copied() } else { horizon };
    Look { found: met, next }
}
