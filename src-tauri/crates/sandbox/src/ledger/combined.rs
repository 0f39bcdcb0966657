//! Combined orders (合单, reference 10.1): several orders behind one prepay, paid and closed together or not at all. Its
//! parts are orders of the ledger that only this file pays and closes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wechatpay::time::beijing;

use super::order::{Draft, Forbidden, Order, Product, State, Ticket, Turn, describe};
use super::{Ledger, MOST_ORDERS, key};
use crate::clock::{Millis, instant};
use crate::store::Kind;

/// A combined order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Combined {
    pub(crate) seq: u64,
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) number: String,
    pub(crate) product: Product,
    pub(crate) notify_url: String,
    pub(crate) parameters: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    pub(crate) by_public_key: bool,
    pub(crate) tickets: Vec<Ticket>,
    /// Times that it was asked for.
    #[serde(default)]
    pub(crate) placed: u32,
    /// Keys of its parts.
    pub(crate) parts: Vec<String>,
}

impl Combined {
    pub(crate) fn key(&self) -> String {
        key(&self.mchid, &self.number)
    }

    pub(crate) fn tickets(&self) -> Vec<String> {
        self.tickets.iter().flat_map(|t| std::iter::once(t.prepay_id.clone()).chain(t.code_url.clone())).collect()
    }
}

impl Ledger {
    /// Finds a combined order.
    pub(crate) fn combined(&self, mchid: &str, number: &str) -> Option<&Combined> {
        self.combined.get(&key(mchid, number))
    }

    /// Finds a combined order by a key of this ledger.
    pub(crate) fn combined_at(&self, key: &str) -> Option<&Combined> {
        self.combined.get(key)
    }

    /// The parts of a combined order.
    pub(crate) fn parts<'a>(&'a self, combined: &'a Combined) -> impl Iterator<Item = &'a Order> {
        combined.parts.iter().filter_map(|key| self.order_at(key))
    }

    /// Places a combined order, or places it again.
    pub(crate) fn place_combined(
        &mut self,
        mut combined: Combined,
        drafts: Vec<Draft>,
        now: Millis,
    ) -> Result<Ticket, Forbidden> {
        let key = combined.key();
        if let Some(known) = self.combined.get(&key) {
            for part in self.parts(known) {
                part.state_at(now).after(Turn::PlaceAgain)?;
            }
            if known.parameters != combined.parameters || known.product != combined.product {
                return Err(Forbidden::Changed);
            }
            if self.parts(known).any(|part| part.deadline.is_some_and(|deadline| now >= deadline)) {
                return Err(Forbidden::Closed);
            }
            combined = Combined { by_public_key: combined.by_public_key, ..known.clone() };
        } else {
            // one number, one order: a combined order's number is taken for single ones, and the other way round
            if self.orders.contains_key(&key) || drafts.iter().any(|d| super::key(&d.mchid, &d.out_trade_no) == key) {
                return Err(Forbidden::Changed);
            }
            if drafts.iter().any(|d| self.order(&d.mchid, &d.out_trade_no).is_some()) {
                return Err(Forbidden::Changed);
            }
            combined.seq = self.next_seq();
            for draft in drafts {
                let seq = self.next_seq();
                let mut order = Order::new(draft, now, seq);
                order.combine = Some(combined.number.clone());
                combined.parts.push(order.key());
                self.put_order(order);
            }
        }
        let ticket = Ticket::make(combined.product, now, self.lots, &key, combined.placed);
        combined.placed = combined.placed.saturating_add(1);
        for old in self.combined.get(&key).map(Combined::tickets).unwrap_or_default() {
            self.tickets.remove(&old);
        }
        combined.tickets = vec![ticket.clone()];
        self.keep(Kind::Combined, combined.seq, &combined);
        self.index_combined(combined);
        self.trim_orders(MOST_ORDERS);
        Ok(ticket)
    }

    /// The payer pays all parts.
    pub(crate) fn pay_combined(&mut self, key: &str, openid: Option<&str>, now: Millis) -> Result<(), Forbidden> {
        let combined = self.combined.get(key).ok_or(Forbidden::Unknown)?.clone();
        for part in self.parts(&combined) {
            part.state_at(now).after(Turn::Pay)?;
            if part.deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Forbidden::Expired);
            }
        }
        if !combined.tickets.iter().any(|t| t.is_open(combined.product, now)) {
            return Err(Forbidden::Expired);
        }
        for part in &combined.parts {
            self.settle_payment(part, openid, now)?;
        }
        Ok(())
    }

    /// Closes all parts; `numbers` (mchid, out_trade_no) must be exactly those of the prepay.
    pub(crate) fn close_combined(
        &mut self,
        key: &str,
        numbers: &[(String, String)],
        now: Millis,
    ) -> Result<(), Forbidden> {
        let combined = self.combined.get(key).ok_or(Forbidden::Unknown)?.clone();
        let mut named: Vec<String> = numbers.iter().map(|(mchid, no)| super::key(mchid, no)).collect();
        let mut parts = combined.parts.clone();
        named.sort();
        parts.sort();
        if named != parts {
            return Err(Forbidden::Changed);
        }
        for part in self.parts(&combined) {
            part.state_at(now).after(Turn::Close)?;
        }
        for part in &combined.parts {
            self.turn(part, Turn::Close, now, |_| ())?;
        }
        Ok(())
    }

    /// The object of its query and of its notification.
    pub(crate) fn combined_object(&self, combined: &Combined, now: Millis) -> Value {
        let mut openid = None;
        let parts: Vec<Value> = self
            .parts(combined)
            .map(|part| {
                if let Some(paid) = &part.paid {
                    openid = Some(paid.openid.clone());
                }
                part_object(part, now)
            })
            .collect();
        let mut out = Map::new();
        out.insert("combine_appid".into(), json!(combined.appid));
        out.insert("combine_mchid".into(), json!(combined.mchid));
        out.insert("combine_out_trade_no".into(), json!(combined.number));
        if let Some(device_id) = &combined.device_id {
            out.insert("scene_info".into(), json!({ "device_id": device_id }));
        }
        out.insert("sub_orders".into(), Value::Array(parts));
        if let Some(openid) = openid {
            out.insert("combine_payer_info".into(), json!({ "openid": openid }));
        }
        Value::Object(out)
    }
}

fn part_object(part: &Order, now: Millis) -> Value {
    let state = part.state_at(now);
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    put("mchid", json!(part.mchid));
    if let Some(paid) = &part.paid {
        put("trade_type", json!(part.product.trade_type()));
        put("transaction_id", json!(paid.transaction_id));
    }
    put("trade_state", json!(if state == State::Refund { State::Success } else { state }.word()));
    if part.paid.is_none() {
        put("trade_state_desc", json!(describe(state)));
    }
    put("out_trade_no", json!(part.out_trade_no));
    let mut amount = json!({ "total_amount": part.total, "currency": "CNY" });
    if let Some(paid) = &part.paid {
        put("bank_type", json!(paid.bank_type));
        if let Some(attach) = &part.attach {
            put("attach", json!(attach));
        }
        put("success_time", json!(beijing(instant(paid.at))));
        amount = json!({ "total_amount": part.total, "payer_amount": part.total, "currency": "CNY", "payer_currency": "CNY" });
    }
    put("amount", amount);
    Value::Object(out)
}
