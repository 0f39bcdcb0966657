//! Lists of orders against reading every row.

use super::tests::{MCHID, at, order};
use super::*;
use crate::orders::state::State;
use crate::wire::{OrderSort, Verdict, Via};
use wechatpay::money::Fen;

/// Every filter and sorting, walked page by page over more rows than one look takes, gives what reading all rows gives.
#[tokio::test]
async fn lists_are_what_reading_every_row_gives() {
    const ROWS: usize = 3_300;
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    store
        .write(move |tx| {
            for number in 0..ROWS {
                let mut new = order(number);
                if number % 7 == 0 {
                    "1900000009".clone_into(&mut new.mchid);
                }
                new.total = Fen::new([100, 1_250, 8_800, 100 + i64::try_from(number).unwrap_or(0)][number % 4]);
                new.openid = (number % 3 == 0).then(|| format!("openid{}", number % 2));
                new.attach = (number % 900 == 5).then(|| "桌号 一".to_owned());
                let row = tx.order_insert(&new)?;
                if number % 5 > 0 {
                    let via = if number % 400 == 1 { Via::H5 } else { Via::Jsapi };
                    tx.order_set_handle(row.id, via, &Handle::default(), at(0), at(0))?;
                    tx.order_move(
                        row.id,
                        State::Created,
                        if number % 4 == 0 { State::Closed } else { State::Success },
                    )?;
                }
                if number % 5 > 1 {
                    tx.order_set_lamp(row.id, if number % 300 == 3 { Verdict::Held } else { Verdict::Applied })?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .await
        .expect("writes");
    let all: Vec<OrderRow> = store
        .read(|view| (1..=3_300).filter_map(|id| view.order_at(id).transpose()).collect::<Result<_, _>>())
        .await
        .expect("reads");
    let base = OrderQuery { mchid: MCHID.to_owned(), limit: 90, ..OrderQuery::default() };
    let with = |change: &dyn Fn(&mut OrderQuery)| {
        let mut query = base.clone();
        change(&mut query);
        query
    };
    let text = |typed: &'static str| with(&move |query| query.search = Some(typed.to_owned()));
    type Let = Box<dyn Fn(&OrderRow) -> bool>;
    let cases: Vec<(OrderQuery, Let)> = vec![
        (base.clone(), Box::new(|_| true)),
        (with(&|query| query.states = vec![State::Closed]), Box::new(|row| row.state == State::Closed)),
        (
            with(&|query| query.states = vec![State::Closed, State::Created]),
            Box::new(|row| matches!(row.state, State::Closed | State::Created)),
        ),
        (with(&|query| query.vias = vec![Via::H5]), Box::new(|row| row.via == Some(Via::H5))),
        (
            with(&|query| (query.vias, query.states) = (vec![Via::H5], vec![State::Success])),
            Box::new(|row| row.via == Some(Via::H5) && row.state == State::Success),
        ),
        (
            with(&|query| query.lamps = vec![Some(Verdict::Held)]),
            Box::new(|row| row.callback_verdict == Some(Verdict::Held)),
        ),
        (
            with(&|query| query.lamps = vec![None, Some(Verdict::Held)]),
            Box::new(|row| row.callback_verdict != Some(Verdict::Applied)),
        ),
        (
            with(&|query| (query.since, query.until) = (Some(at(500)), Some(at(2_900)))),
            Box::new(|row| row.created_at >= at(500) && row.created_at < at(2_900)),
        ),
        (
            with(&|query| (query.amount_from, query.amount_to) = (Some(Fen::new(3_000)), Some(Fen::new(3_200)))),
            Box::new(|row| (3_000..=3_200).contains(&row.total.get())),
        ),
        (
            with(&|query| (query.amount_from, query.vias) = (Some(Fen::new(1_000)), vec![Via::Jsapi])),
            Box::new(|row| row.total.get() >= 1_000 && row.via == Some(Via::Jsapi)),
        ),
        (text("火锅"), Box::new(|row| row.description.contains("火锅"))),
        (text("桌号"), Box::new(|row| row.attach.is_some())),
        (text("车"), Box::new(|row| row.description.contains('车'))),
        (text("GT0000000"), Box::new(|row| row.out_trade_no.starts_with("GT0000000"))),
        (text("12.50"), Box::new(|row| row.total.get() == 1_250)),
        (text("openid1"), Box::new(|row| row.openid.as_deref() == Some("openid1"))),
        (text("002001"), Box::new(|row| row.out_trade_no.ends_with("002001"))),
        (
            with(&|query| (query.search, query.states) = (Some("火锅".to_owned()), vec![State::Closed])),
            Box::new(|row| row.description.contains("火锅") && row.state == State::Closed),
        ),
    ];
    for (case, (query, lets)) in cases.into_iter().enumerate() {
        let mut sizes = Vec::new();
        for sort in [OrderSort::Newest, OrderSort::Oldest, OrderSort::Largest, OrderSort::Smallest] {
            let mut wanted: Vec<_> = all.iter().filter(|row| row.mchid == MCHID && lets(row)).collect();
            wanted.sort_by_key(|row| match sort {
                OrderSort::Newest | OrderSort::Oldest => (row.created_at.as_millisecond(), row.id),
                OrderSort::Largest | OrderSort::Smallest => (row.total.get(), row.id),
            });
            if matches!(sort, OrderSort::Newest | OrderSort::Largest) {
                wanted.reverse();
            }
            let mut query = OrderQuery { sort, ..query.clone() };
            let mut found = Vec::new();
            loop {
                let look = query.clone();
                let (rows, next) = store.read(move |view| view.orders(&look)).await.expect("reads");
                assert!(rows.len() <= 90);
                found.extend(rows.into_iter().map(|row| row.id));
                query.after = next;
                if next.is_none() {
                    break;
                }
            }
            sizes.push(found.len());
            assert_eq!(found, wanted.iter().map(|row| row.id).collect::<Vec<_>>(), "case {case}, {sort:?}");
        }
        assert!(sizes[0] > 0, "case {case} tests nothing");
        let sums = store.read(move |view| view.order_sums(&query)).await.expect("reads");
        let amount: i64 = all.iter().filter(|row| row.mchid == MCHID && lets(row)).map(|row| row.total.get()).sum();
        let orders = i64::try_from(sizes[0]).expect("a number");
        if sums.exact {
            assert_eq!((sums.orders, sums.amount), (orders, amount), "case {case}");
        } else {
            assert!(sums.orders <= orders && sums.amount <= amount, "case {case}: {sums:?}");
        }
    }
}

/// What a look tests comes from the index and from nowhere else: its expression and the schema's are one, and the codes
/// are those that the expression gives.
#[tokio::test]
async fn what_the_filters_look_at_is_in_the_index() {
    let folder = tempfile::tempdir().expect("folder");
    drop(Store::open(folder.path()).expect("opens"));
    let store = rusqlite::Connection::open(folder.path().join("guitai.db")).expect("opens");
    let kind = order_list::KIND;
    let plan: String = store
        .query_row(
            &format!(
                "EXPLAIN QUERY PLAN SELECT {kind} & 7, total FROM orders INDEXED BY orders_list WHERE mchid = '1'"
            ),
            [],
            |row| row.get(3),
        )
        .expect("a plan");
    assert!(plan.contains("COVERING INDEX orders_list"), "{plan}");
    let states = ["CREATED", "NOTPAY", "USERPAYING", "PAYERROR", "SUCCESS", "REFUND", "CLOSED", "REVOKED"];
    let vias = [None, Some(Via::Jsapi), Some(Via::Native), Some(Via::App), Some(Via::H5)];
    let verdicts = [Verdict::Applied, Verdict::Duplicate, Verdict::Held, Verdict::Rejected, Verdict::Failed].map(Some);
    let mut seen = std::collections::BTreeSet::new();
    for state in states.map(|name| State::parse(name).expect("a state")) {
        for via in vias {
            for lamp in std::iter::once(None).chain(verdicts) {
                let names = (state.as_str(), via.map(orders::via_name), lamp.map(callbacks::verdict_name));
                let sql = format!("SELECT {kind} FROM (SELECT ?1 AS state, ?2 AS via, ?3 AS callback_verdict)");
                let found: i64 = store.query_row(&sql, names, |row| row.get(0)).expect("a number");
                let code =
                    order_list::state_code(state) + 8 * order_list::via_code(via) + 64 * order_list::lamp_code(lamp);
                assert_eq!(found, code, "{names:?}");
                seen.insert(found);
            }
        }
    }
    assert_eq!(seen.len(), 8 * 5 * 6, "no two are alike");
}
