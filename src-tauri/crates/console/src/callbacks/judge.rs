//! What a delivery is and what it changes: the ladder of ten checks and the five verdicts. Runs inside the writer's
//! transaction, so what it sees can't change under it.

use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::orders::apply::{self, Taken};
use crate::orders::facts::{OrderFacts, RefundNews, Told};
use crate::refunds;
use crate::store::{CallbackRow, OrderRow, StoreError, Tx};
use crate::visible;
use crate::wire::{Check, Event, FoundBy, Verdict};
use wechatpay::notification::{Notification, Opened, Refusal};
use wechatpay::time::Timestamp;
use wechatpay::verify::Rejection;

/// Characters of a check's detail that are kept.
const DETAIL: usize = 300;

/// A delivery's verdict, with all that the row and its readers need.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) http_status: u16,
    pub(super) checks: Vec<Check>,
    pub(super) notification_id: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) out_trade_no: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) order_id: Option<i64>,
    pub(super) first_id: Option<i64>,
    pub(super) decrypted: Option<Vec<u8>>,
    /// To be told once the commit stands.
    pub(super) events: Vec<Event>,
}

impl Judged {
    fn new(opened: &Opened, verdict: Verdict, http_status: u16) -> Judged {
        Judged {
            verdict,
            reason: None,
            http_status,
            checks: opened.checks.iter().map(|rung| check(rung.name, rung.ok, &rung.detail)).collect(),
            notification_id: opened.id.clone(),
            event_type: opened.event_type.clone(),
            out_trade_no: None,
            amount: None,
            order_id: None,
            first_id: None,
            decrypted: None,
            events: Vec::new(),
        }
    }

    fn reason(mut self, reason: &str) -> Judged {
        self.reason = Some(reason.to_owned());
        self
    }

    fn holds(&mut self, name: &str, detail: &str) {
        self.checks.push(check(name, true, detail));
    }

    fn fails(&mut self, name: &str, detail: &str) {
        self.checks.push(check(name, false, detail));
    }

    /// The row with what was found out.
    pub(super) fn fill(&self, row: CallbackRow) -> CallbackRow {
        CallbackRow {
            verdict: self.verdict,
            reason: self.reason.clone(),
            http_status: self.http_status,
            notification_id: self.notification_id.clone(),
            event_type: self.event_type.clone(),
            out_trade_no: self.out_trade_no.clone(),
            amount: self.amount,
            order_id: self.order_id,
            first_id: self.first_id,
            ..row
        }
    }
}

fn check(name: &str, ok: bool, detail: &str) -> Check {
    Check { name: name.to_owned(), ok, detail: visible(detail, DETAIL) }
}

/// Signed by a key that nobody here knows: fresh certificates may know it.
pub(super) fn is_unknown_serial(opened: &Opened) -> bool {
    matches!(opened.result, Err(Refusal::NotGenuine(Rejection::SerialUnknown(_))))
}

/// Not WeChat Pay's, as far as can be shown.
pub(super) fn is_not_genuine(opened: &Opened) -> bool {
    matches!(opened.result, Err(Refusal::NotGenuine(_)))
}

/// What was decrypted, whether it was understood or not.
pub(super) fn content(opened: &Opened) -> Option<&str> {
    match &opened.result {
        Ok(notification) => Some(notification.plaintext()),
        Err(Refusal::NotUnderstood { plaintext, .. }) => plaintext.as_deref(),
        Err(Refusal::NotGenuine(_) | Refusal::Undecryptable { .. }) => None,
    }
}

/// Judges a delivery that is (or will be) the row `id`, and changes what it changes.
pub(super) fn judge(
    tx: &Tx<'_>,
    profile: &Profile,
    opened: &Opened,
    id: i64,
    now: Timestamp,
) -> Result<Judged, StoreError> {
    match &opened.result {
        Err(Refusal::NotGenuine(rejection)) => {
            let status = if rejection.malformed() { 400 } else { 401 };
            Ok(Judged::new(opened, Verdict::Rejected, status).reason(rejection.slug()))
        }
        Err(Refusal::Undecryptable { .. }) => Ok(Judged::new(opened, Verdict::Failed, 500).reason("resource_decrypts")),
        Err(Refusal::NotUnderstood { why, plaintext }) => {
            let mut judged = Judged::new(opened, Verdict::Held, 204).reason("not_understood");
            // it opened, so no rung failed: the last one says what stood in the way
            if let Some(last) = judged.checks.last_mut().filter(|last| last.ok) {
                last.detail = visible(&format!("{}; {why}", last.detail), DETAIL);
            }
            judged.out_trade_no = plaintext.as_deref().and_then(number_in);
            judged.decrypted = content(opened).map(|text| text.as_bytes().to_vec());
            set_aside(tx, profile, &mut judged, id)?;
            Ok(judged)
        }
        Ok(notification) => {
            let mut judged = Judged::new(opened, Verdict::Held, 204);
            judged.decrypted = content(opened).map(|text| text.as_bytes().to_vec());
            match Told::by(notification) {
                Told::Orders(all) => orders(tx, profile, &mut judged, notification, &all, id, now)?,
                Told::Refund(news) => refund(tx, profile, &mut judged, notification, &news, id, now)?,
            }
            Ok(judged)
        }
    }
}

/// A number in content that wasn't understood, only to show whose it may be.
fn number_in(plaintext: &str) -> Option<String> {
    let content: serde_json::Value = serde_json::from_str(plaintext).ok()?;
    let number = content.get("out_trade_no")?.as_str()?;
    Some(number.chars().take(64).collect())
}

/// Held; or a duplicate, where the same notification is kept already.
fn set_aside(tx: &Tx<'_>, profile: &Profile, judged: &mut Judged, id: i64) -> Result<(), StoreError> {
    judged.verdict = Verdict::Held;
    if let Some(notification) = &judged.notification_id {
        let first = tx.callback_first(profile.mchid.as_str(), notification)?;
        if let Some(first) = first.filter(|first| *first != id) {
            judged.first_id = Some(first);
            judged.verdict = Verdict::Duplicate;
        }
    }
    Ok(())
}

/// A rung of the last four fails: the order stays as it is, a person decides.
fn hold(
    tx: &Tx<'_>,
    profile: &Profile,
    judged: &mut Judged,
    order: Option<&OrderRow>,
    (rung, detail): (&'static str, &str),
    (id, now): (i64, Timestamp),
) -> Result<(), StoreError> {
    judged.fails(rung, detail);
    judged.reason = Some(rung.to_owned());
    set_aside(tx, profile, judged, id)?;
    if let Some(order) = order {
        judged.order_id = Some(order.id);
        let kind = if judged.verdict == Verdict::Held { Kind::Held } else { Kind::Callback };
        let line = Line::new(kind).detail(visible(&format!("{rung}: {detail}"), DETAIL)).callback(id);
        tx.journal_write(order.id, now, &line)?;
        tx.order_set_lamp(order.id, judged.verdict)?;
        judged.events.push(crate::orders::changed(order));
    }
    Ok(())
}

/// A payment: of one order, or of all the sub-orders of a combined one, which are taken in together or not at all.
fn orders(
    tx: &Tx<'_>,
    profile: &Profile,
    judged: &mut Judged,
    notification: &Notification,
    all: &[OrderFacts],
    id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    judged.out_trade_no = all.first().map(|facts| facts.out_trade_no.clone());
    judged.amount =
        all.iter().try_fold(0_i64, |sum, facts| sum.checked_add(facts.total.map_or(0, |total| total.get())));
    let mut rows = Vec::with_capacity(all.len());
    for facts in all {
        let row = tx.order(profile.mchid.as_str(), &facts.out_trade_no)?;
        rows.push((row, facts));
    }
    // rung by rung over all of them, so that the ladder says how far the whole delivery got
    for (row, facts) in &rows {
        let ours =
            row.as_ref().map_or_else(|| profile.own_appid(Some(&facts.appid)).is_ok(), |row| row.appid == facts.appid);
        if facts.mchid != profile.mchid.as_str() || !ours {
            let appid = row.as_ref().map_or(profile.appid.as_str(), |row| row.appid.as_str());
            let detail =
                format!("mchid {}, appid {}; ours are {} and {appid}", facts.mchid, facts.appid, profile.mchid);
            return hold(tx, profile, judged, row.as_ref(), ("merchant_matches", &detail), (id, now));
        }
    }
    let appid = all.first().map_or(profile.appid.as_str(), |facts| facts.appid.as_str());
    judged.holds("merchant_matches", &format!("{} {appid}", profile.mchid));
    let mut known = Vec::with_capacity(rows.len());
    for (row, facts) in rows {
        match row {
            Some(row) => known.push((row, facts)),
            None => {
                let detail = format!("no order {}", facts.out_trade_no);
                return hold(tx, profile, judged, None, ("order_known", &detail), (id, now));
            }
        }
    }
    judged.holds("order_known", judged.out_trade_no.clone().unwrap_or_default().as_str());
    for (row, facts) in &known {
        if let Some(detail) = apply::amount_differs(row, facts) {
            return hold(tx, profile, judged, Some(row), ("amount_matches", &detail), (id, now));
        }
    }
    judged.holds("amount_matches", &format!("{} CNY", judged.amount.unwrap_or_default()));
    for (row, facts) in &known {
        if let Err(Taken::Contrary { rung, detail }) = apply::judge_payment(row, facts) {
            return hold(tx, profile, judged, Some(row), (rung, &detail), (id, now));
        }
    }
    let mut applied = false;
    for (row, facts) in &mut known {
        let was = row.state;
        let taken = apply::take_payment(tx, row, facts, FoundBy::Callback, Source::Callback(id), now)?;
        if taken == Taken::Applied {
            applied = true;
            if judged.checks.last().is_none_or(|rung| rung.name != "state_allows") {
                judged.holds("state_allows", &format!("{} to {}", was.as_str(), row.state.as_str()));
            }
            judged.events.extend(apply::events(row, Some(FoundBy::Callback)));
        }
    }
    let first = known.first().map(|(row, _)| row);
    finish(tx, profile, judged, notification, first, applied, (id, now))?;
    for (row, _) in known.iter().skip(1) {
        tx.order_set_lamp(row.id, judged.verdict)?;
    }
    Ok(())
}

/// A refund: one of ours, or one that was made elsewhere.
fn refund(
    tx: &Tx<'_>,
    profile: &Profile,
    judged: &mut Judged,
    notification: &Notification,
    news: &RefundNews,
    id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    judged.out_trade_no = Some(news.out_trade_no.clone());
    judged.amount = Some(news.refund.get());
    let row = tx.order(profile.mchid.as_str(), &news.out_trade_no)?;
    if let Some(mchid) = news.mchid.as_deref().filter(|mchid| *mchid != profile.mchid.as_str()) {
        let detail = format!("mchid {mchid}; ours is {}", profile.mchid);
        return hold(tx, profile, judged, row.as_ref(), ("merchant_matches", &detail), (id, now));
    }
    judged.holds("merchant_matches", profile.mchid.as_str());
    let Some(mut order) = row else {
        let detail = format!("no order {}", news.out_trade_no);
        return hold(tx, profile, judged, None, ("order_known", &detail), (id, now));
    };
    judged.holds("order_known", &order.out_trade_no);
    let was = order.state;
    match refunds::take(tx, &mut order, news, Source::Callback(id), now)? {
        Taken::Contrary { rung, detail } => {
            if rung != "amount_matches" {
                judged.holds("amount_matches", &format!("{} of {}", news.refund.get(), news.total.get()));
            }
            hold(tx, profile, judged, Some(&order), (rung, &detail), (id, now))
        }
        taken => {
            judged.holds("amount_matches", &format!("{} of {}", news.refund.get(), news.total.get()));
            let applied = taken == Taken::Applied;
            if applied {
                judged.holds("state_allows", &format!("{} to {}", was.as_str(), order.state.as_str()));
                judged.events.extend(apply::events(&order, None));
            }
            finish(tx, profile, judged, notification, Some(&order), applied, (id, now))
        }
    }
}

/// Nothing contradicts it: applied if it changed something, else seen before.
fn finish(
    tx: &Tx<'_>,
    profile: &Profile,
    judged: &mut Judged,
    notification: &Notification,
    order: Option<&OrderRow>,
    applied: bool,
    (id, now): (i64, Timestamp),
) -> Result<(), StoreError> {
    judged.verdict = if applied { Verdict::Applied } else { Verdict::Duplicate };
    let Some(order) = order else { return Ok(()) };
    judged.order_id = Some(order.id);
    if !applied {
        judged.holds("state_allows", &format!("{} already", order.state.as_str()));
        let same = tx.callback_first(profile.mchid.as_str(), notification.id())?;
        let first = match same.filter(|first| *first != id) {
            Some(first) => Some(first),
            None => tx.callback_applied(&order.mchid, &order.out_trade_no, notification.event_type())?,
        };
        judged.first_id = first.filter(|first| *first != id);
        let line = Line::new(Kind::Callback).detail("duplicate").callback(id);
        tx.journal_write(order.id, now, &line)?;
        judged.events.push(crate::orders::changed(order));
    }
    if order.callback_verdict != Some(judged.verdict) {
        tx.order_set_lamp(order.id, judged.verdict)?;
    }
    Ok(())
}
