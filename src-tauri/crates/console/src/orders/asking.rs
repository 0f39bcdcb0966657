//! A call to WeChat Pay that is kept: first "about to ask" is committed, then it is sent, then both sides are committed
//! byte for byte. No transaction is open while the network is used.

use super::show::{exchange_id, parse_id, shown_exchange};
use super::{no_cursor, page_size};
use crate::console::{Console, Desk};
use crate::gateway::{GatewayError, Sent};
use crate::merchants::Profile;
use crate::problem;
use crate::store::{ExchangeRaw, ExchangeRow, NewExchange, OrderRow, StoreError, Tx};
use crate::wire::{Beside, BesideLine, Exchange, ExchangeSummary, Page, Problem};
use std::sync::Arc;
use wechatpay::api::{Request, VerifiedAnswer};
use wechatpay::doctor::{self, SignInformation};

/// A call that was made, not yet kept.
#[derive(Debug)]
pub(crate) struct Asked {
    begun: i64,
    about: NewExchange,
    sent: Sent,
}

impl Desk {
    /// Commits "about to ask" (and what `before` writes), then sends.
    ///
    /// # Errors
    /// `before`'s, or the store's; then nothing was sent. What WeChat Pay says is in the [`Asked`].
    pub(crate) async fn ask(
        &self,
        profile: &Arc<Profile>,
        request: &Request,
        order: Option<&OrderRow>,
        mut before: impl FnMut(&Tx<'_>) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Arc<Asked>, Problem> {
        let about = NewExchange {
            merchant: profile.name.clone(),
            mchid: profile.mchid.to_string(),
            at: self.outside.now(),
            purpose: request.purpose.to_owned(),
            method: request.method.to_owned(),
            target: request.target.clone(),
            base_url: profile.base_url.clone(),
            request_body: request.body.clone(),
            out_trade_no: order.map(|order| order.out_trade_no.clone()),
            order_id: order.map(|order| order.id),
        };
        let row = about.clone();
        let begun = self
            .store
            .write(move |tx| {
                before(tx)?;
                Ok::<_, Problem>(tx.exchange_begin(&row)?)
            })
            .await?;
        let sent = self.gateway.send(profile, request).await;
        Ok(Arc::new(Asked { begun, about, sent }))
    }

    /// The refusal or failure as people read it.
    pub(crate) fn gateway_problem(&self, error: &GatewayError, exchange: i64) -> Problem {
        problem::of_gateway(error, Some(exchange_id(exchange)), self.gateway.clock_skew_ms())
    }
}

impl Asked {
    /// What may be believed.
    pub(crate) fn outcome(&self) -> Result<&VerifiedAnswer, &GatewayError> {
        self.sent.outcome.as_ref()
    }

    /// Keeps every attempt; returns the row of the last, the one that decided.
    pub(crate) fn keep(&self, tx: &Tx<'_>) -> Result<i64, StoreError> {
        for record in &self.sent.earlier {
            // an attempt before the last, or a download of certificates in between: a row of its own
            let row = tx.exchange_begin(&NewExchange {
                at: record.at,
                purpose: record.purpose.clone(),
                method: record.method.clone(),
                target: record.target.clone(),
                base_url: record.base_url.clone(),
                request_body: record.request_body.clone(),
                ..self.about.clone()
            })?;
            let (summary, raw) = record.rows(row);
            tx.exchange_end(row, &summary, &raw)?;
        }
        let (summary, raw) = self.sent.record.rows(self.begun);
        tx.exchange_end(self.begun, &summary, &raw)?;
        Ok(self.begun)
    }
}

impl Console {
    /// A page of calls to WeChat Pay, newest first.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a cursor that is none; `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn exchange_list(
        &self,
        m: Option<&str>,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<ExchangeSummary>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let after = after.map(|text| parse_id(text, "ex_").ok_or_else(|| no_cursor(text))).transpose()?;
        let mchid = profile.mchid.to_string();
        let (rows, more) = self.desk.store.read(move |view| view.exchanges(&mchid, page_size(limit), after)).await?;
        let next = rows.last().filter(|_| more).map(|row| exchange_id(row.id));
        Ok(Page { items: rows.iter().map(shown_exchange).collect(), next })
    }

    /// The call that `said` is about: the answer's Request-ID, or the error body that came with it. Of the merchant's
    /// newest 1,000 calls; null where none is.
    ///
    /// # Errors
    /// `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn exchange_find(&self, m: Option<&str>, said: &str) -> Result<Option<Exchange>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (mchid, said) = (profile.mchid.to_string(), said.trim().to_owned());
        if said.is_empty() {
            return Ok(None);
        }
        let found = self.desk.store.read(move |view| {
            let (rows, _) = view.exchanges(&mchid, 1_000, None)?;
            for row in rows {
                let is_named = row.request_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(&said));
                // only what was refused has a body that says so
                let may_say = row.status.is_some_and(|status| status >= 400) && said.starts_with('{');
                if is_named || may_say && says(&view.exchange(row.id)?, &said) {
                    return Ok(Some(row.id));
                }
            }
            Ok::<_, StoreError>(None)
        });
        match found.await? {
            Some(row) => self.exchange_show(&exchange_id(row)).await.map(Some),
            None => Ok(None),
        }
    }

    /// One call with both sides byte for byte and the texts that were signed.
    ///
    /// # Errors
    /// `EXCHANGE_NOT_FOUND`; the store's.
    pub async fn exchange_show(&self, id: &str) -> Result<Exchange, Problem> {
        let absent = || {
            problem::new(
                "EXCHANGE_NOT_FOUND",
                format!("没有请求 {}。", crate::visible(id, 64)),
                format!("There is no call {}.", crate::visible(id, 64)),
                "检查编号，如 ex_12。",
                "Check the id, like ex_12.",
            )
        };
        let row = parse_id(id, "ex_").ok_or_else(absent)?;
        let (row, raw) = self.desk.store.read(move |view| view.exchange(row)).await?.ok_or_else(absent)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let beside = raw.signed.as_ref().and_then(|signed| beside(&raw.response_body, &signed.text));
        Ok(Exchange {
            beside,
            summary: shown_exchange(&row),
            base_url: raw.base_url,
            request_headers: raw.request_headers,
            request_body: text(&raw.request_body),
            response_headers: raw.response_headers,
            response_body: text(&raw.response_body),
            signed: raw.signed,
            verified: raw.verified,
        })
    }
}

fn says(call: &Option<(ExchangeRow, ExchangeRaw)>, said: &str) -> bool {
    call.as_ref().is_some_and(|(_, raw)| raw.response_body.trim_ascii() == said.as_bytes())
}

/// Both texts, where the answer says what the gateway verified.
fn beside(answer: &[u8], signed: &str) -> Option<Beside> {
    let found = SignInformation::of_answer(answer)?.beside(signed.as_bytes());
    let count = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let line = |line: doctor::BesideLine| BesideLine {
        field: line.field.to_owned(),
        ours: line.ours,
        theirs: line.theirs,
        same: line.same,
    };
    Some(Beside {
        lines: found.lines.into_iter().map(line).collect(),
        ours_length: count(found.ours_length),
        theirs_length: count(found.theirs_length),
        parts_at: found.parts_at.map(str::to_owned),
        said: problem::both(found.said.zh, found.said.en),
    })
}
