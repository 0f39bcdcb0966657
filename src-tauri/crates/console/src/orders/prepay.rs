//! Prepay and pay params: the number is committed before WeChat Pay hears it, and after an unknown outcome it is asked
//! again with the same parameters, never a new one.

use super::apply::{self, Taken};
use super::asking::Asked;
use super::combine::combined;
use super::show::shown;
use super::state::News;
use super::{fields_of, kept, notify_url};
use crate::console::{Console, seconds_before};
use crate::gateway::GatewayError;
use crate::journal::{Kind, Line, Source};
use crate::merchants::Profile;
use crate::patrol;
use crate::problem;
use crate::store::{Handle, OrderRow, StoreError};
use crate::wire::{Prepaid, PrepayInput, Problem, Via};
use std::sync::Arc;
use wechatpay::api::fields::PrepayFields;
use wechatpay::api::prepay::{Prepaid as Given, Prepay, Product};
use wechatpay::error::FieldError;
use wechatpay::ids::{Appid, Mchid, Openid, OutTradeNo, PrepayId};

/// `prepay_id` and `code_url` live for 2 h, `h5_url` for 5 min.
pub(super) const HANDLE_SECONDS: i64 = 2 * 3_600;
pub(super) const H5_SECONDS: i64 = 5 * 60;
/// Who pays at a sandbox is on this machine.
pub(super) const SANDBOX_PAYER: &str = "127.0.0.1";

impl Console {
    /// Asks WeChat Pay to take the order: it becomes `NOTPAY` and gets a prepay_id, code_url or h5_url. Asking again is
    /// safe: the same number with the same parameters.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, `ORDER_NOT_OPEN` (paid or closed), `INVALID_FIELD` (no openid for JSAPI, no notify_url),
    /// `LIVE_READ_ONLY`; WeChat Pay's own codes; after an unknown outcome the order says so and the same call is
    /// right again.
    pub async fn order_prepay(&self, m: Option<&str>, out_trade_no: &str, via: Via) -> Result<Prepaid, Problem> {
        self.order_prepay_with(m, out_trade_no, via, PrepayInput::default()).await
    }

    /// The same with what is known only now, as `scene_info.payer_client_ip` (needed for H5 with a live merchant) or
    /// another appid. It joins what the order says and stays with it.
    ///
    /// # Errors
    /// As [`Console::order_prepay`]; `INVALID_FIELD` for a field that is none, breaks its rule, or says something else
    /// than the call that went out before: a repeated number must be sent with the same parameters.
    pub async fn order_prepay_with(
        &self,
        m: Option<&str>,
        out_trade_no: &str,
        via: Via,
        input: PrepayInput,
    ) -> Result<Prepaid, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let mut order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        if !order.state.is_open() {
            return Err(not_open(&order));
        }
        if order.combine_out_trade_no.is_some() {
            return Err(combined(&order));
        }
        let fields = joined(&order, input.fields)?;
        if let Some(named) = input.appid.filter(|named| !named.is_empty() && *named != order.appid) {
            let appid = profile.own_appid(Some(&named))?;
            if was_sent(&order) {
                return Err(changed_parameter("appid", &named).into());
            }
            order.appid = appid.to_string();
        }
        let call = call(&profile, &order, &fields, via)?;
        let request = call.request()?;
        let (id, now, fields, appid) = (order.id, self.desk.outside.now(), kept(&fields)?, order.appid.clone());
        let soon = patrol::next(now, now, 1);
        let before = move |tx: &crate::store::Tx<'_>| {
            tx.order_about_to_ask(id, via, &appid, fields.as_deref(), now)?;
            // killed before the answer: the patrol asks what became of it
            tx.order_set_patrol(id, soon, 1)?;
            Ok(())
        };
        let asked = self.desk.ask(&profile, &request, Some(&order), before).await?;
        match asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(call.answer(answer)?)) {
            Ok(given) => self.accepted(&order, via, given, asked).await,
            Err(error) => Err(self.not_accepted(m, &order, error, asked).await?),
        }
    }

    async fn accepted(&self, order: &OrderRow, via: Via, given: Given, asked: Arc<Asked>) -> Result<Prepaid, Problem> {
        let now = self.desk.outside.now();
        let seconds = if via == Via::H5 { H5_SECONDS } else { HANDLE_SECONDS };
        let handle = handle_of(given);
        let (id, kept) = (order.id, handle.clone());
        let row = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                let mut order = tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))?;
                tx.order_set_handle(id, via, &kept, seconds_before(now, -seconds), now)?;
                // a callback may have been faster than this answer: then the state stays where the payment put it
                let taken = apply::take_turn(tx, &mut order, News::Prepaid, Source::Exchange(exchange), now)?;
                if let Taken::Contrary { detail, .. } = taken {
                    tx.journal_write(id, now, &Line::new(Kind::Held).detail(detail).exchange(exchange))?;
                }
                if order.state.is_open() {
                    tx.order_set_patrol(id, patrol::next(now, now, 0), 0)?;
                }
                let told = kept.prepay_id.clone().or(kept.code_url.clone()).or(kept.h5_url.clone());
                let line = Line::new(Kind::Prepay).state(order.state).amount(order.total).exchange(exchange);
                tx.journal_write(id, now, &line.detail(told.unwrap_or_default()))?;
                tx.order_at(id)?.ok_or_else(|| StoreError::Other("the order is gone".to_owned()))
            })
            .await
            .map_err(Problem::from)?;
        self.desk.tell([super::changed(&row)]);
        self.desk.patrol.wake();
        let Handle { prepay_id, code_url, h5_url } = handle;
        Ok(Prepaid { prepay_id, code_url, h5_url, order: shown(&row) })
    }

    /// Keeps what came instead, and says it.
    async fn not_accepted(
        &self,
        m: Option<&str>,
        order: &OrderRow,
        error: GatewayError,
        asked: Arc<Asked>,
    ) -> Result<Problem, Problem> {
        let (id, now, unknown) = (order.id, self.desk.outside.now(), error.outcome_is_unknown());
        let (before, prepaid) = (order.unknown_since, order.prepaid_at.is_some());
        let code = code_of(&error);
        let said = code.clone();
        let exchange = self
            .desk
            .store
            .write(move |tx| {
                let exchange = asked.keep(tx)?;
                if unknown {
                    tx.order_set_unknown(id, Some(now))?;
                } else {
                    // refused or never sent: an earlier unknown outcome is still unknown
                    tx.order_set_unknown(id, before)?;
                    if !prepaid && before.is_none() {
                        tx.order_set_patrol(id, None, 0)?;
                    }
                }
                let kind = if unknown { Kind::PrepayUnknown } else { Kind::PrepayRefused };
                tx.journal_write(id, now, &Line::new(kind).detail(said.clone()).exchange(exchange))?;
                Ok::<_, StoreError>(exchange)
            })
            .await?;
        if unknown {
            self.desk.patrol.wake();
        }
        let row = self.order_row(&order.mchid, &order.out_trade_no).await?;
        self.desk.tell([super::changed(&row)]);
        if matches!(code.as_str(), "ORDERPAID" | "ORDER_PAID" | "ORDER_CLOSED" | "ORDERCLOSED") {
            // WeChat Pay knows more than we do: ask what
            let _ = self.order_query(m, &order.out_trade_no).await;
        }
        Ok(self.desk.gateway_problem(&error, exchange))
    }

    /// Signs what `wx.requestPayment` takes (or, for an App prepay, what the App SDK takes), with a fresh time stamp and
    /// nonce each time.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, `ORDER_NOT_OPEN`, `NO_JSAPI_PREPAY` (none yet, or by another product), `PREPAY_EXPIRED`.
    pub async fn pay_params(&self, m: Option<&str>, out_trade_no: &str) -> Result<serde_json::Value, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let order = self.order_row(profile.mchid.as_str(), out_trade_no).await?;
        if !order.state.is_open() {
            return Err(not_open(&order));
        }
        let now = self.desk.outside.now();
        let prepay_id = match (order.via, order.prepay_id.as_deref()) {
            (Some(Via::Jsapi | Via::App), Some(id)) => PrepayId::parse(id)?,
            _ => return Err(no_jsapi(&order)),
        };
        if order.url_expires_at.is_some_and(|until| until <= now) {
            return Err(expired(&order));
        }
        let appid = Appid::parse(&order.appid)?;
        let nonce = self.desk.outside.nonce();
        let written = if order.via == Some(Via::App) {
            serde_json::to_value(profile.signer.pay_params_app(&appid, &prepay_id, now.as_second(), &nonce))
        } else {
            let mut params = profile.signer.pay_params_jsapi(&appid, &prepay_id, now.as_second(), &nonce);
            // it is in the signed text, but wx.requestPayment doesn't take it
            params.app_id = None;
            serde_json::to_value(params)
        };
        let params = written.map_err(|error| StoreError::Other(error.to_string()))?;
        let (id, detail) = (order.id, prepay_id.to_string());
        let line = move |tx: &crate::store::Tx<'_>| {
            tx.journal_write(id, now, &Line::new(Kind::PayParams).detail(detail.clone()))
        };
        self.desk.store.write(line).await?;
        self.desk.tell([super::changed(&order)]);
        Ok(params)
    }
}

/// The order's fields with what is said now. Once WeChat Pay heard the number, nothing may be said differently.
fn joined(order: &OrderRow, now: Option<serde_json::Value>) -> Result<PrepayFields, FieldError> {
    joined_fields(order.fields.as_deref(), now, Some(order))
}

/// Fields that are kept with what is said now; `order` tells what was sent, and what is set with the order itself.
pub(super) fn joined_fields(
    kept: Option<&str>,
    now: Option<serde_json::Value>,
    order: Option<&OrderRow>,
) -> Result<PrepayFields, FieldError> {
    let old = kept.map(serde_json::from_str).transpose();
    let old = old.map_err(|error| FieldError::new("fields", "json", "", error.to_string(), error.to_string()))?;
    let (old, mut now) = (fields_of(old)?, fields_of(now)?);
    let attach = order.and_then(|order| order.attach.as_ref());
    if let Some(other) = now.take_attach().filter(|said| attach != Some(said)) {
        let (en, zh) = ("is set when the order is made", "只能在创建订单时设置");
        return Err(FieldError::new("attach", "at_creation", &other, en, zh));
    }
    let joined = old.clone().with(now.clone());
    if joined != old && order.is_some_and(was_sent) {
        return Err(changed_parameter("fields", &serde_json::to_string(&now).unwrap_or_default()));
    }
    Ok(joined)
}

/// What a prepay gave, as rows keep it.
pub(super) fn handle_of(given: Given) -> Handle {
    match given {
        Given::PrepayId(id) => Handle { prepay_id: Some(id.to_string()), ..Handle::default() },
        Given::CodeUrl(url) => Handle { code_url: Some(url), ..Handle::default() },
        Given::H5Url(url) => Handle { h5_url: Some(url), ..Handle::default() },
    }
}

/// May WeChat Pay know this number already?
fn was_sent(order: &OrderRow) -> bool {
    order.prepaid_at.is_some() || order.unknown_since.is_some()
}

fn changed_parameter(field: &str, said: &str) -> FieldError {
    FieldError::new(
        field,
        "same_as_before",
        said,
        "differs from what was sent under this number before; a number is only sent again with the same parameters",
        "与该订单号上次发送的参数不同；同一订单号只能以相同参数重发",
    )
}

pub(super) fn product(via: Via) -> Product {
    match via {
        Via::Jsapi => Product::Jsapi,
        Via::Native => Product::Native,
        Via::App => Product::App,
        Via::H5 => Product::H5,
    }
}

/// The same call for the same order and product, byte for byte: nothing in it depends on when it is made.
fn call(profile: &Profile, order: &OrderRow, fields: &PrepayFields, via: Via) -> Result<Prepay, FieldError> {
    let url = order.notify_url.as_deref().or(profile.notify_url.as_ref().map(|url| url.as_str())).ok_or_else(|| {
        FieldError::new(
            "notify_url",
            "required",
            "",
            "is needed: neither the order nor the merchant has one",
            "不能为空：订单和商户都没有设置回调地址",
        )
    })?;
    let mut call = Prepay::new(
        product(via),
        Appid::parse(&order.appid)?,
        Mchid::parse(&order.mchid)?,
        OutTradeNo::parse(&order.out_trade_no)?,
        order.description.clone(),
        notify_url(profile, url)?,
        order.total,
    );
    call.attach.clone_from(&order.attach);
    if let (Via::Jsapi, Some(openid)) = (via, &order.openid) {
        call = call.openid(Openid::parse(openid)?);
    }
    // WeChat Pay takes H5 only with the payer's own address; a sandbox's payer is here
    let fields = match via {
        Via::H5 => fields.clone().with_scene(profile.sandbox.then_some(SANDBOX_PAYER), true),
        Via::Jsapi | Via::Native | Via::App => fields.clone(),
    };
    fields.apply(&mut call)?;
    Ok(call)
}

/// WeChat Pay's code, or a word of ours.
pub(super) fn code_of(error: &GatewayError) -> String {
    match error {
        GatewayError::Refused { error, .. } => error.bare_code(),
        other => GatewayError::word::<()>(&Err(other.clone())).to_owned(),
    }
}

/// Paid, refunded or closed already.
pub(super) fn not_open(order: &OrderRow) -> Problem {
    let (no, state) = (&order.out_trade_no, order.state.as_str());
    problem::new(
        "ORDER_NOT_OPEN",
        format!("订单 {no} 的状态是 {state}，不能再支付或关闭。"),
        format!("The order {no} is {state} and can't be paid or closed any more."),
        "要再次收款，请新建订单。",
        "Make a new order to take money again.",
    )
}

fn no_jsapi(order: &OrderRow) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "NO_JSAPI_PREPAY",
        format!("订单 {no} 还没有 JSAPI 的 prepay_id，无法生成调起支付参数。"),
        format!("The order {no} has no prepay_id of a JSAPI prepay, so there are no pay params."),
        "先以 JSAPI 下单（order prepay --via jsapi）。",
        "Prepay it by JSAPI first (order prepay --via jsapi).",
    )
}

fn expired(order: &OrderRow) -> Problem {
    let no = &order.out_trade_no;
    problem::new(
        "PREPAY_EXPIRED",
        format!("订单 {no} 的 prepay_id 已过 2 小时有效期。"),
        format!("The prepay_id of the order {no} is older than its 2 hours."),
        "用同一订单号重新下单，会得到新的 prepay_id。",
        "Prepay the same number again; it gives a fresh one.",
    )
}
