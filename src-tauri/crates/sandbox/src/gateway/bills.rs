//! Bills: applied for, then fetched by a token (reference 9).

use std::collections::VecDeque;
use std::io::Write as _;

use guitai_door::Request;
use serde_json::json;
use sha1::Digest as _;

use super::fields::{missing_in, wrong_form};
use super::{Books, Caller, Granted, Refused, query_value};
use crate::clock::{self, Millis, instant};
use crate::ledger::{BillFault, BillKind, bill};

/// A download_url lives this long.
const TOKEN_LIFE: Millis = 5 * 60_000;
/// Files kept for download.
const MOST_FILES: usize = 32;
/// Bills go back this far.
const MOST_DAYS_BACK: i64 = 92;

/// Bytes of a bill that is a bomb.
const BOMB: usize = 64 * 1024 * 1024;

struct Waiting {
    token: String,
    mchid: String,
    bytes: Vec<u8>,
    gzip: bool,
    /// Unfolds to more than any bill: the bytes are gzip already.
    bomb: bool,
    until: Millis,
}

/// Files that wait for their download.
#[derive(Default)]
pub(crate) struct BillFiles {
    waiting: VecDeque<Waiting>,
    /// What is wrong with the bills that are applied for from now on.
    pub(crate) faults: Vec<BillFault>,
}

/// What is handed out in place of a true bill of which the SHA-1 was told.
fn spoilt(faults: &[BillFault], mut bytes: Vec<u8>) -> Vec<u8> {
    for fault in faults {
        match fault {
            BillFault::Cut => bytes.truncate(bytes.len() / 2),
            // the first digit of an amount of money in the first line
            BillFault::Altered => {
                let digit = bytes.windows(2).position(|at| at[1] == b'.' && at[0].is_ascii_digit());
                if let Some(at) = digit {
                    bytes[at] = if bytes[at] == b'9' { b'1' } else { bytes[at] + 1 };
                }
            }
            BillFault::Bomb | BillFault::Missing { .. } | BillFault::Amount { .. } => {}
        }
    }
    bytes
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).and_then(|()| packed.finish()).map_err(|_| Refused::system_error())
}

/// Applies for a trade bill.
pub(super) fn trade(request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let kind = match query_value(request, "bill_type").unwrap_or_default().as_str() {
        "" | "ALL" => BillKind::All,
        "SUCCESS" => BillKind::Success,
        "REFUND" => BillKind::Refund,
        other => return Err(wrong_form("query", "/bill_type", "账单类型", other)),
    };
    apply(kind, request, caller, books)
}

/// Applies for a fund-flow bill. Only the basic account has movements here.
pub(super) fn fund_flow(request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    match query_value(request, "account_type").unwrap_or_default().as_str() {
        "" | "BASIC" => apply(BillKind::FundFlow, request, caller, books),
        "OPERATION" | "FEES" => Err(no_statement()),
        other => Err(wrong_form("query", "/account_type", "资金账户类型", other)),
    }
}

fn no_statement() -> Refused {
    Refused::new(400, "NO_STATEMENT_EXIST", "账单文件不存在", "There is no such bill")
}

fn apply(kind: BillKind, request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let text = query_value(request, "bill_date").ok_or_else(|| missing_in("query", "/bill_date", "账单日期"))?;
    let wrong = || wrong_form("query", "/bill_date", "账单日期", &text);
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    if day.to_string() != text {
        return Err(wrong());
    }
    let gzip = match query_value(request, "tar_type").unwrap_or_default().as_str() {
        "" => false,
        "GZIP" => true,
        other => return Err(wrong_form("query", "/tar_type", "压缩类型", other)),
    };
    let beijing = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    let ready = day
        .tomorrow()
        .ok()
        .and_then(|next| next.at(10, 0, 0, 0).to_zoned_datetime(beijing.clone()).ok())
        .ok_or_else(wrong)?;
    let today = instant(books.now).to_zoned_datetime(beijing).date();
    let oldest = today.checked_sub(jiff::Span::new().days(MOST_DAYS_BACK)).map_err(|_| wrong())?;
    if day < oldest {
        return Err(Refused::param(
            "仅支持三个月内的账单下载申请",
            "Only bills of the last three months are to be had",
        ));
    }
    if books.now < ready.timestamp().as_millisecond() {
        return Err(no_statement());
    }
    let faults = &books.files.faults;
    let bytes = bill(books.ledger, &caller.merchant.mchid, &text, kind, faults).ok_or_else(no_statement)?;
    let bomb = faults.contains(&BillFault::Bomb);
    let bytes = if bomb { vec![b'`'; BOMB] } else { bytes };
    let hash: String = sha1::Sha1::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let bytes = if bomb { packed(&bytes)? } else { spoilt(faults, bytes) };
    let token = clock::alphanumeric(64);
    let base = match (&request.via, request.header("Host")) {
        (Some(origin), _) => origin.to_string(),
        (None, Some(host)) => format!("http://{host}"),
        (None, None) => return Err(Refused::param("HTTP header缺少Host", "The header Host is missing")),
    };
    let files = &mut books.files.waiting;
    if files.len() >= MOST_FILES {
        files.pop_front();
    }
    files.push_back(Waiting {
        token: token.clone(),
        mchid: caller.merchant.mchid.clone(),
        bytes,
        gzip: gzip || bomb,
        bomb,
        until: books.now.saturating_add(TOKEN_LIFE),
    });
    Ok(Granted::json(&json!({
        "hash_type": "SHA1",
        "hash_value": hash,
        "download_url": format!("{base}/v3/billdownload/file?token={token}"),
    })))
}

/// Hands out a file.
pub(super) fn file(request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    let token = query_value(request, "token").ok_or_else(|| missing_in("query", "/token", "下载令牌"))?;
    let expired = || {
        Refused::invalid("下载链接已失效，请重新申请账单", "The download link has expired, apply for the bill again")
    };
    let found = books.files.waiting.iter().find(|f| f.token == token).ok_or_else(expired)?;
    if found.mchid != caller.merchant.mchid {
        return Err(Refused::new(403, "NO_AUTH", "商户无权限", "The merchant has no permission"));
    }
    if books.now >= found.until {
        return Err(expired());
    }
    if !found.gzip {
        return Ok(Granted::File { bytes: found.bytes.clone(), content_type: "text/plain; charset=utf-8" });
    }
    let bytes = if found.bomb { found.bytes.clone() } else { packed(&found.bytes)? };
    Ok(Granted::File { bytes, content_type: "application/x-gzip" })
}
