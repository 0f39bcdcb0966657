//! The lines of a bill file (reference 9.4): no quoting, a backtick before each cell, amounts in yuan that become [`Fen`]
//! here and never a float. Cells are kept as they stand: a comma inside one is written `\\ `, a line end `\\n`.

use super::BillError;
use crate::money::Fen;

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
    /// 申请退款金额: what was asked for, coupons included; 退款金额 where the bill has no such column.
    pub refund_asked: Fen,
    /// 退款状态
    pub refund_status: String,
    /// 商品名称
    pub goods: String,
    /// 商户数据包
    pub attach: String,
    /// 手续费 in yuan with five decimals, as it stands.
    pub fee: String,
    /// 费率, like `0.60%`.
    pub rate: String,
}

impl TradeLine {
    /// Is it a refund's line; its payment amounts are zero then.
    pub fn is_refund(&self) -> bool {
        self.trade_state == "REFUND"
    }
}

/// One line of a fund-flow bill, by the names of its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundLine {
    /// 记账时间, as it stands (Beijing time).
    pub time: String,
    /// 微信支付业务单号: the payment or refund that moved the money.
    pub business_no: String,
    /// 资金流水单号
    pub flow_no: String,
    /// 业务名称
    pub business: String,
    /// 业务类型
    pub kind: String,
    /// 收支类型: `收入` or `支出`.
    pub direction: String,
    /// 收支金额
    pub amount: Fen,
    /// 账户结余; may be negative.
    pub balance: Fen,
    /// 资金变更提交申请人
    pub applicant: String,
    /// 备注
    pub note: String,
    /// 业务凭证号: usually the merchant's own number.
    pub voucher: String,
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
    let columns = names(
        lines
            .first()
            .filter(|l| !l.is_empty() && !l.starts_with('`'))
            .ok_or_else(|| line_error(1, "there is no header"))?,
    );
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
    let summary_columns = names(
        lines
            .get(at)
            .filter(|l| !l.is_empty())
            .ok_or_else(|| line_error(at + 1, "the summary is missing: the file was cut"))?,
    );
    let summary = cells(
        lines
            .get(at + 1)
            .filter(|l| l.starts_with('`'))
            .ok_or_else(|| line_error(at + 2, "the summary is missing: the file was cut"))?,
    );
    if summary.len() != summary_columns.len() {
        return Err(line_error(at + 2, "the summary has another count of cells than its header"));
    }
    if lines.get(at + 2..).is_some_and(|rest| rest.iter().any(|l| !l.is_empty())) {
        return Err(line_error(at + 3, "there is something after the summary"));
    }
    Ok(Bill { columns, rows, summary_columns, summary })
}

/// An amount in yuan; nothing stands for zero, and a balance may have a sign.
fn money(line: usize, name: &str, text: &str) -> Result<Fen, BillError> {
    let wrong = || BillError::Line { line, why: format!("{name} is {text:?}, no amount in yuan") };
    match text.strip_prefix('-') {
        _ if text.is_empty() => Ok(Fen::default()),
        Some(amount) => {
            let amount = Fen::parse_yuan(amount).map_err(|_| wrong())?;
            Fen::default().checked_sub(amount).ok_or_else(wrong)
        }
        None => Fen::parse_yuan(text).map_err(|_| wrong()),
    }
}

/// One row with the names of its columns.
struct Row<'a> {
    columns: &'a [String],
    cells: &'a [String],
    line: usize,
}

impl Row<'_> {
    /// A column that this kind of bill leaves out is empty.
    fn cell(&self, name: &str) -> String {
        let at = self.columns.iter().position(|column| column == name);
        at.and_then(|at| self.cells.get(at)).cloned().unwrap_or_default()
    }

    fn money(&self, name: &str) -> Result<Fen, BillError> {
        money(self.line, name, &self.cell(name))
    }
}

impl Bill {
    fn rows_with<'a>(&'a self, needed: &[&str]) -> Result<impl Iterator<Item = Row<'a>> + 'a, BillError> {
        if let Some(missing) = needed.iter().find(|name| !self.columns.iter().any(|column| column == *name)) {
            return Err(BillError::Line { line: 1, why: format!("the column {missing} is missing") });
        }
        let columns = self.columns.as_slice();
        // The header is line 1.
        Ok(self.rows.iter().zip(2..).map(move |(cells, line)| Row { columns, cells, line }))
    }

    /// The lines of a trade bill (`ALL`, `SUCCESS` or `REFUND`), typed.
    ///
    /// # Errors
    /// A column that every trade bill has is missing, or an amount is no yuan.
    pub fn trade_lines(&self) -> Result<Vec<TradeLine>, BillError> {
        let needed = ["交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "订单金额"];
        let line = |row: Row<'_>| {
            let asked = if row.cell("申请退款金额").is_empty() { "退款金额" } else { "申请退款金额" };
            Ok(TradeLine {
                time: row.cell("交易时间"),
                appid: row.cell("公众账号ID"),
                mchid: row.cell("商户号"),
                transaction_id: row.cell("微信订单号"),
                out_trade_no: row.cell("商户订单号"),
                trade_type: row.cell("交易类型"),
                trade_state: row.cell("交易状态"),
                settlement_total: row.money("应结订单金额")?,
                total: row.money("订单金额")?,
                refund_id: row.cell("微信退款单号"),
                out_refund_no: row.cell("商户退款单号"),
                refund: row.money("退款金额")?,
                refund_asked: row.money(asked)?,
                refund_status: row.cell("退款状态"),
                goods: row.cell("商品名称"),
                attach: row.cell("商户数据包"),
                fee: row.cell("手续费"),
                rate: row.cell("费率"),
            })
        };
        self.rows_with(&needed)?.map(line).collect()
    }

    /// The lines of a fund-flow bill, typed.
    ///
    /// # Errors
    /// A column is missing, or an amount is no yuan.
    pub fn fund_flow_lines(&self) -> Result<Vec<FundLine>, BillError> {
        let needed = ["记账时间", "微信支付业务单号", "资金流水单号", "收支类型", "收支金额(元)", "账户结余(元)"];
        let line = |row: Row<'_>| {
            Ok(FundLine {
                time: row.cell("记账时间"),
                business_no: row.cell("微信支付业务单号"),
                flow_no: row.cell("资金流水单号"),
                business: row.cell("业务名称"),
                kind: row.cell("业务类型"),
                direction: row.cell("收支类型"),
                amount: row.money("收支金额(元)")?,
                balance: row.money("账户结余(元)")?,
                applicant: row.cell("资金变更提交申请人"),
                note: row.cell("备注"),
                voucher: row.cell("业务凭证号"),
            })
        };
        self.rows_with(&needed)?.map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_fund_flow_bill_is_read_with_its_negative_balance() {
        let file = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\n\
                    `2026-11-24 10:00:00,`4200,`1,`退款,`退款,`支出,`1.25,`-0.25,`API,`,`NO1234\n\
                    资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`1,`0,`0.00,`1,`1.25\n";
        let lines = read(file.as_bytes()).unwrap().fund_flow_lines().unwrap();
        assert_eq!(
            (lines[0].amount, lines[0].balance, lines[0].voucher.as_str()),
            (Fen::new(125), Fen::new(-25), "NO1234")
        );
        assert!(read(file.as_bytes()).unwrap().trade_lines().is_err(), "it is no trade bill");
    }
}
