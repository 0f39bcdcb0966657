//! Bills and reconciliations as people and programs see them. Amounts are fen; nothing is decided here.

use crate::wire::Bilingual;
use serde::{Deserialize, Serialize};
use specta::Type;

/// Which bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum BillKind {
    /// 交易账单: payments and refunds.
    Trade,
    /// 资金账单 of the basic account: money in and out.
    Fundflow,
}

impl BillKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BillKind::Trade => "trade",
            BillKind::Fundflow => "fundflow",
        }
    }

    pub(crate) fn named(name: &str) -> BillKind {
        if name == "fundflow" { BillKind::Fundflow } else { BillKind::Trade }
    }
}

/// A bill that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct KeptBill {
    /// Which.
    pub kind: BillKind,
    /// `YYYY-MM-DD`, Beijing.
    pub date: String,
    /// Whose.
    pub mchid: String,
    /// False: WeChat Pay says that there is no bill of that day.
    pub exists: bool,
    /// SHA-1 of the uncompressed file, as WeChat Pay announced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// Bytes of the uncompressed file.
    pub bytes: u32,
    /// Lines between header and summary.
    pub lines: u32,
    /// When it was fetched.
    pub fetched_at: String,
    /// What the last reconciliation found; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<u32>,
}

/// What one side says of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SideTotals {
    /// Payments.
    pub payments: u32,
    /// Fen.
    #[specta(type = u32)]
    pub amount: i64,
    /// Refunds.
    pub refunds: u32,
    /// Fen.
    #[specta(type = u32)]
    pub refunded: i64,
}

/// A day's bill against what this desk knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Reconciliation {
    /// `YYYY-MM-DD`, Beijing.
    pub date: String,
    /// The bill it was made from.
    pub bill: KeptBill,
    /// What the bill says.
    pub there: SideTotals,
    /// What this desk knows of the same payments and refunds, and of those that the bill lacks.
    pub here: SideTotals,
    /// WeChat Pay's fees of the day, yuan with five decimals.
    pub fee: String,
    /// Lines that agree with what is known here.
    pub matched: u32,
    /// How many differences there are in all.
    pub found: u32,
    /// The first 2,000 of them.
    pub differences: Vec<Difference>,
}

/// What kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Paid there, no such order here.
    MissingHere,
    /// Paid here, no line there.
    MissingThere,
    /// Another amount.
    Amount,
    /// Paid there, not paid here; or revoked there.
    State,
    /// Another transaction paid it.
    Transaction,
    /// Refunded there, no such refund here.
    RefundMissingHere,
    /// Refunded here, no line there.
    RefundMissingThere,
    /// Another amount was refunded.
    RefundAmount,
    /// The refund ended there in another way, or not yet here.
    RefundState,
    /// Paid on both sides, but no notification was ever taken in.
    NoCallback,
    /// Paid on both sides, and a genuine notification waits for a person.
    CallbackHeld,
    /// The bill names it twice.
    Twice,
    /// The bill's own sums are not those of its lines.
    Summary,
}

/// What mends a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// Query the order.
    Query,
    /// Query the refund.
    QueryRefund,
    /// Record what the bill names, after asking WeChat Pay about it.
    Record,
    /// Look at the order's callbacks.
    Callbacks,
    /// Only people can settle it: ask WeChat Pay's support or the colleague who did it.
    Ask,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Side {
    /// State of the order, or status of the refund.
    pub state: String,
    /// Fen.
    #[specta(type = u32)]
    pub amount: i64,
}

/// One difference between the bill and this desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Difference {
    /// Which kind.
    pub kind: DifferenceKind,
    /// The order; empty for the bill's own sums.
    pub out_trade_no: String,
    /// The refund, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_refund_no: Option<String>,
    /// WeChat Pay's number of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// When, by the side that has it.
    pub at: String,
    /// Here; absent: there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here: Option<Side>,
    /// In the bill; absent: there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub there: Option<Side>,
    /// The likely cause.
    pub cause: Bilingual,
    /// What mends it.
    pub mend: Mend,
    /// The same in words.
    pub advice: Bilingual,
}
