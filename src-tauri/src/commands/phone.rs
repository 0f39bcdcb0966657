//! The payer's phone beside a sandbox order: it scans or is handed pay params, and pays, cancels or fails.

use super::sandbox::refused;
use crate::host::Host;
use crate::problem::problem;
use guitai_console::wire::Problem;
use serde::Deserialize;
use specta::Type;
use tauri::State;
use wechatpay_sandbox::{PayCommand, PayOutcome, PhoneOrder, Sandbox};

/// What the phone is shown; the first that is there counts.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct Scan {
    /// The object given to `wx.requestPayment`, plus `appId`; checked as WeChat's client would.
    pub pay_params: Option<serde_json::Value>,
    /// From a prepay.
    pub prepay_id: Option<String>,
    /// From a Native prepay: what the QR code holds.
    pub code_url: Option<String>,
}

/// Shows what is to be paid, or what is wrong with the pay params.
#[tauri::command]
#[specta::specta]
pub async fn phone_scan(host: State<'_, Host>, scan: Scan) -> Result<PhoneOrder, Problem> {
    let sandbox = host.sandbox().await?;
    let key = checked(&sandbox, scan)?;
    sandbox.order_for_phone(&key).ok_or_else(unknown)
}

/// Pays, cancels or fails.
#[tauri::command]
#[specta::specta]
pub async fn phone_pay(
    host: State<'_, Host>,
    out_trade_no: String,
    outcome: PayOutcome,
) -> Result<serde_json::Value, Problem> {
    let command = PayCommand { out_trade_no: Some(out_trade_no), outcome, ..PayCommand::default() };
    host.sandbox().await?.pay(command).await.map_err(refused)
}

/// The prepay_id or code_url to look the order up by.
fn checked(sandbox: &Sandbox, scan: Scan) -> Result<String, Problem> {
    let Some(params) = scan.pay_params else {
        return scan.prepay_id.or(scan.code_url).ok_or_else(unknown);
    };
    let package = params.get("package").and_then(|package| package.as_str()).unwrap_or_default();
    let prepay_id = package.strip_prefix("prepay_id=").unwrap_or_default().to_owned();
    let verdict = sandbox.check_pay_params(params);
    if verdict.ok { Ok(prepay_id) } else { Err(params_refused(&verdict.err_msg, verdict.cause.as_deref())) }
}

fn params_refused(err_msg: &str, cause: Option<&str>) -> Problem {
    let why = cause.unwrap_or(err_msg);
    problem(
        "PAY_PARAMS_REFUSED",
        ("微信客户端拒绝了调起参数", "WeChat's client refuses these pay params"),
        Some((why, why)),
        ("用签名医生检查，或重新下单取参数", "Ask the signature doctor, or prepay again"),
    )
}

fn unknown() -> Problem {
    problem(
        "PHONE_ORDER_UNKNOWN",
        ("沙箱里没有这笔订单", "The sandbox doesn't know this order"),
        None,
        ("先下单（prepay），再用手机支付", "Prepay the order first, then pay it on the phone"),
    )
}
