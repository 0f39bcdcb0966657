//! Closing an unpaid order (reference 6.1): 204 with a signed empty body; closing again is fine, closing a paid one is
//! refused.

use serde_json::json;

use crate::api::{AnswerError, Request, VerifiedAnswer, encoded};
use crate::ids::{Mchid, OutTradeNo};

/// Closes an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The order's merchant.
    pub mchid: Mchid,
    /// The order.
    pub out_trade_no: OutTradeNo,
}

impl Close {
    /// The HTTP request.
    pub fn request(&self) -> Request {
        let target = format!("/v3/pay/transactions/out-trade-no/{}/close", encoded(self.out_trade_no.as_str()));
        Request::post(target, json!({"mchid": self.mchid}).to_string().into_bytes(), "close")
    }

    /// Nothing is answered but the fact.
    ///
    /// # Errors
    /// Another status than 204.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<(), AnswerError> {
        match answer.status() {
            204 => Ok(()),
            other => Err(AnswerError::Unexpected(other)),
        }
    }
}
