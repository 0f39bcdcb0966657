//! The back office: keys, books, clock and store behind one lock. Everything that changes the books goes through here and
//! comes back with a commit to wait for; nothing here touches a socket.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use guitai_door::Request;
use serde_json::Value;
use tokio::sync::{Notify, broadcast};
use wechatpay::ids::Openid;
use wechatpay::notification::{self, Envelope};
use wechatpay::time::{Timestamp, beijing};

use crate::clock::{Clock, Lots, Millis, Pace, instant};
use crate::faults::{ApiFault, CallbackFault, FaultMatch, Faults, MOST_RULES, RedeliverFault, Strike};
use crate::gateway::{self, BillFiles, Books, Caller, Granted, LoginCodes, Refused, Route, Traffic};
use crate::keyring::{Keyring, Merchant};
use crate::ledger::{Attempt, BillFault, Forbidden, Ledger, Notice, NoticeState, Refund, State, Status, key};
use crate::store::{Begins, Commit, Kept, Row, Store};
use crate::switches::Switches;
use crate::views::{ControlError, PayCommand, PayOutcome, RequestView, SandboxEvent};

/// Requests kept for the window.
const MOST_REQUESTS: usize = 500;
/// How much later than due a late notification goes out.
const LATE: Millis = 5 * 60_000;
/// A payment that is to be told after a refund is told after this long all the same.
const PATIENCE_FOR_A_REFUND: Millis = 86_400_000;
/// Events that a slow listener may lag behind.
const EVENTS: usize = 1_024;

/// What is behind the lock.
struct Desk {
    ledger: Ledger,
    files: BillFiles,
    logins: LoginCodes,
    traffic: Traffic,
    store: Store,
}

/// What a notification tells, and to whom.
struct Told<'a> {
    mchid: &'a str,
    /// event_type, summary, original_type.
    event: (&'static str, &'static str, &'static str),
    out_trade_no: &'a str,
    /// The number of the order or of the refund.
    about: &'a str,
    url: &'a str,
    by_public_key: bool,
}

/// See the module.
pub(crate) struct Office {
    pub(crate) keyring: Keyring,
    pub(crate) clock: Clock,
    switches: RwLock<Arc<Switches>>,
    desk: Mutex<Desk>,
    /// Apart from the desk, for every request asks here first. Of the two the desk is locked first.
    faults: Mutex<Faults>,
    log: Mutex<(u64, VecDeque<RequestView>)>,
    /// Answers so far, for Request-IDs that come from a seed.
    answers: AtomicU64,
    news: broadcast::Sender<SandboxEvent>,
    /// Requests of the gateway that are not answered yet.
    under_way: AtomicUsize,
    processors: usize,
    /// Rung when something may be due sooner than was thought.
    pub(crate) bell: Notify,
}

/// A request that is under way.
pub(crate) struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Office {
    /// Goes on where the store says it was.
    pub(crate) fn open(keyring: Keyring, store: Store, kept: &Kept) -> Office {
        let clock = Clock::going(kept.pace.unwrap_or_else(|| Pace::ahead_by(0)));
        let switches: Switches =
            kept.switches.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut ledger = Ledger::restore(kept, clock.business());
        ledger.lots = Lots::of(switches.seed);
        let desk = Desk {
            ledger,
            files: BillFiles::default(),
            logins: LoginCodes::default(),
            traffic: Traffic::default(),
            store,
        };
        Office {
            keyring,
            clock,
            switches: RwLock::new(Arc::new(switches)),
            desk: Mutex::new(desk),
            faults: Mutex::default(),
            log: Mutex::default(),
            answers: AtomicU64::new(0),
            news: broadcast::Sender::new(EVENTS),
            under_way: AtomicUsize::new(0),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            bell: Notify::new(),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // A panic under the lock is a bug, but half a change is what a kill leaves too.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The switches as they stand.
    pub(crate) fn switches(&self) -> Arc<Switches> {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes switches.
    pub(crate) fn set_switches(&self, patch: &Value) -> Result<(Arc<Switches>, Commit), ControlError> {
        let refused = |message: String| ControlError::new(400, "INVALID_SWITCHES", message);
        let mut desk = self.desk();
        let changed = Arc::new(self.switches().changed_by(patch).map_err(refused)?);
        let text = serde_json::to_string(&*changed).map_err(|e| refused(e.to_string()))?;
        if self.switches().seed != changed.seed {
            self.answers.store(0, Ordering::SeqCst);
        }
        desk.ledger.lots = Lots::of(changed.seed);
        *self.switches.write().unwrap_or_else(PoisonError::into_inner) = changed.clone();
        let commit = desk.store.write(vec![Row::Switches(text)], Begins::AtOnce);
        drop(desk);
        self.tell(SandboxEvent::Settings);
        Ok((changed, commit))
    }

    /// Works on the books; the commit is what the rows that it left wait for.
    fn change<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> (T, Commit) {
        self.change_and(Begins::AtOnce, work)
    }

    fn change_and<T>(&self, begins: Begins, work: impl FnOnce(&mut Desk) -> T) -> (T, Commit) {
        let mut desk = self.desk();
        let before = desk.ledger.next_due();
        let out = work(&mut desk);
        let rows = desk.ledger.take_rows();
        let commit = desk.store.write(rows, begins);
        let sooner = desk.ledger.next_due() != before;
        drop(desk);
        if sooner {
            self.bell.notify_one();
        }
        (out, commit)
    }

    /// A request of the gateway is under way until what this gives is dropped.
    pub(crate) fn under_way(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(&self.under_way)
    }

    /// The gateway decides over a request whose sender was checked. Where a processor is free the commit begins at once, beside
    /// the signature of the answer. Where more requests are under way than there are processors, whoever is signed first
    /// begins it: by then the others have handed in too, and one commit is for all.
    pub(crate) fn decide(
        &self,
        route: &Route,
        request: &Request,
        caller: &Caller,
        wall: Timestamp,
    ) -> (Result<Granted, Refused>, Commit) {
        let switches = self.switches();
        let busy = self.under_way.load(Ordering::Relaxed) > self.processors;
        self.change_and(if busy { Begins::WhenAwaited } else { Begins::AtOnce }, |desk| {
            self.with_books(desk, &switches, |books| gateway::decide(route, request, caller, books, wall))
        })
    }

    /// `jscode2session`.
    pub(crate) fn login(&self, request: &Request) -> Granted {
        let switches = self.switches();
        self.change(|desk| self.with_books(desk, &switches, |books| gateway::login(request, books))).0
    }

    fn with_books<T>(&self, desk: &mut Desk, switches: &Switches, work: impl FnOnce(&mut Books<'_>) -> T) -> T {
        work(&mut Books {
            ledger: &mut desk.ledger,
            switches,
            keyring: &self.keyring,
            files: &mut desk.files,
            logins: &mut desk.logins,
            traffic: &mut desk.traffic,
            now: self.clock.business(),
        })
    }

    /// The fault that strikes this call, if any; `order` finds the order that it is about.
    pub(crate) fn strike_api(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        order: impl FnOnce() -> Option<String>,
    ) -> Strike {
        let seed = self.switches().seed.unwrap_or(0);
        self.faults().strike_api((method, path, body), order, seed)
    }

    /// The fault that strikes this attempt of the ladder, if any. One that puts the attempt off has done so: then there is no
    /// attempt now (`None` outside).
    pub(crate) fn strike_callback(&self, notice: &Notice, due: Millis) -> Option<Option<RedeliverFault>> {
        let seed = self.switches().seed.unwrap_or(0);
        let (fault, _) = self.change(|desk| {
            let (number, event) = (&notice.out_trade_no, &notice.event_type);
            let fault = self.faults().strike_callback(number, event, &notice.about, seed);
            match fault {
                Some(RedeliverFault::Late) => desk.ledger.put_off(&notice.id, due.saturating_add(LATE), false),
                Some(RedeliverFault::OutOfOrder) if event.starts_with("TRANSACTION.") => {
                    desk.ledger.put_off(&notice.id, due.saturating_add(PATIENCE_FOR_A_REFUND), true);
                }
                Some(RedeliverFault::OutOfOrder) => return Some(None),
                other => return Some(other),
            }
            None
        });
        fault
    }

    /// The hex digits in the Request-ID of the next answer.
    pub(crate) fn next_request_id(&self) -> String {
        let nth = self.answers.fetch_add(1, Ordering::SeqCst).to_string();
        Lots::of(self.switches().seed).hex(42, &["request", &nth]).to_ascii_uppercase()
    }

    pub(crate) fn api_faults(&self) -> Vec<ApiFault> {
        self.faults().api()
    }

    pub(crate) fn set_api_faults(&self, faults: Vec<ApiFault>) -> Result<Vec<ApiFault>, ControlError> {
        let set = self.faults().set_api(faults);
        set.map_err(|m| ControlError::new(400, "INVALID_FAULTS", m))?;
        self.tell(SandboxEvent::Settings);
        Ok(self.api_faults())
    }

    pub(crate) fn plant_api_fault(&self, rule: ApiFault) -> Result<(), ControlError> {
        let planted = self.faults().plant(rule);
        planted.map_err(|m| ControlError::new(400, "INVALID_FAULTS", m))?;
        self.tell(SandboxEvent::Settings);
        Ok(())
    }

    pub(crate) fn pull_api_fault(&self, matches: &FaultMatch) {
        self.faults().pull(matches);
        self.tell(SandboxEvent::Settings);
    }

    pub(crate) fn callback_faults(&self) -> Vec<CallbackFault> {
        self.faults().callbacks()
    }

    pub(crate) fn set_callback_faults(&self, faults: Vec<CallbackFault>) -> Result<Vec<CallbackFault>, ControlError> {
        let set = self.faults().set_callbacks(faults);
        set.map_err(|m| ControlError::new(400, "INVALID_FAULTS", m))?;
        self.tell(SandboxEvent::Settings);
        Ok(self.callback_faults())
    }

    pub(crate) fn bill_faults(&self) -> Vec<BillFault> {
        self.desk().files.faults.clone()
    }

    /// What is wrong with bills from now on.
    pub(crate) fn set_bill_faults(&self, faults: Vec<BillFault>) -> Result<Vec<BillFault>, ControlError> {
        if faults.len() > MOST_RULES {
            return Err(ControlError::new(400, "INVALID_FAULTS", format!("{MOST_RULES} faults at most")));
        }
        self.desk().files.faults.clone_from(&faults);
        self.tell(SandboxEvent::Settings);
        Ok(faults)
    }

    /// Plays the payer. The answer is the transaction object (of a combined order: its object).
    pub(crate) fn pay(&self, command: &PayCommand) -> (Result<Value, ControlError>, Commit) {
        let now = self.clock.business();
        let switches = self.switches();
        let (paid, commit) = self.change(|desk| self.pay_at(desk, command, &switches, now));
        let paid = paid.map(|(value, number)| {
            if command.outcome == PayOutcome::Success {
                self.tell(SandboxEvent::Paid { out_trade_no: number });
            }
            value
        });
        (paid, commit)
    }

    fn pay_at(
        &self,
        desk: &mut Desk,
        command: &PayCommand,
        switches: &Switches,
        now: Millis,
    ) -> Result<(Value, String), ControlError> {
        let ledger = &mut desk.ledger;
        if command.payer_openid.as_deref().is_some_and(|openid| Openid::parse(openid).is_err()) {
            return Err(ControlError::new(
                400,
                "INVALID_OPENID",
                "payer_openid must be letters, digits, - or _, at most 128",
            ));
        }
        let ticket = command.prepay_id.as_deref().or(command.code_url.as_deref());
        let found = self.find_to_pay(ledger, command, ticket)?;
        let combined = ledger.combined_at(&found).cloned();
        if command.outcome == PayOutcome::Success {
            let openid = command.payer_openid.as_deref();
            let paid = match &combined {
                Some(_) => ledger.pay_combined(&found, openid, now),
                None => ledger.pay(&found, openid, ticket, now),
            };
            paid.map_err(cannot_pay)?;
        }
        let unknown = || cannot_pay(Forbidden::Unknown);
        let (object, number, mchid, url, by_public_key) = match &combined {
            Some(c) => (
                ledger.combined_object(c, now),
                c.number.clone(),
                c.mchid.clone(),
                c.notify_url.clone(),
                c.by_public_key,
            ),
            None => {
                let o = ledger.order_at(&found).ok_or_else(unknown)?;
                (o.transaction(now), o.out_trade_no.clone(), o.mchid.clone(), o.notify_url.clone(), o.by_public_key)
            }
        };
        if command.outcome == PayOutcome::Success && command.notify != Some(false) {
            let event = ("TRANSACTION.SUCCESS", "支付成功", "transaction");
            let about = Told { mchid: &mchid, event, out_trade_no: &number, about: &number, url: &url, by_public_key };
            let notice = self.notice(ledger, &about, &object, now);
            self.post(ledger, notice, switches, now);
        }
        Ok((object, number))
    }

    fn find_to_pay(&self, ledger: &Ledger, command: &PayCommand, ticket: Option<&str>) -> Result<String, ControlError> {
        let unknown = || cannot_pay(Forbidden::Unknown);
        if let Some(ticket) = ticket {
            return ledger.ticket_key(ticket).map(str::to_owned).ok_or_else(unknown);
        }
        let number = command.out_trade_no.as_ref().or(command.combine_out_trade_no.as_ref()).ok_or_else(|| {
            ControlError::new(400, "ORDER_NOT_NAMED", "name the order by out_trade_no, prepay_id or code_url")
        })?;
        let merchants =
            self.keyring.all().iter().filter(|m| command.mchid.as_ref().is_none_or(|wanted| *wanted == m.mchid));
        let mut of_combined = false;
        for merchant in merchants {
            if command.combine_out_trade_no.is_none()
                && let Some(order) = ledger.order(&merchant.mchid, number)
            {
                if order.combine.is_none() {
                    return Ok(order.key());
                }
                of_combined = true;
            }
            if ledger.combined(&merchant.mchid, number).is_some() {
                return Ok(key(&merchant.mchid, number));
            }
        }
        Err(cannot_pay(if of_combined { Forbidden::OfCombined } else { Forbidden::Unknown }))
    }

    /// Writes and seals a notification.
    fn notice(&self, ledger: &Ledger, told: &Told<'_>, content: &Value, now: Millis) -> Option<Notice> {
        let merchant = self.keyring.by_mchid(told.mchid)?;
        // The same thing may be told twice, a refund that was closed and taken up again for one.
        let (id, what) = (0_u32..1_000).find_map(|nth| {
            let what = [told.event.0.to_owned(), told.mchid.to_owned(), told.about.to_owned(), nth.to_string()];
            let id = ledger.lots.uuid(&what.each_ref().map(String::as_str));
            ledger.notice(&id).is_none().then_some((id, what))
        })?;
        let nonce = ledger.lots.seal_nonce(&what.each_ref().map(String::as_str));
        let envelope = Envelope {
            id: &id,
            create_time: &beijing(instant(now)),
            event_type: told.event.0,
            summary: told.event.1,
            original_type: told.event.2,
        };
        let body = notification::write(envelope, &merchant.api_v3_key, &nonce, content.to_string().as_bytes());
        Some(Notice {
            seq: 0,
            mchid: told.mchid.to_owned(),
            event_type: told.event.0.to_owned(),
            out_trade_no: told.out_trade_no.to_owned(),
            about: told.about.to_owned(),
            url: told.url.to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
            by_public_key: told.by_public_key,
            created: now,
            state: NoticeState::Pending,
            attempts: Vec::new(),
            step: 0,
            next_attempt_at: None,
            held_back: false,
            id,
        })
    }

    fn post(&self, ledger: &mut Ledger, notice: Option<Notice>, switches: &Switches, now: Millis) {
        // Without an APIv3 key WeChat Pay sends nothing.
        if let Some(notice) = notice.filter(|_| !switches.api_v3_key_unset) {
            self.tell(SandboxEvent::Notification { id: notice.id.clone() });
            ledger.post(notice, now);
        }
    }

    /// Lets happen what is due: refunds settle, notifications are handed out for delivery with the instants at which they
    /// fell due. Also says when the next thing is due.
    pub(crate) fn fall_due(&self) -> (Vec<(Millis, Notice)>, Option<Millis>, Commit) {
        let switches = self.switches();
        let mut desk = self.desk();
        let now = self.clock.business();
        let due = desk.ledger.fall_due(now, &mut |ledger, key, at| self.settle(ledger, key, &switches, at));
        let handed: Vec<(Millis, Notice)> =
            due.into_iter().filter_map(|(at, id)| desk.ledger.begin_attempt(&id).map(|notice| (at, notice))).collect();
        let rows = desk.ledger.take_rows();
        let next = desk.ledger.next_due();
        // What is told outside must be kept before, rows of earlier changes included.
        let mut commit = desk.store.write(rows, Begins::AtOnce);
        if !handed.is_empty() {
            commit = commit.and(desk.store.caught_up());
        }
        (handed, next, commit)
    }

    fn settle(&self, ledger: &mut Ledger, key: &str, switches: &Switches, at: Millis) {
        let Some(refund) = ledger.settle(key, switches.refund_outcome, at) else { return };
        let Some(url) = refund.notify_url.clone() else { return };
        let event = match refund.status {
            Status::Success => ("REFUND.SUCCESS", "退款成功", "refund"),
            Status::Abnormal => ("REFUND.ABNORMAL", "退款异常", "refund"),
            Status::Closed => ("REFUND.CLOSED", "退款关闭", "refund"),
            Status::Processing => return,
        };
        let told = Told {
            mchid: &refund.mchid,
            event,
            out_trade_no: &refund.out_trade_no,
            about: &refund.out_refund_no,
            url: &url,
            by_public_key: refund.by_public_key,
        };
        let notice = self.notice(ledger, &told, &Refund::notice(&refund), at);
        self.post(ledger, notice, switches, at);
    }

    /// Moves business time on. Refunds that are due settle at once, so that a query right after it sees them; what is to be
    /// delivered follows by itself.
    pub(crate) fn advance(&self, seconds: u64) -> Result<Commit, ControlError> {
        let too_far =
            || ControlError::new(400, "CLOCK_TOO_FAR", "business time may be ahead of the wall by ten years at most");
        let pace = self.clock.advance(seconds).ok_or_else(too_far)?;
        let switches = self.switches();
        let mut desk = self.desk();
        desk.ledger.settle_due(self.clock.business(), &mut |ledger, key, at| self.settle(ledger, key, &switches, at));
        let mut rows = desk.ledger.take_rows();
        rows.push(Row::Pace(pace));
        let commit = desk.store.write(rows, Begins::AtOnce);
        drop(desk);
        self.bell.notify_one();
        self.tell(SandboxEvent::Clock);
        Ok(commit)
    }

    /// Lets business time go this many times as fast as the wall's; 0 holds it.
    pub(crate) fn set_rate(&self, rate: u32) -> Result<Commit, ControlError> {
        let too_fast = || ControlError::new(400, "CLOCK_TOO_FAST", "rate is a whole number from 0 (held) to 3600");
        let pace = self.clock.set_rate(rate).ok_or_else(too_fast)?;
        let commit = self.desk().store.write(vec![Row::Pace(pace)], Begins::AtOnce);
        self.bell.notify_one();
        self.tell(SandboxEvent::Clock);
        Ok(commit)
    }

    /// Says where business time is when the sandbox ends.
    pub(crate) fn end_clock(&self) -> Commit {
        self.desk().store.write(vec![Row::Pace(self.clock.ended())], Begins::AtOnce)
    }

    /// Records an attempt of the ladder, and the one that a fault made besides.
    pub(crate) fn end_attempt(&self, id: &str, attempt: Attempt, more: Option<Attempt>, due: Millis) -> Commit {
        let ((), commit) = self.change(|desk| {
            desk.ledger.end_attempt(id, attempt, due);
            if let Some(again) = more {
                desk.ledger.note_attempt(id, again);
            }
        });
        self.tell(SandboxEvent::Notification { id: id.to_owned() });
        commit
    }

    /// Records an attempt outside the ladder.
    pub(crate) fn note_attempt(&self, id: &str, attempt: Attempt) -> Commit {
        let ((), commit) = self.change(|desk| desk.ledger.note_attempt(id, attempt));
        self.tell(SandboxEvent::Notification { id: id.to_owned() });
        commit
    }

    /// Forgets orders and notifications, keeps keys, clock and switches; faults are forgotten too.
    pub(crate) fn reset(&self) -> Commit {
        let ((), commit) = self.change(|desk| {
            desk.ledger.reset();
            *self.faults() = Faults::default();
            desk.files = BillFiles::default();
            desk.traffic = Traffic::default();
        });
        self.answers.store(0, Ordering::SeqCst);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
        self.tell(SandboxEvent::Reset);
        commit
    }

    /// Looks into the books.
    pub(crate) fn look<T>(&self, work: impl FnOnce(&Ledger) -> T) -> T {
        work(&self.desk().ledger)
    }

    /// Whose notification it is.
    pub(crate) fn merchant_of(&self, notice: &Notice) -> Option<Arc<Merchant>> {
        self.keyring.by_mchid(&notice.mchid).cloned()
    }

    /// Puts a request into the log.
    pub(crate) fn log(&self, mut view: RequestView) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.0 += 1;
        view.id = log.0;
        let oldest = if log.1.len() >= MOST_REQUESTS { log.1.pop_front() } else { None };
        log.1.push_back(view);
        let id = log.0;
        drop(log);
        // many texts: not while others wait for the log
        drop(oldest);
        self.tell(SandboxEvent::Request { id });
    }

    /// The newest requests, newest first.
    pub(crate) fn requests(&self, limit: usize) -> Vec<RequestView> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).1.iter().rev().take(limit).cloned().collect()
    }

    /// Those that came after `id`, newest first.
    pub(crate) fn requests_after(&self, id: u64) -> Vec<RequestView> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.1.iter().rev().take_while(|view| view.id > id).cloned().collect()
    }

    fn tell(&self, event: SandboxEvent) {
        // Nobody listening is fine.
        let _ = self.news.send(event);
    }

    /// What happens from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<SandboxEvent> {
        self.news.subscribe()
    }
}

fn cannot_pay(why: Forbidden) -> ControlError {
    let (status, code, message) = match why {
        Forbidden::Unknown => (404, "ORDER_NOT_EXIST", "the sandbox doesn't know this order"),
        Forbidden::Paid => (409, "ORDERPAID", "the order is paid already"),
        Forbidden::Closed => (409, "ORDER_CLOSED", "the order is closed"),
        Forbidden::Expired => (409, "PREPAY_EXPIRED", "the prepay_id, code_url or order has expired: prepay again"),
        Forbidden::OfCombined => (409, "PART_OF_COMBINED", "the order is part of a combined one: pay that"),
        Forbidden::NotPaid | Forbidden::Changed => (409, "INVALID_STATE", "the order can't be paid"),
    };
    ControlError::new(status, code, message)
}

/// Whether an order can be paid with a ticket now, as the phone shows it.
pub(crate) fn phone_state(state: State, open: bool) -> &'static str {
    if state == State::NotPay && !open { "EXPIRED" } else { state.word() }
}
