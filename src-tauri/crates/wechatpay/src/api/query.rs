//! Querying an order, by either number (reference 6.1). Works at any time and is what a lost callback is found by.

use crate::api::objects::Transaction;
use crate::api::{AnswerError, Request, VerifiedAnswer, encoded};
use crate::ids::{Mchid, OutTradeNo, TransactionId};

/// By the merchant's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByOutTradeNo {
    /// The order's merchant.
    pub mchid: Mchid,
    /// The order.
    pub out_trade_no: OutTradeNo,
}

/// By WeChat Pay's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByTransactionId {
    /// The order's merchant.
    pub mchid: Mchid,
    /// The payment.
    pub transaction_id: TransactionId,
}

impl ByOutTradeNo {
    /// The HTTP request.
    pub fn request(&self) -> Request {
        let (no, mchid) = (encoded(self.out_trade_no.as_str()), &self.mchid);
        Request::get(format!("/v3/pay/transactions/out-trade-no/{no}?mchid={mchid}"), "query")
    }

    /// The transaction, which must be the one that was asked for.
    ///
    /// # Errors
    /// Not understood, or of another order or merchant.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Transaction, AnswerError> {
        let transaction: Transaction = answer.read()?;
        if transaction.out_trade_no != self.out_trade_no.as_str() || transaction.mchid != self.mchid.as_str() {
            return Err(AnswerError::NotUnderstood("the answer is about another order".into()));
        }
        Ok(transaction)
    }
}

impl ByTransactionId {
    /// The HTTP request.
    pub fn request(&self) -> Request {
        let (id, mchid) = (&self.transaction_id, &self.mchid);
        Request::get(format!("/v3/pay/transactions/id/{id}?mchid={mchid}"), "query")
    }

    /// The transaction, which must be the one that was asked for.
    ///
    /// # Errors
    /// Not understood, or of another payment or merchant.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Transaction, AnswerError> {
        let transaction: Transaction = answer.read()?;
        if transaction.transaction_id.as_deref() != Some(self.transaction_id.as_str())
            || transaction.mchid != self.mchid.as_str()
        {
            return Err(AnswerError::NotUnderstood("the answer is about another payment".into()));
        }
        Ok(transaction)
    }
}
