//! R9: in whatever order the news of an order arrives, by callback, by query, twice or after a refused close, the end is
//! the one that a model of a few lines says.

use crate::shop::{APPID, Dice, Letter, MCHID, Shop, ends, figure, payment, signed, size};
use guitai_console::wire::Via;
use guitai_console::{Console, OrderInput, RawDelivery};
use guitai_door::{Answer, Door, Keep, Limits, Request};
use guitai_tests::command::Guitai;
use guitai_tests::house::{open_desk, read_key};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use wechatpay::keys::PrivateKey;
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

/// What is true of an order at WeChat Pay.
#[derive(Clone, Copy, Default)]
struct Truth {
    paid: bool,
    closed: bool,
    refunds: [bool; 2],
}

/// The two refunds of every order that has some.
const REFUNDS: [i64; 2] = [300, 200];

impl Truth {
    /// How the desk has to end: the state, what was refunded, how often it was paid.
    fn end(self) -> String {
        let refunded: i64 = REFUNDS.iter().zip(self.refunds).filter(|(_, made)| *made).map(|(fen, _)| fen).sum();
        match (self.paid, self.closed) {
            (true, _) if refunded > 0 => format!("REFUND {refunded} 1"),
            (true, _) => "SUCCESS 0 1".to_owned(),
            (false, true) => "CLOSED 0 0".to_owned(),
            (false, false) => "NOTPAY 0 0".to_owned(),
        }
    }
}

/// A gateway that knows the truth: prepay, query and close, signed as the platform does.
struct Platform {
    truths: Arc<Mutex<HashMap<String, Truth>>>,
    door: Door,
}

impl Platform {
    fn open(serial: String) -> Platform {
        let truths: Arc<Mutex<HashMap<String, Truth>>> = Arc::default();
        let (known, key) = (truths.clone(), Arc::new(read_key(&crate::shop::key_file("platform_key.pem"))));
        let limits = Limits { keep: Keep::Always, ..Limits::listener() };
        let door = Door::open(([127, 0, 0, 1], 0).into(), limits, move |request: Request| {
            let (known, key, serial) = (known.clone(), key.clone(), serial.clone());
            async move { answer(&known, &key, &serial, &request) }
        });
        Platform { truths, door: door.expect("a gateway") }
    }

    fn change(&self, no: &str, change: impl FnOnce(&mut Truth)) -> Truth {
        let mut truths = self.truths.lock().expect("truths");
        let truth = truths.entry(no.to_owned()).or_default();
        change(truth);
        *truth
    }
}

fn answer(truths: &Mutex<HashMap<String, Truth>>, key: &PrivateKey, serial: &str, request: &Request) -> Answer {
    let path = request.path();
    let mut truths = truths.lock().expect("truths");
    let (status, body) = if path == "/v3/pay/transactions/native" {
        (200, json!({ "code_url": "weixin://wxpay/bizpayurl?pr=storm" }).to_string())
    } else if let Some(no) = path.strip_prefix("/v3/pay/transactions/out-trade-no/") {
        match no.strip_suffix("/close") {
            Some(no) => {
                let truth = truths.entry(no.to_owned()).or_default();
                if truth.paid {
                    (400, json!({ "code": "ORDERPAID", "message": "该订单已支付" }).to_string())
                } else {
                    truth.closed = true;
                    (204, String::new())
                }
            }
            None => (200, transaction(no, truths.get(no).copied().unwrap_or_default()).to_string()),
        }
    } else {
        (404, json!({ "code": "RESOURCE_NOT_EXISTS", "message": "不存在" }).to_string())
    };
    let second = Timestamp::now().as_second();
    let headers = signed(key, serial, second, "5c5e5e5a5b5c5d5e5f5a5b5c5d5e5f5a", body.as_bytes());
    Answer::Full { status, headers, body: body.into() }
}

fn transaction(no: &str, truth: Truth) -> Value {
    if truth.paid {
        let mut content = payment(no);
        if truth.refunds.contains(&true) {
            content["trade_state"] = json!("REFUND");
        }
        return content;
    }
    let state = if truth.closed { "CLOSED" } else { "NOTPAY" };
    json!({ "mchid": MCHID, "appid": APPID, "out_trade_no": no, "trade_state": state, "trade_state_desc": "未支付" })
}

/// One piece of news that arrives, or one thing that happens at WeChat Pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Pay,
    Refund(usize),
    Paid,
    PaidUnderAnotherId,
    Refunded(usize),
    Query,
    Close,
}

/// One desk and its platform; histories run on orders of their own beside each other.
struct World {
    shop: Shop,
    platform: Platform,
    desk: Console,
}

impl World {
    async fn open() -> World {
        let serial = Shop::open().serial;
        let platform = Platform::open(serial);
        let shop = Shop::on(Guitai::new(), &format!("http://{}", platform.door.addr()));
        let desk = open_desk(&shop.data()).await;
        World { shop, platform, desk }
    }

    async fn receive(&self, letter: &Letter) -> u16 {
        let delivery = RawDelivery {
            target: "/notify/shop".to_owned(),
            headers: self.shop.headers(&letter.body, &self.shop.nonce()),
            body: letter.body.clone(),
            peer: "127.0.0.1".to_owned(),
            received_at: Timestamp::now(),
        };
        self.desk.receive("shop", delivery).await.http_status
    }

    /// Plays a history on a fresh order, then sends each notification once more, as WeChat Pay does until it is
    /// acknowledged; the end that the model says.
    async fn play(&self, no: &str, history: &[Event]) -> String {
        let input = OrderInput {
            amount: Fen::new(1_000),
            description: "history".to_owned(),
            out_trade_no: Some(no.to_owned()),
            notify_url: Some("http://127.0.0.1:8787/notify/shop".to_owned()),
            ..OrderInput::default()
        };
        self.desk.order_create(None, input).await.expect("an order");
        self.desk.order_prepay(None, no, Via::Native).await.expect("a prepay");
        for event in history {
            self.happen(no, *event).await;
        }
        let truth = self.platform.change(no, |_| {});
        for event in [Event::Refunded(1), Event::Paid, Event::Refunded(0)] {
            self.happen(no, event).await;
        }
        truth.end()
    }

    async fn happen(&self, no: &str, event: Event) {
        let truth = self.platform.change(no, |truth| match event {
            Event::Pay => truth.paid |= !truth.closed,
            Event::Refund(which) => truth.refunds[which] |= truth.paid,
            _ => {}
        });
        let refund_no = |which: usize| format!("R{which}{no}");
        let letter = match event {
            Event::Pay | Event::Refund(_) => return,
            Event::Query => {
                self.desk.order_query(None, no).await.expect("an answer");
                return;
            }
            Event::Close => {
                // refused where it is paid; what the refusal teaches is taken in
                let _ = self.desk.order_close(None, no).await;
                return;
            }
            Event::Paid if truth.paid => self.shop.paid(&format!("p-{no}"), no),
            Event::PaidUnderAnotherId if truth.paid => self.shop.paid(&format!("q-{no}"), no),
            Event::Refunded(which) if truth.refunds[which] => {
                self.shop.refunded(&format!("r{which}-{no}"), no, &refund_no(which), REFUNDS[which])
            }
            // nobody is told of what has not happened
            _ => return,
        };
        assert_eq!(self.receive(&letter).await, 204, "{no}: {event:?}");
    }

    /// Every order ended as the model says, and the sums over all of them are those of the orders.
    async fn judge(self, wanted: &BTreeMap<String, (String, Vec<Event>)>) {
        self.desk.close().await;
        let found = ends(&self.shop.store());
        assert_eq!(found.len(), wanted.len());
        for (no, end) in &found {
            let (model, history) = &wanted[no];
            assert_eq!(end, model, "{no}: {history:?}");
        }
        let paid = found.values().filter(|end| end.ends_with(" 1")).count();
        let payments: i64 = self
            .shop
            .store()
            .query_row("SELECT coalesce(sum(payments), 0) FROM days", [], |row| row.get(0))
            .expect("days");
        assert_eq!(usize::try_from(payments).expect("a count"), paid);
        self.shop.sound();
    }

    /// Plays them beside each other and judges the ends.
    async fn play_all(self, histories: Vec<(String, Vec<Event>)>) {
        let world = Arc::new(self);
        let mut playing = tokio::task::JoinSet::new();
        let mut wanted = BTreeMap::new();
        for (no, history) in histories {
            let world = world.clone();
            playing.spawn(async move { (world.play(&no, &history).await, no, history) });
            if playing.len() >= 32 {
                let (end, no, history) = playing.join_next().await.expect("one").expect("played");
                wanted.insert(no, (end, history));
            }
        }
        while let Some(played) = playing.join_next().await {
            let (end, no, history) = played.expect("played");
            wanted.insert(no, (end, history));
        }
        Arc::into_inner(world).expect("all have ended").judge(&wanted).await;
    }
}

/// Every arrangement of up to `most` of these.
fn arrangements(of: &[Event], most: usize) -> BTreeSet<Vec<usize>> {
    let mut all = BTreeSet::from([Vec::new()]);
    let mut longest = all.clone();
    for _ in 0..most {
        longest = longest
            .iter()
            .flat_map(|begun: &Vec<usize>| {
                (0..of.len()).filter(|next| !begun.contains(next)).map(|next| [begun.clone(), vec![next]].concat())
            })
            .collect();
        all.extend(longest.iter().cloned());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_order_of_arrival_ends_as_the_model_says() {
    let events =
        [Event::Paid, Event::PaidUnderAnotherId, Event::Refunded(0), Event::Refunded(1), Event::Query, Event::Close];
    let most = size(3, 5);
    let mut histories = Vec::new();
    for (number, order) in arrangements(&events, most).into_iter().enumerate() {
        // it all has happened; the news arrives in this order
        let happened = [Event::Pay, Event::Refund(0), Event::Refund(1)];
        let news = order.into_iter().map(|which| events[which]);
        histories.push((format!("PERM{number:06}"), happened.into_iter().chain(news).collect::<Vec<_>>()));
    }
    let count = histories.len();
    World::open().await.play_all(histories).await;
    figure("R9", &format!("all {count} arrangements of up to {most} of 6 events end as the model says"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_histories_end_as_the_model_says() {
    let mut dice = Dice::new(9);
    let count = size(200, 10_000);
    let all = [
        Event::Pay,
        Event::Refund(0),
        Event::Refund(1),
        Event::Paid,
        Event::PaidUnderAnotherId,
        Event::Refunded(0),
        Event::Refunded(1),
        Event::Query,
        Event::Close,
    ];
    let histories = (0..count).map(|number| {
        let length = 2 + dice.roll(10);
        let mut history: Vec<_> = (0..length).map(|_| all[dice.roll(all.len())]).collect();
        // most are paid at some time, or there would be little to tell
        if dice.roll(4) > 0 {
            history.insert(dice.roll(history.len()), Event::Pay);
        }
        (format!("RAND{number:06}"), history)
    });
    let histories = histories.collect();
    World::open().await.play_all(histories).await;
    figure("R9", &format!("{count} random histories end as the model says"));
}
