//! Having a bill from WeChat Pay and deciding whether to believe it: asked for signed, downloaded, unfolded within
//! limits, hashed, read. Only a whole and genuine one leaves this file.

use super::facts::BillKind;
use crate::console::Desk;
use crate::gateway::GatewayError;
use crate::merchants::Profile;
use crate::problem;
use crate::store::{BillLineRow, StoreError};
use crate::wire::Problem;
use std::sync::Arc;
use wechatpay::api::bill::{
    self, AccountType, Bill, BillAt, BillError, BillType, Download, FundFlowBill, TradeBill, TradeLine,
};
use wechatpay::api::{BACKUP_GATEWAY, GATEWAY, Request};

/// A bill that is believed.
pub(super) struct Genuine {
    /// As it came: gzip, or plain.
    pub(super) file: Vec<u8>,
    pub(super) sha1: String,
    pub(super) bytes: u32,
    pub(super) lines: u32,
    pub(super) rows: Vec<BillLineRow>,
}

/// What WeChat Pay had to say.
pub(super) enum Had {
    Bill(Genuine),
    /// `NO_STATEMENT_EXIST`, with how people are told.
    None(Box<Problem>),
}

/// Fetches a day's bill. Both calls are kept as exchanges, whatever comes of them.
pub(super) async fn fetch(desk: &Desk, profile: &Arc<Profile>, kind: BillKind, day: &str) -> Result<Had, Problem> {
    let date = day.to_owned();
    let trade = TradeBill { date: date.clone(), kind: BillType::All, gzip: true };
    let flow = FundFlowBill { date, account: AccountType::Basic, gzip: true };
    let request = match kind {
        BillKind::Trade => trade.request()?,
        BillKind::Fundflow => flow.request()?,
    };
    let (told, exchange) = call(desk, profile, &request, |answer| match kind {
        BillKind::Trade => Ok(trade.answer(answer)?),
        BillKind::Fundflow => Ok(flow.answer(answer)?),
    })
    .await?;
    let at = match told {
        Ok(at) => at,
        Err(error) => {
            let none = matches!(&error, GatewayError::Refused { error, .. } if error.bare_code() == "NOSTATEMENTEXIST");
            let problem = desk.gateway_problem(&error, exchange);
            return if none { Ok(Had::None(Box::new(problem))) } else { Err(problem) };
        }
    };
    let download = Download { at: at.clone(), gzip: true };
    if !is_gateway(profile, download.origin().as_deref()) {
        return Err(elsewhere(&at.download_url));
    }
    let request = download.request()?;
    let (told, exchange) = call(desk, profile, &request, |answer| Ok(answer.body().to_vec())).await?;
    let file = told.map_err(|error| desk.gateway_problem(&error, exchange))?;
    let mchid = profile.mchid.to_string();
    let judged = tokio::task::spawn_blocking(move || judge(kind, &at, file, &mchid)).await;
    judged.unwrap_or_else(|broken| Err(StoreError::Other(broken.to_string()).into())).map(Had::Bill)
}

async fn call<T>(
    desk: &Desk,
    profile: &Arc<Profile>,
    request: &Request,
    read: impl FnOnce(&wechatpay::api::VerifiedAnswer) -> Result<T, GatewayError>,
) -> Result<(Result<T, GatewayError>, i64), Problem> {
    let asked = desk.ask(profile, request, None, |_| Ok(())).await?;
    let told = asked.outcome().map_err(Clone::clone).and_then(read);
    let exchange = desk.store.write(move |tx| asked.keep(tx)).await?;
    Ok((told, exchange))
}

/// The download is signed with the merchant's key: it goes to the gateway that gave the address, and nowhere else.
fn is_gateway(profile: &Profile, origin: Option<&str>) -> bool {
    let real = [GATEWAY, BACKUP_GATEWAY];
    origin.is_some_and(|origin| {
        let theirs = origin.trim_end_matches('/');
        let ours = profile.base_url.trim_end_matches('/');
        theirs == ours || (real.contains(&ours) && real.contains(&theirs))
    })
}

/// A file as it came, unfolded and checked against what was announced.
fn judge(kind: BillKind, at: &BillAt, file: Vec<u8>, mchid: &str) -> Result<Genuine, Problem> {
    let whole = unfolded(&file).map_err(of_bill)?;
    bill::check(&whole, &at.hash_value).map_err(of_bill)?;
    let read = bill::read(&whole).map_err(of_bill)?;
    let rows = match kind {
        BillKind::Trade => {
            let lines = read.trade_lines().map_err(of_bill)?;
            if let Some(other) = lines.iter().find(|line| line.mchid != mchid) {
                return Err(not_ours(&other.mchid, mchid));
            }
            lines.iter().map(row).collect()
        }
        BillKind::Fundflow => read.fund_flow_lines().map_err(of_bill).map(|_| Vec::new())?,
    };
    Ok(Genuine {
        sha1: at.hash_value.to_ascii_lowercase(),
        bytes: u32::try_from(whole.len()).unwrap_or(u32::MAX),
        lines: u32::try_from(read.rows.len()).unwrap_or(u32::MAX),
        rows,
        file,
    })
}

/// The uncompressed bytes of a file that is gzip or plain.
pub(super) fn unfolded(file: &[u8]) -> Result<Vec<u8>, BillError> {
    if file.starts_with(&[0x1f, 0x8b]) { bill::gunzip(file) } else { Ok(file.to_vec()) }
}

/// A kept trade bill, read again.
pub(super) fn reread(file: &[u8]) -> Result<(Bill, Vec<TradeLine>), Problem> {
    let read = unfolded(file).and_then(|whole| bill::read(&whole)).map_err(of_bill)?;
    let lines = read.trade_lines().map_err(of_bill)?;
    Ok((read, lines))
}

fn row(line: &TradeLine) -> BillLineRow {
    let refund = line.is_refund();
    BillLineRow {
        out_trade_no: line.out_trade_no.clone(),
        out_refund_no: refund.then(|| line.out_refund_no.clone()),
        at: line.time.clone(),
        state: if refund { format!("REFUND {}", line.refund_status) } else { line.trade_state.clone() },
        amount: if refund { line.refund_asked } else { line.total },
        fee: line.fee.clone(),
    }
}

/// Why a file is not believed.
pub(super) fn of_bill(error: BillError) -> Problem {
    let said = error.to_string();
    let (code, zh, en, hint_zh, hint_en) = match &error {
        BillError::Hash { .. } => (
            "BILL_ALTERED",
            "账单文件与微信支付公布的 SHA-1 不符：被截断或改动过，什么都没有保存。",
            "The bill's SHA-1 is not the one that WeChat Pay announced: it was cut or altered. Nothing was kept.",
            "重新下载；若一再出现，检查代理和网络设备。",
            "Fetch it again; if it goes on, look at proxies and what else stands in between.",
        ),
        BillError::TooLarge(_) => (
            "BILL_TOO_LARGE",
            "账单文件解压后过大，已拒绝，什么都没有保存。",
            "The bill unfolds to more than is allowed; it was refused and nothing was kept.",
            "正常的账单不会这样；检查 base_url，再从商户平台下载核对。",
            "No honest bill does this: look at base_url, and compare with a download from the merchant platform.",
        ),
        BillError::Gzip(_) => (
            "BILL_ALTERED",
            "账单文件解压失败：被截断或改动过，什么都没有保存。",
            "The bill can't be unfolded: it was cut or altered. Nothing was kept.",
            "重新下载；若一再出现，检查代理和网络设备。",
            "Fetch it again; if it goes on, look at proxies and what else stands in between.",
        ),
        BillError::Line { .. } | BillError::Answer(_) => (
            "BILL_UNREADABLE",
            "账单文件完整，但内容读不懂，什么都没有保存。",
            "The bill is whole, but its content is not understood. Nothing was kept.",
            "可能需要升级程序；原文可从商户平台下载。",
            "A newer version of the program may be needed; the merchant platform has the file.",
        ),
    };
    problem::new(code, zh, en, hint_zh, hint_en).with_why(said.clone(), said)
}

fn elsewhere(url: &str) -> Problem {
    let url = crate::visible(url, 120);
    problem::new(
        "BILL_ELSEWHERE",
        "账单的下载地址不在网关上，没有去下载。",
        "The bill is said to be at another host than the gateway's; it was not fetched.",
        "检查 base_url；下载请求带有商户签名，不会发给别的主机。",
        "Look at base_url; the download is signed with the merchant's key and is sent to no other host.",
    )
    .with_why(url.clone(), url)
}

fn not_ours(theirs: &str, ours: &str) -> Problem {
    let theirs = crate::visible(theirs, 32);
    problem::new(
        "BILL_NOT_OURS",
        format!("账单里是商户号 {theirs} 的交易，不是 {ours} 的，什么都没有保存。"),
        format!("The bill is about mchid {theirs}, not {ours}. Nothing was kept."),
        "检查所选的商户；服务商的账单不在这里对账。",
        "Check the merchant; a service provider's bill is not reconciled here.",
    )
}
