//! Orders: placed, placed again, paid, closed, expired; the one table that says which turns a state allows; the transaction
//! object that queries and notifications show.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wechatpay::time::beijing;

use super::{Ledger, MOST_ORDERS, key};
use crate::clock::{Lots, Millis, instant};
use crate::store::Kind;

/// A prepay_id or code_url can be paid this long.
const TICKET_LIFE: Millis = 2 * 3_600_000;
/// An h5_url can be opened this long.
const H5_LIFE: Millis = 5 * 60_000;
/// An unpaid order closes by itself after this long.
const ORDER_LIFE: Millis = 7 * 86_400_000;
/// `time_expire` is cut to this much ahead, and raised to a minute.
const MOST_AHEAD: Millis = 90 * 86_400_000;
/// Tickets kept of one order.
const MOST_TICKETS: usize = 8;

/// How the payer gets to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Product {
    Jsapi,
    Native,
    App,
    H5,
}

impl Product {
    pub(crate) fn from_path(last: &str) -> Option<Product> {
        match last {
            "jsapi" => Some(Product::Jsapi),
            "native" => Some(Product::Native),
            "app" => Some(Product::App),
            "h5" => Some(Product::H5),
            _ => None,
        }
    }

    pub(crate) fn trade_type(self) -> &'static str {
        match self {
            Product::Jsapi => "JSAPI",
            Product::Native => "NATIVE",
            Product::App => "APP",
            Product::H5 => "MWEB",
        }
    }

    fn life(self) -> Millis {
        if self == Product::H5 { H5_LIFE } else { TICKET_LIFE }
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    NotPay,
    Success,
    Refund,
    Closed,
}

/// What may be done with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    PlaceAgain,
    Pay,
    Close,
    Refund,
}

/// Why a turn is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    Unknown,
    Paid,
    Closed,
    NotPaid,
    Changed,
    Expired,
    OfCombined,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::NotPay => "NOTPAY",
            State::Success => "SUCCESS",
            State::Refund => "REFUND",
            State::Closed => "CLOSED",
        }
    }

    /// The state after a turn: the whole table, reference 5.5, 6.1, 6.2 and 7.
    pub(crate) fn after(self, turn: Turn) -> Result<State, Forbidden> {
        use State::{Closed, NotPay, Refund, Success};
        match (self, turn) {
            (NotPay, Turn::PlaceAgain) => Ok(NotPay),
            (NotPay, Turn::Pay) => Ok(Success),
            (NotPay | Closed, Turn::Close) => Ok(Closed),
            (Success | Refund, Turn::Refund) => Ok(Refund),
            (Success | Refund, Turn::PlaceAgain | Turn::Pay | Turn::Close) => Err(Forbidden::Paid),
            (Closed, Turn::PlaceAgain | Turn::Pay) => Err(Forbidden::Closed),
            (NotPay | Closed, Turn::Refund) => Err(Forbidden::NotPaid),
        }
    }
}

/// `支付成功` and the like.
pub(crate) fn describe(state: State) -> &'static str {
    match state {
        State::NotPay => "订单未支付",
        State::Success => "支付成功",
        State::Refund => "订单发生过退款，退款详情请查询退款单",
        State::Closed => "订单已关闭",
    }
}

/// What a prepay hands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) prepay_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code_url: Option<String>,
    pub(crate) at: Millis,
}

impl Ticket {
    /// The ticket of an order (by its key) that was placed `placed` times before.
    pub(crate) fn make(product: Product, now: Millis, lots: Lots, key: &str, placed: u32) -> Ticket {
        let stamp = instant(now).to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8)));
        let nth = placed.to_string();
        let code = || format!("weixin://wxpay/bizpayurl?pr={}", lots.alphanumeric(9, &["code", key, &nth]));
        let (six, sixteen) = (lots.digits(6, &["prepay", key, &nth]), lots.hex(16, &["prepay", key, &nth]));
        Ticket {
            // the live form: wx, ddHHmmss, 6 digits, 16 hex, 4 digits
            prepay_id: format!("wx{}{six}{sixteen}0000", stamp.strftime("%d%H%M%S")),
            code_url: (product == Product::Native).then(code),
            at: now,
        }
    }

    /// The answer of a prepay.
    pub(crate) fn answer(&self, product: Product) -> Value {
        match (product, &self.code_url) {
            (Product::Native, Some(code_url)) => json!({ "code_url": code_url }),
            (Product::H5, _) => json!({ "h5_url": format!(
                "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={}&package={}",
                self.prepay_id, Lots::of(Some(0)).digits(10, &[&self.prepay_id])) }),
            _ => json!({ "prepay_id": self.prepay_id }),
        }
    }

    pub(crate) fn is_open(&self, product: Product, now: Millis) -> bool {
        now < self.at.saturating_add(product.life())
    }
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) transaction_id: String,
    pub(crate) at: Millis,
    pub(crate) openid: String,
    pub(crate) bank_type: String,
}

/// What a prepay asks for, checked.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) out_trade_no: String,
    pub(crate) product: Product,
    pub(crate) description: String,
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: String,
    pub(crate) total: i64,
    pub(crate) openid: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) time_expire: Option<Millis>,
    /// A digest of every parameter: asked for again, all must be the same.
    pub(crate) parameters: String,
    pub(crate) by_public_key: bool,
}

/// An order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) seq: u64,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) out_trade_no: String,
    pub(crate) product: Product,
    pub(crate) description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: String,
    pub(crate) total: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) openid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    pub(crate) parameters: String,
    pub(crate) created: Millis,
    /// Until when it may be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<Millis>,
    pub(crate) tickets: Vec<Ticket>,
    /// Times that it was asked for.
    #[serde(default)]
    pub(crate) placed: u32,
    pub(crate) state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paid: Option<Paid>,
    pub(crate) refunds: Vec<String>,
    /// Fen of all refunds that are not closed.
    pub(crate) refunded: i64,
    pub(crate) by_public_key: bool,
    /// The combined order that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) combine: Option<String>,
}

impl Order {
    pub(crate) fn new(draft: Draft, now: Millis, seq: u64) -> Order {
        let deadline = draft.time_expire.map(|at| at.clamp(now + 60_000, now + MOST_AHEAD));
        Order {
            seq,
            mchid: draft.mchid,
            appid: draft.appid,
            out_trade_no: draft.out_trade_no,
            product: draft.product,
            description: draft.description,
            attach: draft.attach,
            notify_url: draft.notify_url,
            total: draft.total,
            openid: draft.openid,
            device_id: draft.device_id,
            parameters: draft.parameters,
            created: now,
            deadline,
            tickets: Vec::new(),
            placed: 0,
            state: State::NotPay,
            paid: None,
            refunds: Vec::new(),
            refunded: 0,
            by_public_key: draft.by_public_key,
            combine: None,
        }
    }

    pub(crate) fn key(&self) -> String {
        key(&self.mchid, &self.out_trade_no)
    }

    pub(crate) fn tickets(&self) -> Vec<String> {
        self.tickets.iter().flat_map(|t| std::iter::once(t.prepay_id.clone()).chain(t.code_url.clone())).collect()
    }

    /// Its state at an instant: unpaid orders close by themselves.
    pub(crate) fn state_at(&self, now: Millis) -> State {
        let closes = self.created.saturating_add(ORDER_LIFE).max(self.deadline.unwrap_or(0));
        if self.state == State::NotPay && now >= closes { State::Closed } else { self.state }
    }

    /// The transaction object at an instant (reference 6.3): fields without a value are left out.
    pub(crate) fn transaction(&self, now: Millis) -> Value {
        let state = self.state_at(now);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("mchid", json!(self.mchid));
        put("appid", json!(self.appid));
        put("out_trade_no", json!(self.out_trade_no));
        if let Some(paid) = &self.paid {
            put("transaction_id", json!(paid.transaction_id));
            put("trade_type", json!(self.product.trade_type()));
        }
        put("trade_state", json!(state.word()));
        put("trade_state_desc", json!(describe(state)));
        let mut amount = json!({ "total": self.total, "currency": "CNY" });
        if let Some(paid) = &self.paid {
            put("bank_type", json!(paid.bank_type));
            if let Some(attach) = &self.attach {
                put("attach", json!(attach));
            }
            put("success_time", json!(beijing(instant(paid.at))));
            put("payer", json!({ "openid": paid.openid }));
            amount =
                json!({ "total": self.total, "payer_total": self.total, "currency": "CNY", "payer_currency": "CNY" });
        }
        put("amount", amount);
        if let Some(device_id) = &self.device_id {
            put("scene_info", json!({ "device_id": device_id }));
        }
        Value::Object(out)
    }
}

impl Ledger {
    /// Finds an order by the merchant's number.
    pub(crate) fn order(&self, mchid: &str, out_trade_no: &str) -> Option<&Order> {
        self.orders.get(&key(mchid, out_trade_no))
    }

    /// Finds an order by WeChat Pay's number.
    pub(crate) fn order_by_transaction(&self, transaction_id: &str) -> Option<&Order> {
        self.orders.get(self.transactions.get(transaction_id)?)
    }

    /// Finds an order by a key of this ledger.
    pub(crate) fn order_at(&self, key: &str) -> Option<&Order> {
        self.orders.get(key)
    }

    /// The key of the order, or combined order, behind a prepay_id or code_url.
    pub(crate) fn ticket_key(&self, ticket: &str) -> Option<&str> {
        self.tickets.get(ticket).map(String::as_str)
    }

    /// Every order, in no order.
    pub(crate) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Places an order, or places it again: the same parameters get a new ticket (reference 5.5).
    pub(crate) fn place(&mut self, draft: Draft, now: Millis) -> Result<Ticket, Forbidden> {
        let key = key(&draft.mchid, &draft.out_trade_no);
        let product = draft.product;
        let by_public_key = draft.by_public_key;
        let mut order = match self.orders.get(&key) {
            Some(order) => {
                if order.combine.is_some() {
                    return Err(Forbidden::Changed);
                }
                order.state_at(now).after(Turn::PlaceAgain)?;
                if order.parameters != draft.parameters || order.product != product {
                    return Err(Forbidden::Changed);
                }
                if order.deadline.is_some_and(|deadline| now >= deadline) {
                    return Err(Forbidden::Closed);
                }
                order.clone()
            }
            None if self.combined.contains_key(&key) => return Err(Forbidden::Changed),
            None => {
                let seq = self.next_seq();
                Order::new(draft, now, seq)
            }
        };
        let ticket = Ticket::make(product, now, self.lots, &key, order.placed);
        order.placed = order.placed.saturating_add(1);
        order.by_public_key = by_public_key;
        for old in &mut order.tickets {
            // the older QR code stops working; older prepay ids live on
            if let Some(code) = old.code_url.take() {
                self.tickets.remove(&code);
            }
        }
        order.tickets.push(ticket.clone());
        if order.tickets.len() > MOST_TICKETS {
            let old = order.tickets.remove(0);
            self.tickets.remove(&old.prepay_id);
        }
        self.put_order(order);
        self.trim_orders(MOST_ORDERS);
        Ok(ticket)
    }

    /// Closes an order; a closed one again is fine. Unknown numbers are closed too: `None`.
    pub(crate) fn close(&mut self, mchid: &str, out_trade_no: &str, now: Millis) -> Option<Result<(), Forbidden>> {
        let order = self.orders.get(&key(mchid, out_trade_no))?;
        if order.combine.is_some() {
            return Some(Err(Forbidden::OfCombined));
        }
        Some(self.turn(&order.key(), Turn::Close, now, |_| ()))
    }

    /// The payer pays: `Err(Expired)` if no ticket is open any more.
    pub(crate) fn pay(
        &mut self,
        key: &str,
        openid: Option<&str>,
        ticket: Option<&str>,
        now: Millis,
    ) -> Result<(), Forbidden> {
        let order = self.orders.get(key).ok_or(Forbidden::Unknown)?;
        order.state_at(now).after(Turn::Pay)?;
        let open = order.tickets.iter().any(|t| {
            let named = ticket.is_none_or(|name| t.prepay_id == name || t.code_url.as_deref() == Some(name));
            named && t.is_open(order.product, now)
        });
        if order.combine.is_none() && !open || order.deadline.is_some_and(|deadline| now >= deadline) {
            return Err(Forbidden::Expired);
        }
        self.settle_payment(key, openid, now)
    }

    pub(super) fn settle_payment(&mut self, key: &str, openid: Option<&str>, now: Millis) -> Result<(), Forbidden> {
        let order = self.orders.get(key).ok_or(Forbidden::Unknown)?;
        let payer = openid.map(str::to_owned).or_else(|| order.openid.clone());
        let day = wechatpay::time::beijing_date(instant(now)).replace('-', "");
        let paid = Paid {
            transaction_id: format!(
                "4200{}{day}{}",
                self.lots.digits(6, &["transaction", key]),
                self.lots.digits(10, &["transaction", key])
            ),
            at: now,
            openid: payer.unwrap_or_else(|| format!("o{}", self.lots.alphanumeric(27, &["payer", key]))),
            bank_type: "OTHERS".to_owned(),
        };
        self.transactions.insert(paid.transaction_id.clone(), key.to_owned());
        self.turn(key, Turn::Pay, now, |order| order.paid = Some(paid))
    }

    /// The only place that changes an order's state.
    pub(super) fn turn(
        &mut self,
        key: &str,
        turn: Turn,
        now: Millis,
        change: impl FnOnce(&mut Order),
    ) -> Result<(), Forbidden> {
        let order = self.orders.get_mut(key).ok_or(Forbidden::Unknown)?;
        order.state = order.state_at(now).after(turn)?;
        change(order);
        let order = order.clone();
        self.keep(Kind::Order, order.seq, &order);
        Ok(())
    }

    pub(super) fn put_order(&mut self, order: Order) {
        self.keep(Kind::Order, order.seq, &order);
        self.index_order(order);
    }

    pub(super) fn index_order(&mut self, order: Order) {
        let key = order.key();
        if order.combine.is_none() {
            for ticket in order.tickets() {
                self.tickets.insert(ticket, key.clone());
            }
        }
        if let Some(paid) = &order.paid {
            self.transactions.insert(paid.transaction_id.clone(), key.clone());
        }
        self.orders_by_age.insert(order.seq, key.clone());
        self.orders.insert(key, order);
    }
}
