//! Why a bill and a desk differ, most likely, and what to do about it. The words only; what differs is found in `matching`.

use super::facts::{DifferenceKind, Mend};
use crate::problem::both;
use crate::wire::Bilingual;

/// Likely cause and advice of a kind of difference, with what mends it.
pub(super) fn of(kind: DifferenceKind) -> (Bilingual, Mend, Bilingual) {
    let (cause, mend, advice) = match kind {
        DifferenceKind::MissingHere => (
            (
                "另一个系统用同一商户号收的款，或这笔订单不在这个数据目录里。",
                "Another system took it under the same mchid, or the order is in another data folder.",
            ),
            Mend::Record,
            ("补记：向微信支付查询后记入本地。", "Record it: WeChat Pay is asked, then it is kept here."),
        ),
        DifferenceKind::MissingThere => (
            (
                "支付时间接近零点而入了另一天的账单，或账单取自另一个商户号。",
                "It was paid close to midnight and is in another day's bill, or the bill is another merchant's.",
            ),
            Mend::Query,
            ("先查询订单，再取前后一天的账单。", "Query the order, then fetch the bill of the day before and after."),
        ),
        DifferenceKind::Amount => (
            (
                "同一单号在两边的金额不同：下单后本地改过，或单号被两个系统用过。",
                "One number with two amounts: changed here after the prepay, or used by two systems.",
            ),
            Mend::Ask,
            (
                "打开订单的下单请求对照金额；不一致就带单号联系微信支付。",
                "Open the order's prepay call and compare; if they differ, take the number to WeChat Pay.",
            ),
        ),
        DifferenceKind::State => (
            (
                "顾客付了款，但回调没有到，也还没有查询过。",
                "The customer paid, but no callback arrived and nobody has queried it yet.",
            ),
            Mend::Query,
            ("查询订单，按微信支付的答复入账。", "Query the order; it is booked by WeChat Pay's answer."),
        ),
        DifferenceKind::Transaction => (
            (
                "同一单号有两笔支付，或其中一边记错了微信支付订单号。",
                "One number was paid twice, or one side has the wrong transaction_id.",
            ),
            Mend::Ask,
            (
                "对照两个微信支付订单号；若重复付款，退其中一笔。",
                "Compare the two transaction ids; if it was paid twice, refund one.",
            ),
        ),
        DifferenceKind::RefundMissingHere => (
            (
                "在商户平台或另一个系统里退的款，退款通知也没有到这里。",
                "It was refunded in the merchant platform or another system, and no notification came here.",
            ),
            Mend::Record,
            (
                "补记：向微信支付查询这笔退款后记入本地。",
                "Record it: WeChat Pay is asked about this refund, then it is kept here.",
            ),
        ),
        DifferenceKind::RefundMissingThere => (
            (
                "退款到账日和申请日不在同一天，账单把它算在另一天。",
                "It was asked for and settled on different days, so another day's bill has it.",
            ),
            Mend::QueryRefund,
            ("查询退款，再取前后一天的账单。", "Query the refund, then fetch the bill of the day before and after."),
        ),
        DifferenceKind::RefundAmount => (
            (
                "同一退款单号在两边的金额不同：单号被两个系统用过，或用了优惠券。",
                "One refund number with two amounts: two systems used it, or a coupon is involved.",
            ),
            Mend::Ask,
            (
                "打开退款请求对照金额；不一致就带退款单号联系微信支付。",
                "Open the refund's call and compare; if they differ, take the number to WeChat Pay.",
            ),
        ),
        DifferenceKind::RefundState => (
            (
                "退款在账单生成前后有了结果，通知还没有到这里。",
                "The refund came to its end meanwhile, and its notification has not arrived here.",
            ),
            Mend::QueryRefund,
            ("查询退款，按微信支付的答复更新。", "Query the refund; it is updated by WeChat Pay's answer."),
        ),
        DifferenceKind::NoCallback => (
            (
                "回调没有到：通知地址不通，或监听没有开；是查询发现的这笔付款。",
                "No callback arrived: its address can't be reached, or nothing listened. A query found this payment.",
            ),
            Mend::Callbacks,
            (
                "账没有错；检查通知地址和监听，免得下一笔来得晚。",
                "The books are right; look at notify_url and the listener, so that the next one isn't late.",
            ),
        ),
        DifferenceKind::CallbackHeld => (
            ("有一条真实的回调与订单不符，被搁置了。", "A genuine callback contradicted the order and was held."),
            Mend::Callbacks,
            ("打开这条回调，由人来决定。", "Open that callback and decide."),
        ),
        DifferenceKind::Twice => (
            ("账单里同一笔出现了两次。", "The bill has the same entry twice."),
            Mend::Ask,
            (
                "重新下载账单；若还是两次，带账单联系微信支付。",
                "Fetch the bill again; if it stays, take it to WeChat Pay.",
            ),
        ),
        DifferenceKind::Summary => (
            ("账单的合计与各行之和不符。", "The bill's sums are not those of its lines."),
            Mend::Ask,
            (
                "重新下载账单；若还是不符，带账单联系微信支付。",
                "Fetch the bill again; if it stays, take it to WeChat Pay.",
            ),
        ),
    };
    (both(cause.0, cause.1), mend, both(advice.0, advice.1))
}
