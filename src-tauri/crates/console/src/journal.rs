//! Lines of what happened to an order, for its timeline. A line is written in the transaction that it tells of.

use crate::orders::state::State;
use wechatpay::money::Fen;

/// What happened. The words are those of `wire::TimelineEntry::kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The order was made here.
    Created,
    /// WeChat Pay accepted it.
    Prepay,
    /// WeChat Pay refused it.
    PrepayRefused,
    /// Asked, and no believable answer came.
    PrepayUnknown,
    /// Pay params were signed and handed out.
    PayParams,
    /// It is paid.
    Paid,
    /// A delivery came that changed nothing but is worth a line.
    Callback,
    /// It was queried.
    Query,
    /// It ended unpaid.
    Closed,
    /// A refund was asked for, or heard of.
    Refund,
    /// WeChat Pay refused the refund.
    RefundRefused,
    /// A refund came to its end.
    RefundSettled,
    /// A genuine delivery was not applied.
    Held,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Created => "created",
            Kind::Prepay => "prepay",
            Kind::PrepayRefused => "prepay_refused",
            Kind::PrepayUnknown => "prepay_unknown",
            Kind::PayParams => "pay_params",
            Kind::Paid => "paid",
            Kind::Callback => "callback",
            Kind::Query => "query",
            Kind::Closed => "closed",
            Kind::Refund => "refund",
            Kind::RefundRefused => "refund_refused",
            Kind::RefundSettled => "refund_settled",
            Kind::Held => "held",
        }
    }
}

/// One line before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) state: Option<State>,
    pub(crate) amount: Option<Fen>,
    pub(crate) detail: Option<String>,
    pub(crate) exchange_id: Option<i64>,
    pub(crate) callback_id: Option<i64>,
}

impl Line {
    pub(crate) fn new(kind: Kind) -> Line {
        Line { kind, state: None, amount: None, detail: None, exchange_id: None, callback_id: None }
    }

    /// The order's state after it.
    pub(crate) fn state(mut self, state: State) -> Line {
        self.state = Some(state);
        self
    }

    /// The money it is about.
    pub(crate) fn amount(mut self, amount: Fen) -> Line {
        self.amount = Some(amount);
        self
    }

    /// Ids, codes or reasons; no prose.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Line {
        self.detail = Some(detail.into());
        self
    }

    /// The gateway call behind it.
    pub(crate) fn exchange(mut self, id: i64) -> Line {
        self.exchange_id = Some(id);
        self
    }

    /// The delivery behind it.
    pub(crate) fn callback(mut self, id: i64) -> Line {
        self.callback_id = Some(id);
        self
    }

    /// Where it was learnt: a delivery, a gateway call, or neither.
    pub(crate) fn source(self, source: Source) -> Line {
        match source {
            Source::Callback(id) => self.callback(id),
            Source::Exchange(id) => self.exchange(id),
        }
    }
}

/// Where news came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A verified delivery.
    Callback(i64),
    /// A verified answer of the gateway.
    Exchange(i64),
}
