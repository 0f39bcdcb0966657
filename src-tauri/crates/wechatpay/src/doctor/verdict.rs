//! From what was found to what is said.

use serde::Serialize;

use super::cause::Cause;
use super::search::Found;
use super::snippets::{self, Snippet};
use super::texts;

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The signature, or the ciphertext, checks out once exactly the named mistakes are assumed.
    Proved,
    /// Everything else.
    Likely,
}

/// A text for people in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// The doctor's answer; its JSON is that of `guitai doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Nothing that the inputs can show is wrong.
    pub valid: bool,
    /// What was done wrong; of several the one that comes first in its command's list.
    pub cause: Option<Cause>,
    /// The others.
    pub also: Vec<Cause>,
    /// Whether `cause` and `also` are needed together, rather than each explaining it alone.
    pub combined: bool,
    /// How sure this is.
    pub certainty: Certainty,
    /// What was done, and how the doctor knows.
    pub explanation: Bilingual,
    /// What to change.
    pub fix: Bilingual,
    /// The text that should have been signed for what was sent.
    pub sign_string: String,
    /// How many texts were compared.
    pub tried: u64,
    /// Where a framework is the cause: how each of them hands over the raw body. Not written when there are none.
    #[serde(skip_serializing_if = "<[Snippet]>::is_empty")]
    pub snippets: &'static [Snippet],
}

/// What all verdicts of one run share.
pub(super) struct Bench {
    /// The command's causes in their order.
    pub(super) order: &'static [Cause],
    pub(super) sign_string: String,
    pub(super) tried: u64,
}

impl Bench {
    pub(super) fn new(order: &'static [Cause], right_text: &[u8]) -> Self {
        Bench { order, sign_string: String::from_utf8_lossy(right_text).into_owned(), tried: 0 }
    }

    /// The verdict over a signature that checks out: `found` in one of several ways, beside `visible` faults.
    pub(super) fn explained(self, found: &Found, visible: Vec<Cause>) -> Diagnosis {
        self.explained_with(found, visible, Certainty::Proved)
    }

    /// The same, where a fault among `visible` can't be proved.
    pub(super) fn explained_with(self, found: &Found, visible: Vec<Cause>, certainty: Certainty) -> Diagnosis {
        let single = found.ways.iter().all(|way| way.len() == 1);
        if visible.is_empty() && single && found.ways.len() > 1 {
            let either = found.ways.iter().flatten().copied().collect();
            return self.say(either, false, certainty);
        }
        let first = found.ways.iter().min_by_key(|way| self.ranks(way)).cloned().unwrap_or_default();
        self.say(visible.into_iter().chain(first).collect(), true, certainty)
    }

    /// A verdict that rests on no signature.
    pub(super) fn likely(self, causes: Vec<Cause>, also: Vec<Cause>) -> Diagnosis {
        let mut said = self.say(causes, true, Certainty::Likely);
        let more = also.into_iter().filter(|cause| Some(*cause) != said.cause && !said.also.contains(cause));
        let more: Vec<Cause> = more.collect();
        said.also.extend(more);
        said
    }

    fn rank(&self, cause: Cause) -> usize {
        self.order.iter().position(|known| *known == cause).unwrap_or(self.order.len())
    }

    fn ranks(&self, way: &[Cause]) -> Vec<usize> {
        let mut ranks: Vec<usize> = way.iter().map(|cause| self.rank(*cause)).collect();
        ranks.sort_unstable();
        ranks
    }

    fn say(self, mut causes: Vec<Cause>, together: bool, certainty: Certainty) -> Diagnosis {
        causes.sort_by_key(|cause| (self.rank(*cause), *cause));
        causes.dedup();
        let combined = together && causes.len() > 1;
        // Frameworks spoil what is received; what is sent is the merchant's own code.
        let received = self.order.contains(&Cause::HeaderMissing);
        let snippets = if received { snippets::for_received(&causes) } else { &[] };
        let (explanation, fix) = texts::explain(&causes, combined, certainty, (self.order, self.tried));
        let mut causes = causes.into_iter();
        let cause = causes.next();
        Diagnosis {
            valid: cause.is_none(),
            cause,
            also: causes.collect(),
            combined,
            certainty: if cause.is_none() { Certainty::Proved } else { certainty },
            explanation,
            fix,
            sign_string: self.sign_string,
            tried: self.tried,
            snippets,
        }
    }
}
