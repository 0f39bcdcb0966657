//! The state tables of an order and of a refund: from where, by which news, to where. The only place that decides it.
//!
//! No wildcard in any match: a new state or a new kind of news doesn't compile until each pair is decided.

use serde::Serialize;

/// An order's state: `CREATED` is ours (WeChat Pay hasn't heard of it), the rest are WeChat Pay's `trade_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Created,
    Notpay,
    Userpaying,
    Payerror,
    Success,
    Refund,
    Closed,
    Revoked,
}

/// What became known of an order, always from something verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum News {
    /// A prepay was accepted.
    Prepaid,
    /// A query says it is not paid yet.
    Unpaid,
    /// A query says the payer is at it.
    Paying,
    /// A query says the payment failed.
    PayFailed,
    /// It is paid.
    Paid,
    /// A refund of it was accepted, whatever came of that refund.
    Refunded,
    /// It was closed.
    Closed,
    /// It was revoked.
    Revoked,
}

/// What news does to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn<S> {
    /// Moves there.
    To(S),
    /// Known already, or older than what is known: the state stays.
    Stay,
    /// Contradicts what is known: nothing changes and a person decides.
    Forbidden,
}

impl State {
    /// Every state, for tests and lists.
    pub(crate) const ALL: [State; 8] = [
        State::Created,
        State::Notpay,
        State::Userpaying,
        State::Payerror,
        State::Success,
        State::Refund,
        State::Closed,
        State::Revoked,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Created => "CREATED",
            State::Notpay => "NOTPAY",
            State::Userpaying => "USERPAYING",
            State::Payerror => "PAYERROR",
            State::Success => "SUCCESS",
            State::Refund => "REFUND",
            State::Closed => "CLOSED",
            State::Revoked => "REVOKED",
        }
    }

    /// The state of that name.
    pub(crate) fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// May still be paid, as far as we know.
    pub(crate) fn is_open(self) -> bool {
        match self {
            State::Created | State::Notpay | State::Userpaying | State::Payerror => true,
            State::Success | State::Refund | State::Closed | State::Revoked => false,
        }
    }

    /// Money came in.
    pub(crate) fn is_paid(self) -> bool {
        match self {
            State::Success | State::Refund => true,
            State::Created | State::Notpay | State::Userpaying | State::Payerror | State::Closed | State::Revoked => {
                false
            }
        }
    }

    /// The table. Payment is the truth for every open state; what is paid never becomes unpaid; a refund heard of
    /// before its payment leaves the order where payment-then-refund would.
    pub(crate) fn on(self, news: News) -> Turn<State> {
        use State as S;
        use Turn::{Forbidden, Stay, To};
        match news {
            News::Prepaid => match self {
                S::Created | S::Payerror => To(S::Notpay),
                S::Notpay | S::Userpaying | S::Success | S::Refund => Stay,
                S::Closed | S::Revoked => Forbidden,
            },
            News::Unpaid => match self {
                S::Created | S::Userpaying | S::Payerror => To(S::Notpay),
                S::Notpay | S::Success | S::Refund | S::Closed | S::Revoked => Stay,
            },
            News::Paying => match self {
                S::Created | S::Notpay | S::Payerror => To(S::Userpaying),
                S::Userpaying | S::Success | S::Refund | S::Closed | S::Revoked => Stay,
            },
            News::PayFailed => match self {
                S::Created | S::Notpay | S::Userpaying => To(S::Payerror),
                S::Payerror | S::Success | S::Refund | S::Closed | S::Revoked => Stay,
            },
            News::Paid => match self {
                S::Created | S::Notpay | S::Userpaying | S::Payerror => To(S::Success),
                S::Success | S::Refund => Stay,
                S::Closed | S::Revoked => Forbidden,
            },
            News::Refunded => match self {
                S::Created | S::Notpay | S::Userpaying | S::Payerror | S::Success => To(S::Refund),
                S::Refund => Stay,
                S::Closed | S::Revoked => Forbidden,
            },
            News::Closed => match self {
                S::Created | S::Notpay | S::Userpaying | S::Payerror => To(S::Closed),
                S::Closed | S::Revoked => Stay,
                S::Success | S::Refund => Forbidden,
            },
            News::Revoked => match self {
                S::Created | S::Notpay | S::Userpaying | S::Payerror | S::Closed => To(S::Revoked),
                S::Revoked => Stay,
                S::Success | S::Refund => Forbidden,
            },
        }
    }
}

/// A refund's status: `UNKNOWN` and `REFUSED` are ours, the rest are WeChat Pay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RefundState {
    /// Asked for; no believable answer yet.
    Unknown,
    /// WeChat Pay refused it; may be asked again under the same number.
    Refused,
    /// Accepted.
    Processing,
    /// The money didn't arrive (card void or frozen): somebody must act.
    Abnormal,
    /// It ended without money moving.
    Closed,
    /// The payer has the money.
    Success,
}

impl RefundState {
    /// Every status.
    pub(crate) const ALL: [RefundState; 6] = [
        RefundState::Unknown,
        RefundState::Refused,
        RefundState::Processing,
        RefundState::Abnormal,
        RefundState::Closed,
        RefundState::Success,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RefundState::Unknown => "UNKNOWN",
            RefundState::Refused => "REFUSED",
            RefundState::Processing => "PROCESSING",
            RefundState::Abnormal => "ABNORMAL",
            RefundState::Closed => "CLOSED",
            RefundState::Success => "SUCCESS",
        }
    }

    /// The status of that name.
    pub(crate) fn parse(name: &str) -> Option<RefundState> {
        RefundState::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Its money is (or may be) gone from the order: it counts against the total.
    pub(crate) fn counts(self) -> bool {
        match self {
            RefundState::Processing | RefundState::Abnormal | RefundState::Success => true,
            RefundState::Unknown | RefundState::Refused | RefundState::Closed => false,
        }
    }

    /// WeChat Pay has taken it on, so the order is `REFUND`.
    pub(crate) fn accepted(self) -> bool {
        match self {
            RefundState::Processing | RefundState::Abnormal | RefundState::Closed | RefundState::Success => true,
            RefundState::Unknown | RefundState::Refused => false,
        }
    }

    /// The table: `news` is what a verified answer or notification says the status is.
    ///
    /// Later stages win whatever the order of arrival (`PROCESSING` < `ABNORMAL` < `CLOSED` < `SUCCESS`), because
    /// notifications overtake each other. A closed refund asked for again under its number may be processed anew.
    pub(crate) fn on(self, news: RefundState) -> Turn<RefundState> {
        use RefundState as R;
        use Turn::{Forbidden, Stay, To};
        match news {
            R::Unknown => match self {
                R::Unknown | R::Processing | R::Abnormal | R::Closed | R::Success => Stay,
                R::Refused => To(R::Unknown),
            },
            R::Refused => match self {
                R::Unknown => To(R::Refused),
                R::Refused | R::Processing | R::Abnormal | R::Closed | R::Success => Stay,
            },
            R::Processing => match self {
                R::Unknown | R::Refused => To(R::Processing),
                R::Processing | R::Abnormal | R::Closed | R::Success => Stay,
            },
            R::Abnormal => match self {
                R::Unknown | R::Refused | R::Processing => To(R::Abnormal),
                R::Abnormal | R::Closed | R::Success => Stay,
            },
            R::Closed => match self {
                R::Unknown | R::Refused | R::Processing | R::Abnormal => To(R::Closed),
                R::Closed => Stay,
                R::Success => Forbidden,
            },
            R::Success => match self {
                R::Unknown | R::Refused | R::Processing | R::Abnormal | R::Closed => To(R::Success),
                R::Success => Stay,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWS: [News; 8] = [
        News::Prepaid,
        News::Unpaid,
        News::Paying,
        News::PayFailed,
        News::Paid,
        News::Refunded,
        News::Closed,
        News::Revoked,
    ];

    /// Each line: a state, then what each news of `NEWS` does to it (a state's first two letters, `-` stay, `x` forbidden).
    #[test]
    fn the_table_is_what_the_field_says() {
        let table = [
            (State::Created, "NO NO US PA SU RE CL RV"),
            (State::Notpay, "- - US PA SU RE CL RV"),
            (State::Userpaying, "- NO - PA SU RE CL RV"),
            (State::Payerror, "NO NO US - SU RE CL RV"),
            (State::Success, "- - - - - RE x x"),
            (State::Refund, "- - - - - - x x"),
            (State::Closed, "x - - - x x - RV"),
            (State::Revoked, "x - - - x x - -"),
        ];
        assert_eq!(table.len(), State::ALL.len());
        for (state, row) in table {
            for (news, want) in NEWS.into_iter().zip(row.split(' ')) {
                let want = match want {
                    "-" => Turn::Stay,
                    "x" => Turn::Forbidden,
                    "RV" => Turn::To(State::Revoked),
                    name => Turn::To(
                        State::ALL.into_iter().find(|state| state.as_str().starts_with(name)).expect("a state"),
                    ),
                };
                assert_eq!(state.on(news), want, "{state:?} on {news:?}");
            }
        }
    }

    #[test]
    fn what_is_paid_never_becomes_unpaid() {
        for state in State::ALL.into_iter().filter(|state| state.is_paid()) {
            for news in NEWS {
                if let Turn::To(next) = state.on(news) {
                    assert!(next.is_paid(), "{state:?} on {news:?} became {next:?}");
                }
            }
        }
    }

    #[test]
    fn a_refund_ends_the_same_in_every_order_of_its_news() {
        let news = [RefundState::Processing, RefundState::Abnormal, RefundState::Closed, RefundState::Success];
        for subset in 1_u32..16 {
            let told: Vec<_> = (0..4).filter(|bit| subset & (1 << bit) != 0).map(|bit| news[bit]).collect();
            let mut ends = std::collections::HashSet::new();
            permute(&told, &mut Vec::new(), &mut |order| {
                let end = order.iter().fold(RefundState::Unknown, |status, news| match status.on(*news) {
                    Turn::To(next) => next,
                    Turn::Stay | Turn::Forbidden => status,
                });
                ends.insert(end);
            });
            assert_eq!(ends.len(), 1, "{told:?}");
        }
    }

    fn permute(rest: &[RefundState], taken: &mut Vec<RefundState>, visit: &mut impl FnMut(&[RefundState])) {
        if rest.is_empty() {
            return visit(taken);
        }
        for at in 0..rest.len() {
            let mut others = rest.to_vec();
            taken.push(others.remove(at));
            permute(&others, taken, visit);
            taken.pop();
        }
    }

    #[test]
    fn names_come_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for status in RefundState::ALL {
            assert_eq!(RefundState::parse(status.as_str()), Some(status));
        }
        assert_eq!(State::parse("success"), None);
    }
}
