//! Bills (reference 9): asking for one and downloading it, with its SHA-1 over the uncompressed bytes. What stands in one
//! is read in `lines`.

mod lines;

use std::io::Read;

use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::api::{AnswerError, Request, VerifiedAnswer};
use crate::error::FieldError;

pub use lines::{Bill, FundLine, TradeLine, read};

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

impl BillAt {
    fn read(answer: &VerifiedAnswer) -> Result<Self, AnswerError> {
        let at: BillAt = answer.read()?;
        let hex = at.hash_value.len() == 40 && at.hash_value.bytes().all(|b| b.is_ascii_hexdigit());
        if at.hash_type != "SHA1" || !hex {
            return Err(AnswerError::NotUnderstood(format!(
                "{} {:.64} is no SHA-1 in hex",
                at.hash_type, at.hash_value
            )));
        }
        Ok(at)
    }
}

fn date(text: &str) -> Result<(), FieldError> {
    let wrong =
        || FieldError::new("bill_date", "date", text, "must be a day as YYYY-MM-DD", "须为 YYYY-MM-DD 格式的日期");
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
        BillAt::read(answer)
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
        BillAt::read(answer)
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
            FieldError::new(
                "download_url",
                "url",
                &self.at.download_url,
                "is not a URL of the gateway",
                "不是网关的下载地址",
            )
        };
        let (_, _, target) = self.parts().ok_or_else(wrong)?;
        if !target.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong());
        }
        Ok(Request { wants_signature: false, ..Request::get(target.to_owned(), "bill_download") })
    }

    /// Scheme and host of the URL, like `https://api.mch.weixin.qq.com`. The request is signed with the merchant's key:
    /// send it nowhere but to the gateway that gave the URL.
    pub fn origin(&self) -> Option<String> {
        self.parts().map(|(scheme, host, _)| format!("{scheme}://{host}"))
    }

    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (scheme, rest) = self.at.download_url.split_once("://").filter(|(s, _)| matches!(*s, "https" | "http"))?;
        let (host, target) = rest.split_at(rest.find('/')?);
        (!host.is_empty() && !host.contains('@') && !target.contains('#')).then_some((scheme, host, target))
    }

    /// Unfolds and checks the file.
    ///
    /// # Errors
    /// Too large, no gzip, or another SHA-1 than announced.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Vec<u8>, BillError> {
        let file = if self.gzip { gunzip(answer.body())? } else { answer.body().to_vec() };
        check(&file, &self.at.hash_value)?;
        Ok(file)
    }
}

/// Is this, uncompressed, the file whose SHA-1 was announced?
///
/// # Errors
/// Too large, or another SHA-1.
pub fn check(file: &[u8], announced: &str) -> Result<(), BillError> {
    if u64::try_from(file.len()).unwrap_or(u64::MAX) > BILL_LIMIT {
        return Err(BillError::TooLarge(BILL_LIMIT));
    }
    let found: String = Sha1::digest(file).iter().map(|b| format!("{b:02x}")).collect();
    if !found.eq_ignore_ascii_case(announced) {
        return Err(BillError::Hash { announced: announced.to_owned(), found });
    }
    Ok(())
}

/// Unfolds gzip within the limits. They are watched while it unfolds, so that a bomb never takes more memory than what
/// was read of it accounts for.
///
/// # Errors
/// Too large, or no gzip.
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, BillError> {
    let whole = bytes.len();
    let mut unfolding = flate2::bufread::MultiGzDecoder::new(bytes);
    let (mut out, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = unfolding.read(&mut piece).map_err(|e| BillError::Gzip(e.to_string()))?;
        if read == 0 {
            return Ok(out);
        }
        out.extend_from_slice(piece.get(..read).unwrap_or_default());
        let taken = u64::try_from(whole.saturating_sub(unfolding.get_ref().len())).unwrap_or(u64::MAX);
        let limit = BILL_LIMIT.min(taken.saturating_mul(RATIO_LIMIT).max(64 * 1024));
        if u64::try_from(out.len()).unwrap_or(u64::MAX) > limit {
            return Err(BillError::TooLarge(limit));
        }
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
        // 10 MiB that would be 10 GiB: refused when a hundredth of what is allowed was made.
        let large = bomb.repeat(10 * 1024 * 1024 / bomb.len());
        assert!(
            matches!(gunzip(&large), Err(BillError::TooLarge(at)) if at < BILL_LIMIT / 16),
            "{:?}",
            gunzip(&large).map(|it| it.len())
        );
        // One that begins like an honest bill.
        let mut honest = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let lines: Vec<u8> =
            (0_u32..20_000).flat_map(|n| format!("`{},", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        honest.write_all(&lines).unwrap();
        let mut honest = honest.finish().unwrap();
        assert_eq!(gunzip(&honest).unwrap(), lines);
        honest.extend(&large);
        assert!(matches!(gunzip(&honest), Err(BillError::TooLarge(_))));
    }
}
