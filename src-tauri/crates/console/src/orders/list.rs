//! Finding orders: a filter from outside becomes a query of the store, rows become what lists show.

use super::{moment, no_cursor, page_size, shown};
use crate::console::Console;
use crate::orders::state::State;
use crate::store::{OrderCursor, OrderQuery};
use crate::wire::{Lamp, Order, OrderFilter, OrderTotals, Page, Problem, Verdict};
use wechatpay::error::FieldError;
use wechatpay::money::Fen;

impl Console {
    /// A page of orders: full, unless it is the last.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a state, time, amount or cursor that is none; `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the
    /// store's.
    pub async fn order_list(&self, m: Option<&str>, filter: OrderFilter) -> Result<Page<Order>, Problem> {
        let mut query = self.order_wanted(m, filter).await?;
        let (most, mut items) = (query.limit, Vec::new());
        loop {
            query.limit = most.saturating_sub(items.len());
            let look = query.clone();
            let (rows, next) = self.desk.store.read(move |view| view.orders(&look)).await?;
            items.extend(rows.iter().map(shown));
            query.after = next;
            if next.is_none() || items.len() >= most {
                return Ok(Page { items, next: next.map(cursor) });
            }
        }
    }

    /// What one bounded look finds: a few milliseconds at any number of orders. Fewer rows than asked for (even none)
    /// don't mean the end while there is a `next`: rare rows take several looks, and whoever looks may stop between
    /// them.
    ///
    /// # Errors
    /// As [`Console::order_list`].
    pub async fn order_look(&self, m: Option<&str>, filter: OrderFilter) -> Result<Page<Order>, Problem> {
        let query = self.order_wanted(m, filter).await?;
        let (rows, next) = self.desk.store.read(move |view| view.orders(&query)).await?;
        Ok(Page { items: rows.iter().map(shown).collect(), next: next.map(cursor) })
    }

    /// Number and sum of what the filter lets through; limit, sorting and cursor don't matter. Exact where that is
    /// cheap, else at least so much.
    ///
    /// # Errors
    /// As [`Console::order_list`].
    pub async fn order_totals(&self, m: Option<&str>, filter: OrderFilter) -> Result<OrderTotals, Problem> {
        let query = self.order_wanted(m, filter).await?;
        let sums = self.desk.store.read(move |view| view.order_sums(&query)).await?;
        Ok(OrderTotals { orders: sums.orders, amount: sums.amount, exact: sums.exact })
    }

    async fn order_wanted(&self, m: Option<&str>, filter: OrderFilter) -> Result<OrderQuery, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let time = |field: &str, text: &Option<String>, end: bool| {
            text.as_deref().filter(|text| !text.trim().is_empty()).map(|text| moment(field, text, end)).transpose()
        };
        Ok(OrderQuery {
            mchid: profile.mchid.to_string(),
            states: filter.states.iter().map(|name| parse_state(name)).collect::<Result<_, _>>()?,
            vias: filter.vias,
            lamps: filter.callbacks.into_iter().map(verdict).collect(),
            search: filter.search,
            since: time("since", &filter.since, false)?,
            until: time("until", &filter.until, true)?,
            amount_from: filter.amount_from.map(|fen| amount("amount_from", fen)).transpose()?,
            amount_to: filter.amount_to.map(|fen| amount("amount_to", fen)).transpose()?,
            sort: filter.sort,
            limit: page_size(filter.limit),
            after: filter.after.as_deref().map(parse_cursor).transpose()?,
        })
    }
}

fn verdict(lamp: Lamp) -> Option<Verdict> {
    match lamp {
        Lamp::None => None,
        Lamp::Applied => Some(Verdict::Applied),
        Lamp::Duplicate => Some(Verdict::Duplicate),
        Lamp::Held => Some(Verdict::Held),
        Lamp::Rejected => Some(Verdict::Rejected),
        Lamp::Failed => Some(Verdict::Failed),
    }
}

fn amount(field: &str, fen: i64) -> Result<Fen, Problem> {
    if fen < 0 {
        let text = fen.to_string();
        return Err(FieldError::new(field, "range", &text, "must not be negative", "不能是负数").into());
    }
    Ok(Fen::new(fen))
}

fn parse_state(name: &str) -> Result<State, Problem> {
    State::parse(&name.to_ascii_uppercase()).ok_or_else(|| {
        let known: Vec<&str> = State::ALL.into_iter().map(State::as_str).collect();
        let known = known.join(", ");
        FieldError::new("state", "one_of", name, format!("must be one of {known}"), format!("须为 {known} 之一")).into()
    })
}

fn cursor(at: OrderCursor) -> String {
    format!("{}-{}", at.key, at.id)
}

fn parse_cursor(text: &str) -> Result<OrderCursor, Problem> {
    let cursor =
        text.rsplit_once('-').and_then(|(key, id)| Some(OrderCursor { key: key.parse().ok()?, id: id.parse().ok()? }));
    cursor.ok_or_else(|| no_cursor(text))
}
