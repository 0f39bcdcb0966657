//! The doctor's words: for each cause what was done wrong and what to change, in both languages. No logic lives here
//! beyond putting sentences together, and no text holds anything of what was handed in.

mod message;
mod nothing;
mod received;
mod signature;

use super::cause::Cause;
use super::verdict::{Bilingual, Certainty};

/// English and Chinese.
type Said = (&'static str, &'static str);

/// The explanation and the fix for what was found, by a command that knows the causes of `order` and compared `tried` texts.
pub(super) fn explain(
    causes: &[Cause],
    combined: bool,
    certainty: Certainty,
    (order, tried): (&[Cause], u64),
) -> (Bilingual, Bilingual) {
    if causes.is_empty() {
        return (
            said((
                "Nothing is wrong: the signature checks out over exactly what was sent.",
                "没有问题：签名与所发送的内容完全相符。",
            )),
            said(("Nothing to change.", "无需修改。")),
        );
    }
    let link = if combined {
        (" Together with this: ", "同时：")
    } else {
        (" Or, which the inputs can't tell apart: ", "或者（从输入无法区分）：")
    };
    let mut explanation = join(causes.iter().map(|cause| words(*cause).0), link);
    let mut fix = join(causes.iter().map(|cause| words(*cause).1), (" ", ""));
    if let Some((excluded, next)) = nothing::words(causes, order, tried) {
        explanation.en.push_str(&excluded.en);
        explanation.zh.push_str(&excluded.zh);
        fix.en.push_str(&next.en);
        fix.zh.push_str(&next.zh);
    }
    let known = match certainty {
        Certainty::Proved if causes.iter().any(|cause| is_of_ciphertext(*cause)) => (
            " Proved: signature and ciphertext check out once exactly this is assumed.",
            "已证实：只要作此假设，签名与密文即全部相符。",
        ),
        Certainty::Proved => {
            (" Proved: the signature checks out once exactly this is assumed.", "已证实：只要作此假设，签名即相符。")
        }
        Certainty::Likely => (
            " Likely: what was handed in shows this, but the signature can't prove it.",
            "可能：从输入可以看出，但无法用签名证实。",
        ),
    };
    explanation.en.push_str(known.0);
    explanation.zh.push_str(known.1);
    (explanation, fix)
}

fn is_of_ciphertext(cause: Cause) -> bool {
    matches!(cause, Cause::ApiV3KeyMalformed | Cause::ResourceAadWrong)
}

fn said((en, zh): Said) -> Bilingual {
    Bilingual { en: en.to_owned(), zh: zh.to_owned() }
}

fn join(parts: impl Iterator<Item = Said> + Clone, link: Said) -> Bilingual {
    let en = parts.clone().map(|part| part.0).collect::<Vec<_>>().join(link.0);
    let zh = parts.map(|part| part.1).collect::<Vec<_>>().join(link.1);
    Bilingual { en, zh }
}

/// What was done wrong, and what to change.
fn words(cause: Cause) -> (Said, Said) {
    let found = message::words(cause).or_else(|| signature::words(cause)).or_else(|| received::words(cause));
    // Each cause has its words (tested below); a slug is better than silence all the same.
    found.unwrap_or(((cause.slug(), cause.slug()), ("", "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_words_of_its_own_in_both_languages() {
        let mut seen = std::collections::HashSet::new();
        for cause in Cause::ALL {
            let ((en, zh), (fix_en, fix_zh)) = words(*cause);
            for text in [en, zh, fix_en, fix_zh] {
                assert!(text.chars().count() > 5 && seen.insert((text, cause)), "{cause}");
            }
            assert!(!zh.is_ascii() && !fix_zh.is_ascii(), "{cause}");
            assert!(en != cause.slug(), "{cause}");
        }
    }
}
