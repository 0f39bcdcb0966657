//! The search: from what was sent, through every guess at what was signed, to the fewest mistakes that make it fit.
//!
//! A text is laid out of fields. Each field has its right bytes and variants, each variant names its mistake. First the
//! right text, then one mistake, then two of different fields; the first level at which anything fits is the answer.

use super::cause::Cause;
use super::opened::Opened;
use super::url::permutations;

/// Other bytes for one field, and the mistakes that this means.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) causes: Vec<Cause>,
    pub(super) bytes: Vec<u8>,
    /// Whether it is tried together with a mistake in another field.
    pairs: bool,
    /// One of a thousand: tried in pairs only after everything else.
    late: bool,
}

impl Variant {
    pub(super) fn new(cause: Cause, bytes: Vec<u8>) -> Self {
        Variant::several(vec![cause], bytes)
    }

    pub(super) fn several(causes: Vec<Cause>, bytes: Vec<u8>) -> Self {
        let alone = [
            Cause::UrlVersionPrefixMissing,
            Cause::PathPlaceholderSigned,
            Cause::TimestampDiffers,
            Cause::GetSignedWithBody,
            Cause::BodyObjectString,
            Cause::UploadMultipartSigned,
        ];
        let pairs = !causes.iter().any(|cause| alone.contains(cause));
        Variant { causes, bytes, pairs, late: false }
    }

    pub(super) fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

/// How the lines are put together.
#[derive(Debug, Clone)]
pub(super) enum Layout {
    /// Each line ended by this.
    Ended(&'static str),
    /// This between the lines, nothing after the last.
    Joined(&'static str),
    /// Ended by LF, and then every LF made this, those of the body too.
    Throughout(&'static str),
    /// In another order, each ended by LF.
    Order(Vec<usize>),
    /// Only the first so many lines, with or without the last LF.
    First(usize, bool),
    /// Another text altogether.
    Text(Vec<u8>),
}

impl Layout {
    pub(super) fn lay(&self, fields: &[&[u8]]) -> Vec<u8> {
        let ended = |end: &str| {
            let mut text = Vec::with_capacity(fields.iter().map(|f| f.len() + end.len()).sum());
            for field in fields {
                text.extend_from_slice(field);
                text.extend_from_slice(end.as_bytes());
            }
            text
        };
        match self {
            Layout::Ended(end) => ended(end),
            Layout::Joined(end) => {
                let mut text = ended(end);
                text.truncate(text.len().saturating_sub(end.len()));
                text
            }
            Layout::Throughout(end) => {
                let mut text = Vec::new();
                for byte in ended("\n") {
                    if byte == b'\n' { text.extend_from_slice(end.as_bytes()) } else { text.push(byte) }
                }
                text
            }
            Layout::Order(order) => {
                let mut text = Vec::new();
                for at in order {
                    text.extend_from_slice(fields.get(*at).copied().unwrap_or_default());
                    text.push(b'\n');
                }
                text
            }
            Layout::First(count, end) => {
                let mut text = fields.get(..*count).unwrap_or_default().join(&b'\n');
                if *end {
                    text.push(b'\n');
                }
                text
            }
            Layout::Text(text) => text.clone(),
        }
    }
}

/// A layout and the mistakes that it means.
pub(super) struct Lines {
    causes: Vec<Cause>,
    layout: Layout,
    pairs: bool,
}

impl Lines {
    fn one(cause: Cause, layout: Layout, pairs: bool) -> Self {
        Lines { causes: vec![cause], layout, pairs }
    }

    /// A whole text of its own.
    pub(super) fn text(cause: Cause, text: Vec<u8>) -> Self {
        Lines::one(cause, Layout::Text(text), false)
    }

    /// The mistakes that every kind of signed text knows.
    pub(super) fn common(count: usize, body_is_empty: bool) -> Vec<Lines> {
        let mut all = vec![
            Lines::one(Cause::FinalNewlineMissing, Layout::Joined("\n"), true),
            Lines::one(Cause::LineEndingsCrlf, Layout::Ended("\r\n"), true),
            Lines::one(Cause::LineEndingsCrlf, Layout::Throughout("\r\n"), true),
            Lines::one(Cause::LiteralBackslashN, Layout::Ended("\\n"), true),
            Lines::one(Cause::LiteralBackslashN, Layout::Throughout("\\n"), false),
        ];
        for (cause, end) in [(Cause::LineEndingsCrlf, "\r\n"), (Cause::LiteralBackslashN, "\\n")] {
            let causes = vec![Cause::FinalNewlineMissing, cause];
            all.push(Lines { causes, layout: Layout::Joined(end), pairs: false });
        }
        if count == 5 {
            all.push(Lines::one(Cause::BodyLineMissing, Layout::First(4, false), false));
            if !body_is_empty {
                all.push(Lines::one(Cause::BodyLineMissing, Layout::First(4, true), false));
            }
        }
        for order in permutations(count).into_iter().skip(1) {
            all.push(Lines::one(Cause::FieldOrderWrong, Layout::Order(order), false));
        }
        all
    }
}

/// One reading of what was sent, and the guesses around it.
pub(super) struct Plan {
    /// The right fields.
    pub(super) fields: Vec<Vec<u8>>,
    /// For fields by number: what may stand there.
    pub(super) variants: Vec<(usize, Vec<Variant>)>,
    pub(super) lines: Vec<Lines>,
}

impl Plan {
    pub(super) fn right_text(&self) -> Vec<u8> {
        Layout::Ended("\n").lay(&self.fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// What was found: each inner list explains the signature by itself; all are equally short. And how many texts were tried.
pub(super) struct Found {
    pub(super) ways: Vec<Vec<Cause>>,
    pub(super) tried: u64,
}

impl Found {
    /// What was found next, where this found nothing.
    pub(super) fn or(self, next: Found) -> Found {
        Found { ways: next.ways, tried: self.tried + next.tried }
    }
}

/// Try the right texts alone: most messages are sound, and guesses cost more to make than to try.
pub(super) fn search_right(opened: &Opened, plans: &[Plan]) -> Found {
    search_levels(opened, plans, 0..=0)
}

/// Try every guess around the right texts, fewest mistakes first.
pub(super) fn search(opened: &Opened, plans: &[Plan]) -> Found {
    search_levels(opened, plans, 1..=2)
}

fn search_levels(opened: &Opened, plans: &[Plan], levels: std::ops::RangeInclusive<usize>) -> Found {
    let mut hunt = Hunt { opened, ways: Vec::new(), tried: 0, left: LEVEL_BYTES };
    if !opened.is_open() {
        return Found { ways: Vec::new(), tried: 0 };
    }
    for level in levels {
        hunt.left = LEVEL_BYTES;
        for plan in plans {
            hunt.level(plan, level);
        }
        if !hunt.ways.is_empty() {
            break;
        }
    }
    let fewest = hunt.ways.iter().map(Vec::len).min().unwrap_or_default();
    let mut ways = hunt.ways;
    ways.retain(|way| way.len() == fewest);
    ways.sort();
    ways.dedup();
    Found { ways, tried: hunt.tried }
}

/// The fields with some of them changed.
fn with<'a>(fields: &[&'a [u8]], changes: &[(usize, &'a Variant)]) -> Vec<&'a [u8]> {
    let mut changed = fields.to_vec();
    for (at, variant) in changes {
        if let Some(slot) = changed.get_mut(*at) {
            *slot = &variant.bytes;
        }
    }
    changed
}

/// How many bytes of text are compared for single mistakes, and again for pairs; common messages need a fifth of it. A
/// message of some megabytes must not keep a processor busy for minutes.
const LEVEL_BYTES: usize = 256 << 20;

struct Hunt<'a> {
    opened: &'a Opened,
    ways: Vec<Vec<Cause>>,
    tried: u64,
    /// What is left of [`LEVEL_BYTES`].
    left: usize,
}

impl Hunt<'_> {
    fn level(&mut self, plan: &Plan, level: usize) {
        let right = Layout::Ended("\n");
        let fields: Vec<&[u8]> = plan.fields.iter().map(Vec::as_slice).collect();
        if level == 0 {
            return self.weigh(&[], &[], &right.lay(&fields));
        }
        let all = || plan.variants.iter().flat_map(|(at, variants)| variants.iter().map(move |v| (*at, v)));
        for late in [false, true] {
            for (at, variant) in all().filter(|(_, v)| v.causes.len() == level && v.late == late) {
                self.weigh_bounded(&variant.causes, &[], || right.lay(&with(&fields, &[(at, variant)])));
            }
            for lines in plan.lines.iter().filter(|l| !late && l.causes.len() == level) {
                self.weigh_bounded(&lines.causes, &[], || lines.layout.lay(&fields));
            }
        }
        if level != 2 {
            return;
        }
        let single = || all().filter(|(_, v)| v.causes.len() == 1 && v.pairs);
        for late in [false, true] {
            for (at, variant) in single().filter(|(_, v)| v.late == late) {
                if self.left == 0 {
                    return;
                }
                let changed = with(&fields, &[(at, variant)]);
                for lines in plan.lines.iter().filter(|l| l.pairs) {
                    self.weigh_bounded(&lines.causes, &variant.causes, || lines.layout.lay(&changed));
                }
                for (other_at, other) in single().filter(|(_, o)| !o.late) {
                    if other_at < at || (late && other_at != at) {
                        let changed = with(&fields, &[(at, variant), (other_at, other)]);
                        self.weigh_bounded(&variant.causes, &other.causes, || right.lay(&changed));
                    }
                }
            }
            if !self.ways.is_empty() {
                return;
            }
        }
    }

    fn weigh_bounded(&mut self, one: &[Cause], two: &[Cause], text: impl FnOnce() -> Vec<u8>) {
        if self.left == 0 {
            return;
        }
        let text = text();
        self.left = self.left.saturating_sub(text.len());
        self.weigh(one, two, &text);
    }

    fn weigh(&mut self, one: &[Cause], two: &[Cause], text: &[u8]) {
        self.tried += 1;
        let right = one.is_empty() && two.is_empty();
        let fits = if right { self.opened.fits_somehow(text) } else { self.opened.fits(text) };
        if let Some(digest) = fits {
            let mut way: Vec<Cause> = one.iter().chain(two).copied().chain(digest).collect();
            way.sort();
            way.dedup();
            self.ways.push(way);
        }
    }
}
