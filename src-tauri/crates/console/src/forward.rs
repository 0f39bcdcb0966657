//! Passing deliveries on to backends: what lists show of it, starting and stopping it, bringing back what died. The
//! couriers and their ladder are in `courier`, the kept targets in `targets`.
//!
//! The outbox's rows are written by `callbacks` in the transaction that keeps a delivery, so what was acknowledged is
//! passed on even if this process is killed in the next instant; and sent once our own answer went out. How a request is
//! carried, and where it may go, is `replay::target`'s.

mod courier;
mod targets;

pub(crate) use courier::{Forwarding, without_notice};
pub(crate) use targets::targets_for;
pub use targets::{ForwardTarget, ForwardTargetInput, ForwardWhat};

use crate::console::Console;
use crate::orders::{callback_id, moment, no_cursor, page_size, parse_id, shown_time};
use crate::replay::target::Target;
use crate::store::{ForwardQuery, ForwardRow};
use crate::wire::{Page, Problem};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wechatpay::error::FieldError;

/// Missed deliveries that are put into the outbox in one transaction.
const PART: usize = 500;
/// Targets at most.
const TARGETS: usize = 16;

/// Where accepted deliveries go beside the kept targets.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardOptions {
    /// http or https addresses, 16 at most.
    pub targets: Vec<String>,
    /// They may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// Which forwards.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardFilter {
    /// `waiting`, `delivered` or `dead`.
    #[serde(default)]
    pub state: Option<String>,
    /// Made at or after: RFC 3339, or a Beijing day.
    #[serde(default)]
    pub since: Option<String>,
    /// Rows of a page: 1 to 500; 0 means 50.
    #[serde(default)]
    pub limit: u32,
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

/// What is to be tried again.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardRecovery {
    /// Only what came in at or after: RFC 3339, or a Beijing day. Must be there with `targets`.
    #[serde(default)]
    pub since: Option<String>,
    /// Only for these, and for them also what came while nobody forwarded to them; else all that is dead.
    #[serde(default)]
    pub targets: Vec<String>,
    /// They may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// One delivery on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct Forward {
    /// `fw_12`.
    pub id: String,
    /// The delivery; the target is told it in `X-Guitai-Delivery`.
    pub callback_id: String,
    /// Whose.
    pub merchant: String,
    /// Of the delivery.
    pub event_type: Option<String>,
    /// Of the delivery.
    pub out_trade_no: Option<String>,
    /// Where to.
    pub target: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// Begun so far; the target is told the number in `X-Guitai-Forward-Attempt`.
    pub attempts: u32,
    /// When it came in.
    pub created_at: String,
    /// When the last attempt began.
    pub last_at: Option<String>,
    /// What the target answered last.
    pub last_status: Option<u16>,
    /// Why the last attempt failed, where no answer says it.
    pub last_error: Option<String>,
    /// The last attempt's end is not known: the target may have it.
    pub unknown: bool,
    /// When it is tried next, if it waits.
    pub next_at: Option<String>,
}

impl Console {
    /// Passes deliveries on from now on: to the kept targets, and for as long as it isn't stopped every accepted one to
    /// these too, instead of those before; and what waits for them from earlier at once. Returns the addresses in their one
    /// spelling. Needs a tokio runtime.
    ///
    /// # Errors
    /// `INVALID_FIELD`, `TARGET_REFUSED` for an address that may not be sent to: then nothing changes. The store's.
    pub async fn forward_start(&self, options: ForwardOptions) -> Result<Vec<String>, Problem> {
        let mut targets: Vec<Target> = Vec::new();
        for text in &options.targets {
            let target = Target::parse("forward_to", text, options.allow_private)?;
            if !targets.iter().any(|known| known.text() == target.text()) {
                targets.push(target);
            }
        }
        if targets.len() > TARGETS {
            let count = targets.len().to_string();
            return Err(FieldError::new(
                "forward_to",
                "at_most_16",
                &count,
                "must be 16 targets at most",
                "最多 16 个",
            )
            .into());
        }
        self.desk.forwarding.stop().await;
        let names = targets.iter().map(|target| target.text().to_owned()).collect();
        self.desk.forwarding.start(Arc::downgrade(&self.desk), targets);
        Ok(names)
    }

    /// Passes nothing on any more; what waits stays kept.
    pub async fn forward_stop(&self) {
        self.desk.forwarding.stop().await;
    }

    /// Our own answer to a delivery went out (or its client is gone): it may go on now.
    pub(crate) async fn forward_release(&self, callback: i64) {
        let now = self.desk.outside.now();
        // where this can't be written it goes on a few seconds later
        match self.desk.store.write(move |tx| tx.forward_release(callback, now)).await {
            Ok(0) => {}
            Ok(_) => self.desk.forwarding.wake(),
            Err(error) => tracing::debug!(%error, callback, "a delivery could not be let go on at once"),
        }
    }

    /// A page of forwards of all merchants and targets, newest first.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a state, time or cursor that is none; the store's.
    pub async fn forward_list(&self, filter: ForwardFilter) -> Result<Page<Forward>, Problem> {
        let query = ForwardQuery {
            state: filter.state.as_deref().map(state_named).transpose()?,
            since: filter.since.as_deref().map(|text| moment("since", text, false)).transpose()?,
            limit: page_size(filter.limit),
            after: filter
                .after
                .as_deref()
                .map(|text| parse_id(text, "fw_").ok_or_else(|| no_cursor(text)))
                .transpose()?,
        };
        let (rows, more) = self.desk.store.read(move |view| view.forwards(&query)).await?;
        let next = rows.last().filter(|_| more).map(|row| format!("fw_{}", row.id));
        Ok(Page { items: rows.iter().map(shown).collect(), next })
    }

    /// Brings the dead ones back to the foot of the ladder, and puts what never was meant for a target (nobody forwarded
    /// to it that day) into its outbox; how many. They are sent while the target is forwarded to, by this process or
    /// another.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a time that is none, or targets without one; `TARGET_REFUSED`; the store's.
    pub async fn forward_recover(&self, input: ForwardRecovery) -> Result<u32, Problem> {
        let since = input.since.as_deref().map(|text| moment("since", text, false)).transpose()?;
        let targets: Vec<Target> = input
            .targets
            .iter()
            .map(|text| Target::parse("to", text, input.allow_private))
            .collect::<Result<_, _>>()?;
        let (store, now) = (&self.desk.store, self.desk.outside.now());
        let mut recovered: usize = 0;
        if targets.is_empty() {
            recovered = store.write(move |tx| tx.forward_recover(None, since, now)).await?;
        }
        for target in targets {
            let Some(since) = since else {
                let (en, zh) = ("must be given with a target", "指定目标时必须给出");
                return Err(FieldError::new("since", "required", "", en, zh).into());
            };
            let name = target.text().to_owned();
            recovered += store.write(move |tx| tx.forward_recover(Some(&name), Some(since), now)).await?;
            // a part at a time: callbacks are waiting for the writer too
            let mut after = Some(0);
            while let Some(from) = after {
                let name = target.text().to_owned();
                let part = store.write(move |tx| tx.forward_enqueue_missed(&name, since, from, PART, now));
                let (missed, last) = part.await?;
                recovered += missed;
                after = last;
            }
        }
        self.desk.forwarding.wake();
        Ok(u32::try_from(recovered).unwrap_or(u32::MAX))
    }
}

fn state_named(text: &str) -> Result<&'static str, Problem> {
    ["waiting", "delivered", "dead"].into_iter().find(|state| *state == text).ok_or_else(|| {
        let (en, zh) = ("must be waiting, delivered or dead", "须为 waiting、delivered 或 dead");
        FieldError::new("state", "one_of", text, en, zh).into()
    })
}

fn shown(row: &ForwardRow) -> Forward {
    Forward {
        id: format!("fw_{}", row.id),
        callback_id: callback_id(row.callback_id),
        merchant: row.merchant.clone(),
        event_type: row.event_type.clone(),
        out_trade_no: row.out_trade_no.clone(),
        target: row.target.clone(),
        state: row.state.clone(),
        attempts: row.attempts,
        created_at: shown_time(row.created_at),
        last_at: row.last_at.map(shown_time),
        last_status: row.last_status,
        last_error: row.last_error.clone(),
        unknown: row.begun,
        next_at: row.next_at.map(shown_time),
    }
}
