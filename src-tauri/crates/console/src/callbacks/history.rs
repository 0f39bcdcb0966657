//! The history of deliveries: pages under filters, lanes by order, causes with their counts.

use super::explain;
use crate::console::Console;
use crate::orders::{callback_id, moment, no_cursor, page_size, parse_id, shown_callback};
use crate::store::{CallbackQuery, CallbackRow, StoreError};
use crate::visible;
use crate::wire::{Callback, CallbackCause, CallbackFilter, CallbackLane, Page, Problem};
use wechatpay::error::FieldError;

/// Characters of a search at most.
const SEARCH: usize = 100;
/// Reasons that may be asked for at once.
const REASONS: usize = 20;
/// Lanes of a page at most; each is a handful of lookups.
const LANES: usize = 100;

impl Console {
    /// A page of deliveries, newest first; rejected ones too. Under a search a page may be short (even empty) and have a
    /// `next` all the same: so many proposals were looked at.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a cursor or a time that is none and for a search that is too long; `NO_MERCHANT`,
    /// `MERCHANT_NOT_FOUND`; the store's.
    pub async fn callback_list(&self, m: Option<&str>, filter: CallbackFilter) -> Result<Page<Callback>, Problem> {
        let query = self.callback_query(m, filter).await?;
        let folded = query.folded;
        let read = self.desk.store.read(move |view| {
            let (rows, next) = view.callbacks(&query)?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let repeats = if folded { view.callback_repeats(&ids)? } else { Vec::new() };
            Ok::<_, StoreError>((rows, next, repeats))
        });
        let (rows, next, repeats) = read.await?;
        let mut items: Vec<Callback> = rows.iter().map(shown_callback).collect();
        for (item, repeats) in items.iter_mut().zip(repeats) {
            item.repeats = u32::try_from(repeats).ok().filter(|repeats| *repeats > 0);
        }
        Ok(Page { items, next: next.map(callback_id) })
    }

    /// Deliveries by order, the lane with the newest fitting delivery first. A lane is whole, whatever the filter; it may come
    /// again on a later page, and whoever draws keeps the first. `limit` counts lanes, 100 at most.
    ///
    /// # Errors
    /// As [`Console::callback_list`].
    pub async fn callback_lanes(&self, m: Option<&str>, filter: CallbackFilter) -> Result<Page<CallbackLane>, Problem> {
        let query = self.callback_query(m, filter).await?;
        let lanes = query.limit.min(LANES);
        let (rows, next) = self.desk.store.read(move |view| view.callback_lanes(&query, lanes)).await?;
        let word = |text: Option<String>| text.map(|text| visible(&text, 64));
        let lanes = rows.into_iter().map(|lane| CallbackLane {
            out_trade_no: word(lane.out_trade_no),
            notification_id: word(lane.notification_id),
            deliveries: lane.deliveries.iter().map(shown_callback).collect(),
            more: lane.more,
        });
        Ok(Page { items: lanes.collect(), next: next.map(callback_id) })
    }

    /// How many deliveries came to which end, and why; the commonest first. From kept counts.
    ///
    /// # Errors
    /// `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn callback_causes(&self, m: Option<&str>) -> Result<Vec<CallbackCause>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let mchid = profile.mchid.to_string();
        let rows = self.desk.store.read(move |view| view.callback_causes(&mchid)).await?;
        let causes = rows.into_iter().map(|row| {
            let (why, fix) = row.reason.as_deref().and_then(explain::meaning).unzip();
            CallbackCause {
                verdict: row.verdict,
                reason: row.reason,
                deliveries: u32::try_from(row.deliveries).unwrap_or(u32::MAX),
                newest_id: callback_id(row.newest),
                why,
                fix,
            }
        });
        Ok(causes.collect())
    }

    async fn callback_query(&self, m: Option<&str>, filter: CallbackFilter) -> Result<CallbackQuery, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let search = given(filter.search);
        if let Some(long) = search.as_deref().filter(|text| text.chars().count() > SEARCH) {
            return Err(FieldError::new(
                "search",
                "length",
                long,
                format!("must have {SEARCH} characters at most"),
                format!("不能超过 {SEARCH} 个字符"),
            )
            .into());
        }
        let after = filter.after.as_deref().map(|text| parse_id(text, "cb_").ok_or_else(|| no_cursor(text)));
        let time = |field, text: Option<String>, end| given(text).map(|text| moment(field, &text, end)).transpose();
        Ok(CallbackQuery {
            mchid: profile.mchid.to_string(),
            verdicts: filter.verdicts,
            reasons: filter.reasons.into_iter().take(REASONS).collect(),
            event_type: given(filter.event_type),
            out_trade_no: given(filter.out_trade_no),
            source: given(filter.source),
            since: time("since", filter.since, false)?,
            until: time("until", filter.until, true)?,
            search,
            folded: filter.folded,
            limit: page_size(filter.limit),
            after: after.transpose()?,
        })
    }
}

/// Verdict and reason as one line of slugs.
pub(super) fn said(row: &CallbackRow) -> String {
    let verdict = serde_json::to_value(row.verdict).ok();
    let verdict = verdict.as_ref().and_then(|verdict| verdict.as_str()).unwrap_or_default();
    match &row.reason {
        Some(reason) => format!("{verdict} {reason}"),
        None => verdict.to_owned(),
    }
}
