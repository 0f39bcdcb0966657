//! Bills of a business day as text: the trade bill and the fund-flow bill (reference 9.4). A payment belongs to the day of
//! its success, a refund to the day on which it was asked for.

use serde::{Deserialize, Serialize};
use wechatpay::money::Fen;
use wechatpay::time::beijing_date;

use super::order::Order;
use super::refund::{Refund, Status};
use super::{Ledger, key};
use crate::clock::{Millis, instant};

/// Which bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BillKind {
    All,
    Success,
    Refund,
    FundFlow,
}

/// What is wrong with bills, until it is told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum BillFault {
    /// The file ends in the middle; the SHA-1 is that of the whole.
    Cut,
    /// A digit of the file is another; the SHA-1 is that of the true one.
    Altered,
    /// Gzip of a few KiB that unfolds to 64 MiB, under its own SHA-1.
    Bomb,
    /// A trade bill lacks the line of this order or refund; its sums are those of its lines.
    Missing {
        /// `out_trade_no` of a payment, `out_refund_no` of a refund.
        number: String,
    },
    /// A trade bill has another amount for this order or refund; its sums are those of its lines.
    Amount {
        /// `out_trade_no` of a payment, `out_refund_no` of a refund.
        number: String,
        /// Fen.
        amount: i64,
    },
}

impl BillFault {
    fn amount_of(faults: &[BillFault], wanted: &str) -> Option<i64> {
        faults.iter().find_map(|fault| match fault {
            BillFault::Amount { number, amount } if number == wanted => Some(*amount),
            _ => None,
        })
    }

    fn leaves_out(faults: &[BillFault], wanted: &str) -> bool {
        faults.iter().any(|fault| matches!(fault, BillFault::Missing { number } if number == wanted))
    }
}

enum Entry<'a> {
    Payment(&'a Order, Millis),
    Refund(&'a Order, &'a Refund),
}

impl Entry<'_> {
    fn at(&self) -> Millis {
        match self {
            Entry::Payment(_, at) => *at,
            Entry::Refund(_, refund) => refund.created,
        }
    }

    /// What it is known by: the order's number, or the refund's.
    fn number(&self) -> &str {
        match self {
            Entry::Payment(order, _) => &order.out_trade_no,
            Entry::Refund(_, refund) => &refund.out_refund_no,
        }
    }
}

fn entries<'a>(ledger: &'a Ledger, mchid: &str) -> Vec<Entry<'a>> {
    let payments = ledger
        .orders()
        .filter(|o| o.mchid == mchid)
        .filter_map(|o| o.paid.as_ref().map(|paid| Entry::Payment(o, paid.at)));
    let refunds = ledger
        .refunds()
        .filter(|r| r.mchid == mchid && r.status != Status::Closed)
        .filter_map(|r| ledger.order_at(&key(&r.mchid, &r.out_trade_no)).map(|o| Entry::Refund(o, r)));
    let mut all: Vec<Entry<'_>> = payments.chain(refunds).collect();
    all.sort_by_key(|entry| (entry.at(), matches!(entry, Entry::Refund(..))));
    all
}

/// The bill of a merchant's day (`yyyy-MM-dd`, Beijing); `None` if nothing of that kind happened on it.
pub(crate) fn bill(ledger: &Ledger, mchid: &str, day: &str, kind: BillKind, faults: &[BillFault]) -> Option<Vec<u8>> {
    let all = entries(ledger, mchid);
    let text = if kind == BillKind::FundFlow { fund_flow(&all, day) } else { trade(&all, day, kind, faults) }?;
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    Some(bytes)
}

fn row(cells: &[String]) -> String {
    // no quoting in this format: a comma, a line end or a backtick in a cell would break the line
    let clean = |c: &String| c.replace('\n', "\\n").replace('\r', "").replace(',', "\\ ").replace('`', "'");
    let cells: Vec<String> = cells.iter().map(|c| format!("`{}", clean(c))).collect();
    cells.join(",") + "\r\n"
}

fn moment(at: Millis) -> String {
    let fixed = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    instant(at).to_zoned_datetime(fixed).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn yuan(fen: i64) -> String {
    Fen::new(fen).yuan()
}

/// 0.60 % in hundred-thousandths of a yuan: a fen of money is six of them.
fn fee(fen: i64) -> i64 {
    fen.saturating_mul(6)
}

fn fee_text(hundred_thousandths: i64) -> String {
    let sign = if hundred_thousandths < 0 { "-" } else { "" };
    let size = hundred_thousandths.unsigned_abs();
    format!("{sign}{}.{:05}", size / 100_000, size % 100_000)
}

const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额";
const REFUND_COLUMNS: &str = ",微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态";
const TAIL: &str = ",商品名称,商户数据包,手续费,费率,订单金额";

fn trade(all: &[Entry<'_>], day: &str, kind: BillKind, faults: &[BillFault]) -> Option<String> {
    let mut out = HEAD.to_owned();
    if kind == BillKind::Refund {
        out.push_str(",退款申请时间,退款成功时间");
    }
    if kind != BillKind::Success {
        out.push_str(REFUND_COLUMNS);
    }
    out.push_str(TAIL);
    out.push_str(if kind == BillKind::Success { ",费率备注\r\n" } else { ",申请退款金额,费率备注\r\n" });
    let (mut count, mut total, mut refunded, mut fees) = (0_u64, 0_i64, 0_i64, 0_i64);
    let named = |e: &&Entry<'_>| beijing_date(instant(e.at())) == day && !BillFault::leaves_out(faults, e.number());
    for entry in all.iter().filter(named) {
        let (order, refund) = match entry {
            Entry::Payment(order, _) if kind != BillKind::Refund => (order, None),
            Entry::Refund(order, refund) if kind != BillKind::Success => (order, Some(refund)),
            _ => continue,
        };
        count += 1;
        let paid = order.paid.as_ref()?;
        let other = BillFault::amount_of(faults, entry.number());
        let paid_amount = if refund.is_some() { 0 } else { other.unwrap_or(order.total) };
        let refund_amount = refund.map_or(0, |r| other.unwrap_or(r.refund));
        let entry_fee = fee(paid_amount - refund_amount);
        total = total.saturating_add(paid_amount);
        refunded = refunded.saturating_add(refund_amount);
        fees = fees.saturating_add(entry_fee);
        let mut cells = vec![
            moment(entry.at()),
            order.appid.clone(),
            order.mchid.clone(),
            "0".to_owned(),
            order.device_id.clone().unwrap_or_default(),
            paid.transaction_id.clone(),
            order.out_trade_no.clone(),
            paid.openid.clone(),
            order.product.trade_type().to_owned(),
            if refund.is_some() { "REFUND" } else { "SUCCESS" }.to_owned(),
            paid.bank_type.clone(),
            "CNY".to_owned(),
            yuan(paid_amount),
            "0.00".to_owned(),
        ];
        if kind == BillKind::Refund {
            cells.push(refund.map(|r| moment(r.created)).unwrap_or_default());
            cells.push(refund.and_then(|r| r.succeeded).map(moment).unwrap_or_default());
        }
        if kind != BillKind::Success {
            let status = |r: &Refund| match r.status {
                Status::Success => "SUCCESS",
                Status::Processing => "PROCESSING",
                Status::Closed => "FAIL",
                Status::Abnormal => "CHANGE",
            };
            cells.push(refund.map_or("0".to_owned(), |r| r.refund_id.clone()));
            cells.push(refund.map_or("0".to_owned(), |r| r.out_refund_no.clone()));
            cells.push(yuan(refund_amount));
            cells.push("0.00".to_owned());
            cells.push(refund.map_or(String::new(), |_| "ORIGINAL".to_owned()));
            cells.push(refund.map_or(String::new(), |r| status(r).to_owned()));
        }
        cells.push(order.description.clone());
        cells.push(order.attach.clone().unwrap_or_default());
        cells.push(fee_text(entry_fee));
        cells.push("0.60%".to_owned());
        cells.push(yuan(paid_amount));
        if kind != BillKind::Success {
            cells.push(yuan(refund_amount));
        }
        cells.push(String::new());
        out.push_str(&row(&cells));
    }
    if count == 0 {
        return None;
    }
    out.push_str("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n");
    out.push_str(&row(&[
        format!("{count}.0"),
        yuan(total),
        yuan(refunded),
        "0.00".to_owned(),
        fee_text(fees),
        yuan(total),
        yuan(refunded),
    ]));
    Some(out)
}

fn fund_flow(all: &[Entry<'_>], day: &str) -> Option<String> {
    let mut out = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n".to_owned();
    let (mut balance, mut count, mut incomes, mut income, mut outgoes, mut outgo) =
        (0_i64, 0_u64, 0_u64, 0_i64, 0_u64, 0_i64);
    for entry in all {
        let (number, flow, kind, direction, amount, note, voucher) = match entry {
            Entry::Payment(order, _) => {
                let id = order.paid.as_ref().map(|p| p.transaction_id.clone()).unwrap_or_default();
                (id.clone(), id, "交易", "收入", order.total, "结算总金额", order.out_trade_no.clone())
            }
            Entry::Refund(_, refund) => {
                let id = refund.refund_id.clone();
                (
                    refund.transaction_id.clone(),
                    id,
                    "退款",
                    "支出",
                    refund.refund,
                    "退款总金额",
                    refund.out_refund_no.clone(),
                )
            }
        };
        balance = if direction == "收入" { balance.saturating_add(amount) } else { balance.saturating_sub(amount) };
        if beijing_date(instant(entry.at())) != day {
            continue;
        }
        count += 1;
        if direction == "收入" {
            (incomes, income) = (incomes + 1, income.saturating_add(amount));
        } else {
            (outgoes, outgo) = (outgoes + 1, outgo.saturating_add(amount));
        }
        out.push_str(&row(&[
            moment(entry.at()),
            number,
            flow,
            kind.to_owned(),
            kind.to_owned(),
            direction.to_owned(),
            yuan(amount),
            yuan(balance),
            "system".to_owned(),
            format!("{note} {} 元;含手续费 0.00 元", yuan(amount)),
            voucher,
        ]));
    }
    if count == 0 {
        return None;
    }
    out.push_str("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n");
    let summary = [format!("{count}.0"), format!("{incomes}.0"), yuan(income), format!("{outgoes}.0"), yuan(outgo)];
    out.push_str(&row(&summary));
    Some(out)
}
