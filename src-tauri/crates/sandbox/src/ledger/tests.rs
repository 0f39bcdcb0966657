//! The ledger's tables: every state with every turn, the ladder by a jumped clock, refunds to the last fen, a restart.

use serde_json::json;

use super::notice::LADDER;
use super::order::Turn;
use super::*;
use crate::store::Kept;
use crate::switches::RefundOutcome;

const NOON: Millis = 1_795_500_000_000;

fn draft(number: &str) -> Draft {
    Draft {
        mchid: "1900000001".into(),
        appid: "wx0123456789abcdef".into(),
        out_trade_no: number.into(),
        product: Product::Native,
        description: "奶茶, 两杯".into(),
        attach: None,
        notify_url: "http://127.0.0.1:1/notify".into(),
        total: 1_000,
        openid: None,
        device_id: None,
        time_expire: None,
        parameters: "same".into(),
        by_public_key: false,
    }
}

fn refund(number: &str, amount: i64) -> RefundDraft {
    RefundDraft {
        mchid: "1900000001".into(),
        transaction_id: None,
        out_trade_no: Some("ORDER1".into()),
        out_refund_no: number.into(),
        funds_account: None,
        notify_url: None,
        refund: amount,
        total: 1_000,
        parameters: amount.to_string(),
        by_public_key: false,
        needs_interval: false,
    }
}

fn paid() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.place(draft("ORDER1"), NOON).unwrap();
    ledger.pay(&key("1900000001", "ORDER1"), None, None, NOON).unwrap();
    ledger
}

fn notice(id: &str) -> Notice {
    Notice {
        seq: 0,
        id: id.into(),
        mchid: "1900000001".into(),
        event_type: "TRANSACTION.SUCCESS".into(),
        out_trade_no: "ORDER1".into(),
        about: "ORDER1".into(),
        held_back: false,
        url: "http://127.0.0.1:1/".into(),
        body: "{}".into(),
        by_public_key: false,
        created: NOON,
        state: NoticeState::Pending,
        attempts: Vec::new(),
        step: 0,
        next_attempt_at: None,
    }
}

fn attempt(at: Millis, status: Option<u16>) -> Attempt {
    Attempt { at, status, latency_ms: 1, error: None, fault: None }
}

#[test]
fn the_state_table_is_the_reference() {
    use State::{Closed, NotPay, Refund, Success};
    for (state, again, pay, close, refund) in [
        (NotPay, Ok(NotPay), Ok(Success), Ok(Closed), Err(Forbidden::NotPaid)),
        (Success, Err(Forbidden::Paid), Err(Forbidden::Paid), Err(Forbidden::Paid), Ok(Refund)),
        (Refund, Err(Forbidden::Paid), Err(Forbidden::Paid), Err(Forbidden::Paid), Ok(Refund)),
        (Closed, Err(Forbidden::Closed), Err(Forbidden::Closed), Ok(Closed), Err(Forbidden::NotPaid)),
    ] {
        let turns = [Turn::PlaceAgain, Turn::Pay, Turn::Close, Turn::Refund];
        assert_eq!(turns.map(|turn| state.after(turn)), [again, pay, close, refund], "{state:?}");
    }
}

#[test]
fn placing_again_gives_a_new_code_and_ends_the_old_one() {
    let mut ledger = Ledger::default();
    let first = ledger.place(draft("ORDER1"), NOON).unwrap();
    let second = ledger.place(draft("ORDER1"), NOON).unwrap();
    assert_ne!(first.prepay_id, second.prepay_id);
    assert_eq!(first.prepay_id.len(), 36);
    assert_eq!(ledger.ticket_key(first.code_url.as_ref().unwrap()), None);
    assert!(ledger.ticket_key(second.code_url.as_ref().unwrap()).is_some());
    let changed = Draft { parameters: "other".into(), ..draft("ORDER1") };
    assert_eq!(ledger.place(changed, NOON).unwrap_err(), Forbidden::Changed);
    let other_product = Draft { product: Product::App, ..draft("ORDER1") };
    assert_eq!(ledger.place(other_product, NOON).unwrap_err(), Forbidden::Changed);
}

#[test]
fn tickets_and_orders_end_by_the_clock() {
    let key = key("1900000001", "ORDER1");
    for (product, last_open) in [(Product::Native, 7_199_999), (Product::H5, 299_999), (Product::Jsapi, 7_199_999)] {
        for (after, expected) in [(last_open, Ok(())), (last_open + 1, Err(Forbidden::Expired))] {
            let mut ledger = Ledger::default();
            ledger.place(Draft { product, ..draft("ORDER1") }, NOON).unwrap();
            assert_eq!(ledger.pay(&key, None, None, NOON + after), expected, "{product:?} {after}");
        }
    }
    let mut ledger = Ledger::default();
    ledger.place(draft("ORDER1"), NOON).unwrap();
    let week = 7 * 86_400_000;
    assert_eq!(ledger.order_at(&key).unwrap().state_at(NOON + week - 1), State::NotPay);
    assert_eq!(ledger.order_at(&key).unwrap().state_at(NOON + week), State::Closed);
    assert_eq!(ledger.place(draft("ORDER1"), NOON + week).unwrap_err(), Forbidden::Closed);
}

#[test]
fn time_expire_is_raised_to_a_minute_and_ends_paying() {
    let mut ledger = Ledger::default();
    ledger.place(Draft { time_expire: Some(NOON + 1), ..draft("ORDER1") }, NOON).unwrap();
    let key = key("1900000001", "ORDER1");
    assert_eq!(ledger.pay(&key, None, None, NOON + 60_000), Err(Forbidden::Expired));
    assert_eq!(ledger.order_at(&key).unwrap().state_at(NOON + 60_000), State::NotPay);
    assert_eq!(ledger.pay(&key, None, None, NOON + 59_999), Ok(()));
}

#[test]
fn an_unpaid_transaction_leaves_out_what_it_has_not() {
    let mut ledger = Ledger::default();
    ledger.place(draft("ORDER1"), NOON).unwrap();
    let order = ledger.order("1900000001", "ORDER1").unwrap();
    assert_eq!(
        order.transaction(NOON),
        json!({"mchid":"1900000001","appid":"wx0123456789abcdef","out_trade_no":"ORDER1","trade_state":"NOTPAY",
               "trade_state_desc":"订单未支付","amount":{"total":1000,"currency":"CNY"}})
    );
}

#[test]
fn the_ladder_has_fifteen_steps_by_a_jumped_clock() {
    let mut ledger = Ledger::default();
    ledger.post(notice("n"), NOON);
    let mut settle = |_: &mut Ledger, _: &str, _: Millis| ();
    let mut gaps = Vec::new();
    let mut last = NOON;
    let end = NOON + 86_400_000 * 2;
    loop {
        let due = ledger.fall_due(end, &mut settle);
        let Some((at, id)) = due.into_iter().next() else { break };
        gaps.push((at - last) / 1_000);
        last = at;
        assert!(ledger.begin_attempt(&id).is_some());
        assert!(ledger.begin_attempt(&id).is_none(), "two attempts at once");
        ledger.end_attempt(&id, attempt(at, Some(500)), at);
    }
    assert_eq!(gaps[0], 0);
    assert_eq!(gaps[1..], LADDER);
    assert_eq!(LADDER.iter().sum::<i64>(), 24 * 3_600 + 4 * 60);
    let notice = ledger.notice("n").unwrap();
    assert_eq!((notice.state, notice.attempts.len(), notice.next_attempt_at), (NoticeState::GaveUp, 16, None));
}

#[test]
fn only_200_and_204_end_the_ladder() {
    for (status, state) in [
        (Some(200), NoticeState::Delivered),
        (Some(204), NoticeState::Delivered),
        (Some(201), NoticeState::Pending),
        (Some(302), NoticeState::Pending),
        (Some(500), NoticeState::Pending),
        (None, NoticeState::Pending),
    ] {
        let mut ledger = Ledger::default();
        ledger.post(notice("n"), NOON);
        ledger.begin_attempt("n").unwrap();
        assert_eq!(ledger.end_attempt("n", attempt(NOON, status), NOON), Some(state), "{status:?}");
    }
    let mut ledger = Ledger::default();
    ledger.post(notice("n"), NOON);
    ledger.note_attempt("n", attempt(NOON, Some(200)));
    let notice = ledger.notice("n").unwrap();
    assert_eq!(
        (notice.state, notice.next_attempt_at),
        (NoticeState::Pending, Some(NOON)),
        "a redelivery schedules nothing"
    );
}

#[test]
fn refunds_keep_to_the_total_the_year_and_the_fifty() {
    let mut ledger = paid();
    ledger.ask_refund(refund("R1", 600), NOON).unwrap();
    assert_eq!(ledger.order("1900000001", "ORDER1").unwrap().state, State::Refund);
    assert_eq!(ledger.ask_refund(refund("R1", 600), NOON).unwrap().refund, 600, "the same again is the same");
    for (draft, error) in [
        (refund("R1", 100), RefundError::Changed),
        (refund("R2", 401), RefundError::TooMuch),
        (RefundDraft { total: 999, ..refund("R2", 1) }, RefundError::TotalDiffers),
        (RefundDraft { out_trade_no: Some("ORDER9".into()), ..refund("R2", 1) }, RefundError::NoOrder),
        (RefundDraft { mchid: "1900000002".into(), ..refund("R2", 1) }, RefundError::NoOrder),
        (RefundDraft { needs_interval: true, ..refund("R2", 1) }, RefundError::TooSoon),
    ] {
        assert_eq!(ledger.ask_refund(draft, NOON).unwrap_err(), error);
    }
    let year = 365 * 86_400_000;
    assert_eq!(ledger.ask_refund(refund("R2", 1), NOON + year + 1).unwrap_err(), RefundError::TooLate);
    for part in 2..=50 {
        ledger.ask_refund(refund(&format!("R{part}"), 1), NOON + year).unwrap();
    }
    assert_eq!(ledger.ask_refund(refund("R51", 1), NOON).unwrap_err(), RefundError::TooManyParts);
}

#[test]
fn a_closed_refund_gives_its_money_free_and_an_abnormal_one_can_be_handled() {
    let mut ledger = paid();
    let closed = ledger.ask_refund(refund("R1", 1_000), NOON).unwrap();
    assert_eq!(ledger.settle(&closed.key(), RefundOutcome::Closed, NOON).unwrap().status, Status::Closed);
    let again = ledger.ask_refund(refund("R1", 1_000), NOON).unwrap();
    assert_eq!(again.status, Status::Processing, "taken up again under its number");
    let abnormal = ledger.settle(&again.key(), RefundOutcome::Abnormal, NOON).unwrap();
    assert_eq!(ledger.ask_refund(refund("R2", 1), NOON).unwrap_err(), RefundError::TooMuch);
    ledger.handle_abnormal("1900000001", &abnormal.refund_id, "R1", NOON).unwrap();
    let done = ledger.settle(&abnormal.key(), RefundOutcome::Abnormal, NOON + 1_000).unwrap();
    assert_eq!((done.status, done.succeeded), (Status::Success, Some(NOON + 1_000)));
    assert_eq!(done.notice()["refund_status"], "SUCCESS");
    assert!(done.notice().get("status").is_none());
}

#[test]
fn a_restart_finds_everything_and_what_was_pending_is_due_now() {
    let mut ledger = paid();
    ledger.post(notice("n"), NOON);
    ledger.ask_refund(refund("R1", 1), NOON).unwrap();
    let mut kept = Kept::default();
    for row in ledger.take_rows() {
        if let Row::Put { kind, seq, doc } = row {
            kept.entries.push((kind as i64, seq, doc));
        }
    }
    let later = NOON + 86_400_000;
    let mut again = Ledger::restore(&kept, later);
    let order = again.order("1900000001", "ORDER1").unwrap();
    assert_eq!(order.transaction(later), ledger.order("1900000001", "ORDER1").unwrap().transaction(later));
    assert!(again.order_by_transaction(&order.paid.as_ref().unwrap().transaction_id).is_some());
    let mut settled = Vec::new();
    let attempts = again.fall_due(later, &mut |_, key, _| settled.push(key.to_owned()));
    assert_eq!(attempts, [(later, "n".to_owned())]);
    assert_eq!(settled, [key("1900000001", "R1")]);
}

#[test]
fn a_trade_bill_has_its_form_to_the_byte() {
    let mut ledger = paid();
    ledger.ask_refund(refund("R1", 250), NOON).unwrap();
    let day = wechatpay::time::beijing_date(crate::clock::instant(NOON));
    let bytes = bill(&ledger, "1900000001", &day, BillKind::All, &[]).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
    assert_eq!(lines.len(), 6, "header, two records, summary header, summary, nothing after the final newline");
    assert_eq!(lines[5], "");
    assert_eq!(lines[0].split(',').count(), 27);
    for line in &lines[1..3] {
        assert_eq!(line.split(",`").count(), 27, "{line}");
        assert!(line.starts_with('`'));
    }
    assert!(lines[1].contains("奶茶\\  两杯"));
    assert_eq!(lines[4], "`2.0,`10.00,`2.50,`0.00,`0.04500,`10.00,`2.50");
    assert_eq!(bill(&ledger, "1900000001", "2001-01-01", BillKind::All, &[]), None);
    assert_eq!(bill(&ledger, "1900000002", &day, BillKind::All, &[]), None);
    let flow = String::from_utf8(bill(&ledger, "1900000001", &day, BillKind::FundFlow, &[]).unwrap()).unwrap();
    assert_eq!(flow.lines().last(), Some("`2.0,`1.0,`10.00,`1.0,`2.50"));
    for (kind, columns, records) in [(BillKind::Success, 20, 1), (BillKind::Refund, 29, 1)] {
        let text = String::from_utf8(bill(&ledger, "1900000001", &day, kind, &[]).unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap().split(',').count(), columns);
        assert_eq!(text.lines().count(), records + 3);
        assert_eq!(text.lines().nth(1).unwrap().split(",`").count(), columns);
    }
}

fn combined(number: &str) -> Combined {
    Combined {
        seq: 0,
        mchid: "1900000001".into(),
        appid: "wx1234567890abcdef".into(),
        number: number.into(),
        product: Product::Native,
        notify_url: "http://127.0.0.1/n".into(),
        parameters: "p".into(),
        device_id: None,
        by_public_key: false,
        tickets: Vec::new(),
        placed: 0,
        parts: Vec::new(),
    }
}

#[test]
fn a_combined_order_past_its_deadline_is_not_placed_again() {
    let mut ledger = Ledger::default();
    let parts = || -> Vec<Draft> {
        ["SUB-01", "SUB-02"].map(|no| Draft { time_expire: Some(NOON + 600_000), ..draft(no) }).into()
    };
    ledger.place_combined(combined("COMBINE1"), parts(), NOON).unwrap();
    assert!(ledger.place_combined(combined("COMBINE1"), parts(), NOON + 599_999).is_ok());
    assert_eq!(ledger.place_combined(combined("COMBINE1"), parts(), NOON + 600_000), Err(Forbidden::Closed));
}

#[test]
fn a_forgotten_order_leaves_nothing_behind() {
    let mut ledger = Ledger::default();
    for number in 0..20 {
        let part = |nth: usize, mchid: &str| Draft { mchid: mchid.into(), ..draft(&format!("SUB-{number:02}-{nth}")) };
        // of one merchant and of two, of which neither is who combines
        let parts = match number % 2 {
            0 => vec![part(1, "1900000001"), part(2, "1900000002")],
            _ => vec![part(1, "1900000002"), part(2, "1900000003")],
        };
        let name = format!("COMBINE{number:02}");
        ledger.place_combined(combined(&name), parts, NOON).unwrap();
        ledger.pay_combined(&key("1900000001", &name), None, NOON).unwrap();
        let single = format!("ORDER{number:02}");
        ledger.place(draft(&single), NOON).unwrap();
        ledger.place(draft(&single), NOON).unwrap();
        ledger.pay(&key("1900000001", &single), None, None, NOON).unwrap();
        let asked = RefundDraft { out_trade_no: Some(single), ..refund(&format!("R{number:02}"), 1) };
        ledger.ask_refund(asked, NOON).unwrap();
    }
    let sizes = |ledger: &Ledger| {
        let orders = (ledger.orders.len(), ledger.orders_by_age.len(), ledger.transactions.len());
        let combined = (ledger.combined.len(), ledger.combined_by_age.len());
        (orders, combined, ledger.tickets.len(), (ledger.refunds.len(), ledger.refund_ids.len()))
    };
    // of each twenty: three orders, a combined one with two tickets, a single one with three
    assert_eq!(sizes(&ledger), ((60, 60, 60), (20, 20), 20 * 5, (20, 20)));
    let mut file = std::collections::HashSet::new();
    let mut follow = |ledger: &mut Ledger| {
        for row in ledger.take_rows() {
            match row {
                Row::Put { seq, .. } => drop(file.insert(seq)),
                Row::Forget { seq } => drop(file.remove(&seq)),
                other => panic!("{other:?}"),
            }
        }
        file.len()
    };
    assert_eq!(follow(&mut ledger), 60 + 20 + 20);
    ledger.trim_orders(6);
    assert_eq!(sizes(&ledger), ((6, 6, 6), (2, 2), 2 * 5, (2, 2)));
    assert_eq!(follow(&mut ledger), 6 + 2 + 2, "the file forgets the same");
    // the first part goes, and what it was part of goes with it
    ledger.trim_orders(5);
    assert_eq!(sizes(&ledger), ((5, 5, 5), (1, 1), 2 * 5 - 2, (2, 2)));
    ledger.trim_orders(0);
    assert_eq!((sizes(&ledger), follow(&mut ledger)), (((0, 0, 0), (0, 0), 0, (0, 0)), 0));
}
