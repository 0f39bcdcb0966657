//! `/_sandbox/*`: JSON controls for test code. Not part of WeChat Pay, and never to be had from another machine.
//!
//! | control | body → answer |
//! |---|---|
//! | `POST payments` | [`PayCommand`] → the transaction object |
//! | `POST pay-params` | what `wx.requestPayment` takes, plus `appId` → `{"ok","err_msg","cause"?}` |
//! | `GET notifications`, `POST notifications/{id}/redeliver` | list; `{"fault"}` → the attempt |
//! | `GET\|POST clock` | `{"advance_seconds"?,"rate"?}` → both clocks; `rate`: 1, 60 times as fast and so on, 0 holds it |
//! | `GET\|POST faults` | the gateway's misbehaviour for API calls; a POST replaces the list |
//! | `POST faults/plant`, `POST faults/pull` | one rule more; `{"method"?,"path"?,"body_contains"?}`: the rules that match this go |
//! | `GET\|POST callback-faults` | what is wrong with notifications of the ladder: the next `times`, a `share` by `seed`, one `out_trade_no` |
//! | `GET\|POST bill-faults` | [`BillFault`](crate::BillFault)s: bills that are cut, altered, a bomb, or say something else; a POST replaces the list |
//! | `GET\|POST switches` | [`Switches`](crate::Switches); a POST changes what it names |
//! | `POST certificates`, `DELETE certificates/{serial_no}` | `{"mchid"?}` → one more platform certificate; ends one |
//! | `POST login-codes` | `{"name"?}` → `{"js_code"}` for `jscode2session` |
//! | `GET errors` | every error of the gateway, and how to provoke it |
//! | `GET requests` | the newest 500 requests, newest first; `?after=ID`: those since |
//! | `POST reset` | forgets orders, notifications and faults; keeps keys, clock and switches |

use bytes::Bytes;
use guitai_door::{Answer, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::{ApiFault, CallbackFault, RedeliverFault};
use crate::ledger::BillFault;
use crate::phone;
use crate::sandbox::{Control, kept};
use crate::views::{ControlError, PayCommand};

const JSON: &str = "application/json; charset=utf-8";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(default)]
    advance_seconds: Option<u64>,
    #[serde(default)]
    rate: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Redeliver {
    #[serde(default)]
    fault: Option<RedeliverFault>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct OfMerchant {
    #[serde(default)]
    mchid: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    name: Option<String>,
}

/// Serves one control.
pub(crate) async fn serve(control: &Control, request: &Request) -> Answer {
    match answer(control, request).await {
        Ok(Value::Null) => Answer::empty(204),
        Ok(value) => Answer::full(200, JSON, Bytes::from(value.to_string())),
        Err(error) => {
            let body = json!({ "error": { "code": error.code, "message": error.message } });
            Answer::full(error.status, JSON, Bytes::from(body.to_string()))
        }
    }
}

async fn answer(control: &Control, request: &Request) -> Result<Value, ControlError> {
    let office = &control.office;
    let parts: Vec<&str> = request.path().split('/').skip(2).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["payments"]) => control.pay(read::<PayCommand>(request)?).await,
        ("POST", ["pay-params"]) => json_of(&phone::check(office, &read::<Value>(request)?)),
        ("GET", ["notifications"]) => json_of(&control.notifications()),
        ("POST", ["notifications", id, "redeliver"]) => {
            let wanted: Redeliver = read_or_default(request)?;
            json_of(&control.redeliver(id, wanted.fault).await?)
        }
        ("GET", ["clock"]) => json_of(&control.clock()),
        ("POST", ["clock"]) => {
            let Advance { advance_seconds, rate } = read(request)?;
            if advance_seconds.is_none() && rate.is_none() {
                let message = "name advance_seconds, rate or both";
                return Err(ControlError::new(400, "INVALID_BODY", message));
            }
            if let Some(rate) = rate {
                control.set_rate(rate).await?;
            }
            json_of(&control.advance(advance_seconds.unwrap_or(0)).await?)
        }
        ("GET", ["faults"]) => json_of(&office.api_faults()),
        ("POST", ["faults"]) => json_of(&office.set_api_faults(read::<Vec<ApiFault>>(request)?)?),
        ("POST", ["faults", "plant"]) => office.plant_api_fault(read(request)?).map(|()| Value::Null),
        ("POST", ["faults", "pull"]) => {
            office.pull_api_fault(&read(request)?);
            Ok(Value::Null)
        }
        ("GET", ["callback-faults"]) => json_of(&office.callback_faults()),
        ("POST", ["callback-faults"]) => json_of(&office.set_callback_faults(read::<Vec<CallbackFault>>(request)?)?),
        ("GET", ["bill-faults"]) => json_of(&office.bill_faults()),
        ("POST", ["bill-faults"]) => json_of(&office.set_bill_faults(read::<Vec<BillFault>>(request)?)?),
        ("GET", ["switches"]) => json_of(&*office.switches()),
        ("POST", ["switches"]) => json_of(&control.set_switches(&read::<Value>(request)?).await?),
        ("POST", ["certificates"]) => {
            let wanted: OfMerchant = read_or_default(request)?;
            control.add_certificate(wanted.mchid.as_deref()).await
        }
        ("DELETE", ["certificates", serial]) => control.end_certificate(serial).map(|()| Value::Null),
        ("POST", ["login-codes"]) => {
            let wanted: Named = read_or_default(request)?;
            Ok(Control::login_code(wanted.name.as_deref()))
        }
        ("GET", ["errors"]) => json_of(&crate::errors()),
        ("GET", ["requests"]) => {
            let after = request.query().and_then(|q| q.strip_prefix("after=")).and_then(|id| id.parse().ok());
            json_of(&office.requests_after(after.unwrap_or(0)))
        }
        ("POST", ["reset"]) => kept(office.reset()).await.map(|()| Value::Null),
        (
            _,
            [
                "payments" | "pay-params" | "notifications" | "clock" | "faults" | "callback-faults" | "bill-faults"
                | "switches" | "certificates" | "login-codes" | "requests" | "errors" | "reset",
                ..,
            ],
        ) => Err(ControlError::new(405, "METHOD_NOT_ALLOWED", "this control has no such method")),
        _ => Err(ControlError::new(404, "NO_SUCH_CONTROL", "the sandbox has no such control")),
    }
}

fn json_of(value: &impl Serialize) -> Result<Value, ControlError> {
    serde_json::to_value(value).map_err(|e| ControlError::new(500, "INTERNAL", e.to_string()))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, ControlError> {
    serde_json::from_slice(&request.body).map_err(|e| ControlError::new(400, "INVALID_BODY", format!("the body: {e}")))
}

fn read_or_default<T: DeserializeOwned + Default>(request: &Request) -> Result<T, ControlError> {
    if request.body.is_empty() { Ok(T::default()) } else { read(request) }
}
