//! Query and close of single orders (reference 6).

use guitai_door::Request;

use super::fields::{Fields, check_length, missing_in};
use super::prepay::other_mchid;
use super::{Books, Caller, Granted, Refused, query_value};
use crate::ledger::Forbidden;

fn mchid_of_query(request: &Request, caller: &Caller) -> Result<(), Refused> {
    match query_value(request, "mchid").filter(|mchid| !mchid.is_empty()) {
        None => Err(missing_in("query", "/mchid", "直连商户号")),
        Some(mchid) if mchid == caller.merchant.mchid => Ok(()),
        Some(_) => Err(Refused::new(400, "MCH_NOT_EXISTS", "商户号不存在", "The mchid does not exist")),
    }
}

/// By WeChat Pay's number.
pub(super) fn query_by_transaction(
    id: &str,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    mchid_of_query(request, caller)?;
    check_length("url", "/transaction_id", "微信支付订单号", id, &(1..=32))?;
    let order = books
        .ledger
        .order_by_transaction(id)
        .filter(|o| o.mchid == caller.merchant.mchid && o.combine.is_none())
        .ok_or_else(Refused::order_unknown)?;
    Ok(Granted::json(&order.transaction(books.now)))
}

/// By the merchant's number. Parts of combined orders are not found here (reference 10.1).
pub(super) fn query_by_number(
    number: &str,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    mchid_of_query(request, caller)?;
    check_length("url", "/out_trade_no", "商户订单号", number, &(1..=32))?;
    let order = books
        .ledger
        .order(&caller.merchant.mchid, number)
        .filter(|o| o.combine.is_none())
        .ok_or_else(Refused::order_unknown)?;
    Ok(Granted::json(&order.transaction(books.now)))
}

/// Closes an unpaid order; again is fine.
pub(super) fn close(
    number: &str,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
) -> Result<Granted, Refused> {
    let fields = Fields::read(&request.body, books.switches.strict_fields)?;
    fields.only(&["mchid"])?;
    if fields.need_text("/mchid", "直连商户号", 1..=32)? != caller.merchant.mchid {
        return Err(other_mchid());
    }
    match books.ledger.close(&caller.merchant.mchid, number, books.now) {
        Some(Ok(())) => Ok(Granted::Nothing),
        Some(Err(Forbidden::Paid)) => {
            Err(Refused::new(400, "ORDERPAID", "该订单已支付", "The order is paid").with_inner(268_449_538))
        }
        Some(Err(_)) | None => Err(Refused::order_unknown()),
    }
}
