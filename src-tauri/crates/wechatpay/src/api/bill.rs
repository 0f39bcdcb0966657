//! Bills (reference 9): asking for one, downloading it with its SHA-1 over the uncompressed bytes, reading its lines.
//! Amounts in bills are yuan; they become [`Fen`] here and never a float.

use std::io::Read;

use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::api::{AnswerError, Request, VerifiedAnswer};
use crate::error::FieldError;
use crate::money::Fen;

/// An uncompressed bill may have at most this many bytes…
pub const BILL_LIMIT: u64 = 256 * 1024 * 1024;
/// …and at most this many times its compressed size: a gzip bomb is refused before it unfolds.
pub const RATIO_LIMIT: u64 = 200;

/// Which lines a trade bill holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillType {
    /// Payments and refunds.
    All,
    /// Payments.
    Success,
    /// Refunds.
    Refund,
}

/// Which account a fund-flow bill is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountType {
    /// 基本账户
    Basic,
    /// 运营账户
    Operation,
    /// 手续费账户
    Fees,
}

/// Asks for a trade bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeBill {
    /// `YYYY-MM-DD`, a day in Beijing time; from 10:00 of the next day on, for 3 months.
    pub date: String,
    /// Which lines.
    pub kind: BillType,
    /// Compressed.
    pub gzip: bool,
}

/// Asks for a fund-flow bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundFlowBill {
    /// As for trade bills.
    pub date: String,
    /// Which account.
    pub account: AccountType,
    /// Compressed.
    pub gzip: bool,
}

/// Where a bill is to be had, and its SHA-1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BillAt {
    /// `SHA1`.
    pub hash_type: String,
    /// 40 hex digits, over the uncompressed bytes.
    pub hash_value: String,
    /// Lives for 5 minutes; use it as given.
    pub download_url: String,
}

fn date(text: &str) -> Result<(), FieldError> {
    let wrong = || FieldError::new("bill_date", "date", text, "must be a day as YYYY-MM-DD", "须为 YYYY-MM-DD 格式的日期");
    if text.len() != 10 { Err(wrong()) } else { text.parse::<jiff::civil::Date>().map(drop).map_err(|_| wrong()) }
}

impl TradeBill {
    /// The HTTP request.
    ///
    /// # Errors
    /// The date.
    pub fn request(&self) -> Result<Request, FieldError> {
        date(&self.date)?;
        let kind = match self.kind {
            BillType::All => "ALL",
            BillType::Success => "SUCCESS",
            BillType::Refund => "REFUND",
        };
        let tar = if self.gzip { "&tar_type=GZIP" } else { "" };
        Ok(Request::get(format!("/v3/bill/tradebill?bill_date={}&bill_type={kind}{tar}", self.date), "bill"))
    }

    /// Where it is.
    ///
    /// # Errors
    /// Not understood.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<BillAt, AnswerError> {
        answer.read()
    }
}

impl FundFlowBill {
    /// The HTTP request.
    ///
    /// # Errors
    /// The date.
    pub fn request(&self) -> Result<Request, FieldError> {
        date(&self.date)?;
        let account = match self.account {
            AccountType::Basic => "BASIC",
            AccountType::Operation => "OPERATION",
            AccountType::Fees => "FEES",
        };
        let tar = if self.gzip { "&tar_type=GZIP" } else { "" };
        Ok(Request::get(format!("/v3/bill/fundflowbill?bill_date={}&account_type={account}{tar}", self.date), "bill"))
    }

    /// Where it is.
    ///
    /// # Errors
    /// Not understood.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<BillAt, AnswerError> {
        answer.read()
    }
}

/// Fetches a bill file; the answer is not signed, its SHA-1 came signed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// As it was given.
    pub at: BillAt,
    /// Was it asked for compressed.
    pub gzip: bool,
}

/// Why a bill file is not believed; nothing of it may be recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// Cut or altered.
    #[error("the file's SHA-1 is {found}, announced was {announced}: it was cut or altered")]
    Hash {
        /// What was announced, signed.
        announced: String,
        /// What came.
        found: String,
    },
    /// Over 256 MiB, or a gzip bomb.
    #[error("the bill is larger than {0} bytes uncompressed")]
    TooLarge(u64),
    /// No gzip though asked for.
    #[error("the file is not gzip: {0}")]
    Gzip(String),
    /// Not a bill's lines.
    #[error("line {line} of the bill is not understood: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// The answer.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Download {
    /// The HTTP request: the URL's path and query, signed like any other; host and scheme must be the gateway's own,
    /// which the sender checks.
    ///
    /// # Errors
    /// The URL has no path.
    pub fn request(&self) -> Result<Request, FieldError> {
        let wrong = || {
            FieldError::new("download_url", "url", &self.at.download_url, "is not a URL of the gateway", "不是网关的下载地址")
        };
        let rest = self
            .at
            .download_url
            .strip_prefix("https://")
            .or_else(|| self.at.download_url.strip_prefix("http://"))
            .ok_or_else(wrong)?;
        let target = rest.find('/').and_then(|at| rest.get(at..)).ok_or_else(wrong)?;
        if !target.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong());
        }
        Ok(Request { wants_signature: false, ..Request::get(target.to_owned(), "bill_download") })
    }

    /// Unfolds and checks the file.
    ///
    /// # Errors
    /// Too large, no gzip, or another SHA-1 than announced.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Vec<u8>, BillError> {
        let file = if self.gzip { gunzip(answer.body())? } else { answer.body().to_vec() };
        let found: String = Sha1::digest(&file).iter().map(|b| format!("{b:02x}")).collect();
        if !found.eq_ignore_ascii_case(&self.at.hash_value) {
            return Err(BillError::Hash { announced: self.at.hash_value.clone(), found });
        }
        Ok(file)
    }
}

/// Unfolds gzip within the limits.
///
/// # Errors
/// Too large, or no gzip.
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, BillError> {
    let compressed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let limit = BILL_LIMIT.min(compressed.saturating_mul(RATIO_LIMIT).max(64 * 1024));
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut out)
        .map_err(|e| BillError::Gzip(e.to_string()))?;
    if u64::try_from(out.len()).unwrap_or(u64::MAX) > limit {
        return Err(BillError::TooLarge(limit));
    }
    Ok(out)
}

/// One line of a trade bill, by the names of its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeLine {
    /// 交易时间, as it stands (Beijing time).
    pub time: String,
    /// 公众账号ID
    pub appid: String,
    /// 商户号
    pub mchid: String,
    /// 微信订单号
    pub transaction_id: String,
    /// 商户订单号
    pub out_trade_no: String,
    /// 交易类型
    pub trade_type: String,
    /// 交易状态: `SUCCESS`, `REFUND`.
    pub trade_state: String,
    /// 应结订单金额
    pub settlement_total: Fen,
    /// 订单金额
    pub total: Fen,
    /// 微信退款单号; empty (or `0`) for payments.
    pub refund_id: String,
    /// 商户退款单号
    pub out_refund_no: String,
    /// 退款金额
    pub refund: Fen,
    /// 退款状态
    pub refund_status: String,
    /// 商品名称
    pub goods: String,
    /// 商户数据包
    pub attach: String,
}

/// A bill as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The header's names.
    pub columns: Vec<String>,
    /// The lines, cell by cell, without backticks.
    pub rows: Vec<Vec<String>>,
    /// The summary's names.
    pub summary_columns: Vec<String>,
    /// The summary's cells.
    pub summary: Vec<String>,
}

fn cells(line: &str) -> Vec<String> {
    // Each cell has a leading backtick and nothing is quoted: split where a comma meets the next backtick.
    line.strip_prefix('`').unwrap_or(line).split(",`").map(str::to_owned).collect()
}

/// Reads a bill file: BOM or none, CRLF or LF, header, lines, summary header, summary.
///
/// # Errors
/// Not UTF-8, or a line with another count of cells than its header. Nothing is read in part.
pub fn read(bytes: &[u8]) -> Result<Bill, BillError> {
    let line_error = |line: usize, why: &str| BillError::Line { line, why: why.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| line_error(1, "the file is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let names = |line: &str| line.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let columns = names(lines.first().filter(|l| !l.is_empty() && !l.starts_with('`')).ok_or_else(|| line_error(1, "there is no header"))?);
    let mut rows = Vec::new();
    let mut at = 1;
    while let Some(line) = lines.get(at).filter(|line| line.starts_with('`')) {
        let row = cells(line);
        if row.len() != columns.len() {
            let why = format!("{} cells where the header has {}", row.len(), columns.len());
            return Err(BillError::Line { line: at + 1, why });
        }
        rows.push(row);
        at += 1;
    }
    let summary_columns = names(lines.get(at).filter(|l| !l.is_empty()).ok_or_else(|| line_error(at + 1, "the summary is missing: the file was cut"))?);
    let summary = cells(lines.get(at + 1).filter(|l| l.starts_with('`')).ok_or_else(|| line_error(at + 2, "the summary is missing: the file was cut"))?);
    if summary.len() != summary_columns.len() {
        return Err(line_error(at + 2, "the summary has another count of cells than its header"));
    }
    if lines.get(at + 2..).is_some_and(|rest| rest.iter().any(|l| !l.is_empty())) {
        return Err(line_error(at + 3, "there is something after the summary"));
    }
    Ok(Bill { columns, rows, summary_columns, summary })
}

impl Bill {
    /// The lines of a trade bill (`ALL`, `SUCCESS` or `REFUND`), typed.
    ///
    /// # Errors
    /// A column that every trade bill has is missing, or an amount is no yuan.
    pub fn trade_lines(&self) -> Result<Vec<TradeLine>, BillError> {
        let place = |name: &str| self.columns.iter().position(|c| c == name);
        for name in ["交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "订单金额"] {
            if place(name).is_none() {
                return Err(BillError::Line { line: 1, why: format!("the column {name} is missing") });
            }
        }
        let mut out = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            let cell = |name: &str| place(name).and_then(|at| row.get(at)).cloned().unwrap_or_default();
            let money = |name: &str| match cell(name).as_str() {
                "" => Ok(Fen::default()),
                text => Fen::parse_yuan(text).map_err(|_| BillError::Line { line: index + 2, why: format!("{name} is {text:?}, no amount in yuan") }),
            };
            out.push(TradeLine {
                time: cell("交易时间"),
                appid: cell("公众账号ID"),
                mchid: cell("商户号"),
                transaction_id: cell("微信订单号"),
                out_trade_no: cell("商户订单号"),
                trade_type: cell("交易类型"),
                trade_state: cell("交易状态"),
                settlement_total: money("应结订单金额")?,
                total: money("订单金额")?,
                refund_id: cell("微信退款单号"),
                out_refund_no: cell("商户退款单号"),
                refund: money("退款金额")?,
                refund_status: cell("退款状态"),
                goods: cell("商品名称"),
                attach: cell("商户数据包"),
            });
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_bomb_is_refused_before_it_unfolds() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gz.write_all(&vec![0; 64 * 1024 * 1024]).unwrap();
        let bomb = gz.finish().unwrap();
        assert!(matches!(gunzip(&bomb), Err(BillError::TooLarge(_))));
        assert!(matches!(gunzip(b"plain"), Err(BillError::Gzip(_))));
    }

    #[test]
    fn a_cut_or_wrong_bill_is_refused_whole() {
        let good = "\u{feff}交易时间,商户号,微信订单号,商户订单号,交易状态,订单金额\r\n`t,`1,`4,`no,`SUCCESS,`1.25\r\n总交易单数,应结订单总金额\r\n`1,`1.25\r\n";
        let bill = read(good.as_bytes()).unwrap();
        assert_eq!(bill.trade_lines().unwrap()[0].total, Fen::new(125));
        for cut in ["\r\n`1,`1.25", "总交易单数", ",`SUCCESS"] {
            let at = good.find(cut).unwrap();
            assert!(read(&good.as_bytes()[..at]).is_err(), "{cut}");
        }
        assert!(read(good.replace("1.25\r\n总", "1.2x\r\n总").as_bytes()).unwrap().trade_lines().is_err());
        assert!(read(b"").is_err());
        assert!(read(b"\xff\xfe").is_err());
    }
}
