//! Orders: making and showing them; `list` finds them. `state` decides where an order may go, `facts` what may be
//! believed, `apply` brings the two together; `prepay`, `settle` and `combine` talk to WeChat Pay, `asking` keeps every
//! call.
//!
//! Only this module, `refunds` and `callbacks` change an order, always with a journal line in the same transaction.

pub(crate) mod apply;
pub(crate) mod asking;
mod combine;
pub(crate) mod facts;
mod list;
mod prepay;
pub(crate) mod settle;
mod show;
pub(crate) mod state;

pub(crate) use show::{callback_id, parse_id, shown, shown_callback, shown_refund, shown_time};

use crate::console::Console;
use crate::journal::{Kind, Line};
use crate::listener::{LISTENER_BY_DEFAULT, LISTENER_SETTING, NOTIFY};
use crate::merchants::Profile;
use crate::problem;
use crate::store::{NewOrder, OrderKey, OrderRow, StoreError};
use crate::wire::{Dossier, Event, Order, OrderInput, Problem};
use state::State;
use wechatpay::api::fields::PrepayFields;
use wechatpay::api::prepay::{Prepay, Product};
use wechatpay::error::FieldError;
use wechatpay::ids::{NotifyUrl, Openid, OutTradeNo};
use wechatpay::time::{self, Timestamp};

/// Rows of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MOST: usize = 500;
/// A made-up number that is taken already is made up anew so often; with ten random digits once is rare.
const TRIES: usize = 5;

impl Console {
    /// Keeps a new order in state `CREATED`; WeChat Pay hears of it at the prepay.
    ///
    /// # Errors
    /// `INVALID_FIELD` with the field; `OUT_TRADE_NO_USED`; `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn order_create(&self, m: Option<&str>, input: OrderInput) -> Result<Order, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        Ok(shown(&self.order_keep(&profile, input, None).await?.0))
    }

    /// Keeps a new order; or, under a key that stands for one already, keeps nothing and finds that one. Says whether it
    /// is new.
    ///
    /// # Errors
    /// As [`Console::order_create`].
    pub(crate) async fn order_keep(
        &self,
        profile: &Profile,
        input: OrderInput,
        once: Option<OrderKey>,
    ) -> Result<(OrderRow, bool), Problem> {
        let now = self.desk.outside.now();
        let given = input.out_trade_no.clone();
        let listener = self.settings_get().await?.remove(LISTENER_SETTING);
        let mut order = sound(profile, input, listener.as_deref(), now)?;
        let mut tries = 0;
        loop {
            if given.is_none() {
                order.out_trade_no = self.number("GT", now);
            }
            let (new, once) = (order.clone(), once.clone());
            let kept = self.desk.store.write(move |tx| {
                if let Some(key) = &once
                    && let Some(row) = tx.order_of_key(&new.mchid, key)?
                {
                    return Ok((row, false));
                }
                let row = tx.order_insert(&new)?;
                if let Some(key) = &once {
                    tx.order_key_insert(&new.mchid, key, row.id)?;
                }
                let line = Line::new(Kind::Created).state(State::Created).amount(row.total);
                tx.journal_write(row.id, now, &line)?;
                Ok::<_, StoreError>((row, true))
            });
            match kept.await {
                Ok((row, new)) => {
                    if new {
                        self.desk.tell([changed(&row)]);
                    }
                    return Ok((row, new));
                }
                Err(StoreError::Exists(_)) if given.is_none() && tries < TRIES => tries += 1,
                Err(StoreError::Exists(_)) => return Err(used(&order.out_trade_no)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One order with everything that happened to it.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`; `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn order_show(&self, m: Option<&str>, out_trade_no: &str) -> Result<Dossier, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (mchid, no) = (profile.mchid.to_string(), out_trade_no.to_owned());
        let found = self.desk.store.read(move |view| {
            let Some(order) = view.order(&mchid, &no)? else { return Ok::<_, StoreError>(None) };
            Ok(Some((
                view.journal_of_order(order.id)?,
                view.refunds_of(order.id)?,
                view.callbacks_of(&mchid, &no)?,
                view.exchanges_of(order.id)?,
                view.bill_lines_of(&mchid, &no)?,
                order,
            )))
        });
        let (lines, refunds, callbacks, exchanges, billed, order) = found.await?.ok_or_else(|| absent(out_trade_no))?;
        let mut timeline = show::whole_timeline(&lines, &callbacks, &exchanges);
        for (line, fetched_at) in &billed {
            let entry = show::shown_bill_line(line, *fetched_at);
            let place = timeline.iter().position(|later| later.at > entry.at).unwrap_or(timeline.len());
            timeline.insert(place, entry);
        }
        Ok(Dossier {
            timeline,
            refunds: refunds.iter().map(|refund| shown_refund(refund, &order.out_trade_no)).collect(),
            callbacks: callbacks.iter().map(shown_callback).collect(),
            exchanges: exchanges.iter().map(show::shown_exchange).collect(),
            order: shown(&order),
        })
    }

    /// The order's row, or `ORDER_NOT_FOUND`.
    pub(crate) async fn order_row(&self, mchid: &str, out_trade_no: &str) -> Result<OrderRow, Problem> {
        let (mchid, no) = (mchid.to_owned(), out_trade_no.to_owned());
        let found = self.desk.store.read(move |view| view.order(&mchid, &no)).await?;
        found.ok_or_else(|| absent(out_trade_no))
    }

    /// A number of ours: a prefix, Beijing time to the second, ten random digits.
    pub(crate) fn number(&self, prefix: &str, now: Timestamp) -> String {
        let mut bytes = [0_u8; 8];
        self.desk.outside.fill(&mut bytes);
        let digits = u64::from_be_bytes(bytes) % 10_000_000_000;
        let second: String = time::beijing(now).chars().take(19).filter(char::is_ascii_digit).collect();
        format!("{prefix}{second}{digits:010}")
    }
}

/// `OrderChanged` for a row.
pub(crate) fn changed(order: &OrderRow) -> Event {
    Event::OrderChanged {
        merchant: order.merchant.clone(),
        out_trade_no: order.out_trade_no.clone(),
        state: order.state.as_str().to_owned(),
    }
}

/// Every rule of the fields, before anything is kept.
fn sound(profile: &Profile, input: OrderInput, listener: Option<&str>, now: Timestamp) -> Result<NewOrder, Problem> {
    let out_trade_no = input.out_trade_no.unwrap_or_default();
    if !out_trade_no.is_empty() {
        OutTradeNo::parse(&out_trade_no)?;
    }
    let notify_url = match input.notify_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(notify_url(profile, url)?),
        None => profile.notify_url.clone().or_else(|| at_listener(profile, listener)),
    };
    let openid = input.openid.filter(|openid| !openid.is_empty());
    if let Some(openid) = &openid {
        Openid::parse(openid).map_err(|error| error.at("payer.openid"))?;
    }
    let mut fields = fields_of(input.fields)?;
    let attach = input.attach.filter(|attach| !attach.is_empty());
    let attach = attach.or(fields.take_attach());
    // the rules are those of the call that will be made; number and address were judged above
    let any_number = OutTradeNo::parse("000000")?;
    let any_url = NotifyUrl::parse_for_sandbox("http://localhost/notify")?;
    let (appid, mchid) = (profile.own_appid(input.appid.as_deref())?, profile.mchid.clone());
    let description = input.description;
    let product = if openid.is_some() { Product::Jsapi } else { Product::Native };
    let mut call = Prepay::new(product, appid.clone(), mchid, any_number, description.clone(), any_url, input.amount);
    call.attach.clone_from(&attach);
    if let Some(openid) = &openid {
        call = call.openid(Openid::parse(openid)?);
    }
    // the payer's address may be known at the prepay only
    let scene = if fields.has_scene() { fields.clone().with_scene(Some("127.0.0.1"), false) } else { fields.clone() };
    scene.apply(&mut call)?;
    call.check()?;
    if call.time_expire.is_some_and(|until| until <= now) {
        let until = call.time_expire.map(time::beijing).unwrap_or_default();
        return Err(FieldError::new("time_expire", "future", &until, "must be in the future", "须是将来的时间").into());
    }
    Ok(NewOrder {
        merchant: profile.name.clone(),
        mchid: profile.mchid.to_string(),
        appid: appid.to_string(),
        out_trade_no,
        description,
        total: input.amount,
        attach,
        openid,
        notify_url: notify_url.map(|url| url.as_str().to_owned()),
        fields: kept(&fields)?,
        created_at: now,
    })
}

/// The optional fields of a prepay that somebody handed in.
fn fields_of(given: Option<serde_json::Value>) -> Result<PrepayFields, FieldError> {
    given.filter(|given| !given.is_null()).map(PrepayFields::parse).transpose().map(Option::unwrap_or_default)
}

/// The fields as a row keeps them; nothing where they say nothing.
fn kept(fields: &PrepayFields) -> Result<Option<String>, StoreError> {
    let write = || serde_json::to_string(fields).map_err(|error| StoreError::Other(error.to_string()));
    if fields.is_empty() { Ok(None) } else { write().map(Some) }
}

/// A sandbox's merchant needs nothing configured: its notifications go to the desk's own listener, where it stands or
/// stood last. A live merchant's address is on the internet and has to be named.
fn at_listener(profile: &Profile, listener: Option<&str>) -> Option<NotifyUrl> {
    let place = listener.unwrap_or(LISTENER_BY_DEFAULT);
    NotifyUrl::parse_for_sandbox(&format!("{place}{NOTIFY}{}", profile.name)).ok().filter(|_| profile.sandbox)
}

/// The live rules, or a sandbox's (http and loopback allowed).
pub(crate) fn notify_url(profile: &Profile, url: &str) -> Result<NotifyUrl, FieldError> {
    if profile.sandbox { NotifyUrl::parse_for_sandbox(url) } else { NotifyUrl::parse(url) }
}

/// Rows of a page: 0 means the usual, more than the most is the most.
pub(crate) fn page_size(limit: u32) -> usize {
    match usize::try_from(limit) {
        Ok(0) | Err(_) => PAGE,
        Ok(limit) => limit.min(PAGE_MOST),
    }
}

/// A cursor that is none of ours.
pub(crate) fn no_cursor(text: &str) -> Problem {
    FieldError::new("after", "cursor", text, "must be the next of the page before", "须为上一页给出的 next").into()
}

/// An instant, or a whole Beijing day: its begin, or (`end`) the begin of the next.
pub(crate) fn moment(field: &str, text: &str, end: bool) -> Result<Timestamp, Problem> {
    let text = text.trim();
    if let Ok(at) = time::parse(text) {
        return Ok(at);
    }
    let day = time::parse(&format!("{text}T00:00:00+08:00")).map_err(|_| {
        FieldError::new(
            field,
            "rfc3339",
            text,
            "must be RFC 3339 with an offset or YYYY-MM-DD",
            "须为带时区的 RFC 3339 时间或 YYYY-MM-DD",
        )
    })?;
    Ok(if end { crate::console::seconds_before(day, -86_400) } else { day })
}

/// No such order.
pub(crate) fn absent(out_trade_no: &str) -> Problem {
    let no = crate::visible(out_trade_no, 64);
    problem::new(
        "ORDER_NOT_FOUND",
        format!("没有订单 {no}。"),
        format!("There is no order {no}."),
        "检查订单号（区分大小写）和所选的商户。",
        "Check the number (letter case counts) and the merchant.",
    )
}

fn used(out_trade_no: &str) -> Problem {
    problem::new(
        "OUT_TRADE_NO_USED",
        format!("订单号 {out_trade_no} 已经用过。"),
        format!("The number {out_trade_no} was used before."),
        "换一个订单号，或打开已有的订单。",
        "Use another number, or open the order that has it.",
    )
    .at_field("out_trade_no")
}

#[cfg(test)]
mod tests;
