//! The words of what was decrypted: which tokens a notification's content gets, and which a question asks for.
//!
//! Chinese is cut into single characters and own bigrams, Latin words into bigrams, numbers and codes stay whole (`w`)
//! and are also known by their last 4, 6 and 8 characters (`t`): people read out the end of a number. The index only
//! proposes; [`Question::fits`] decides.

use serde_json::Value;

/// Tokens of one delivery at most.
const TOKENS: usize = 240;
/// Characters of one value that are looked at.
const CHARACTERS: usize = 512;
/// What stands in every notification, or is found by a filter of its own: indexing it would only cost.
const SKIPPED: [&str; 12] = [
    "mchid",
    "appid",
    "sp_mchid",
    "sp_appid",
    "sub_mchid",
    "sub_appid",
    "currency",
    "payer_currency",
    "trade_type",
    "trade_state",
    "refund_status",
    "success_time",
];
/// By how many of its last characters a number is known.
const TAILS: [usize; 3] = [8, 6, 4];

/// The tokens of a decrypted resource; empty if it is no JSON.
pub(super) fn of_content(decrypted: &[u8]) -> Vec<String> {
    let mut tokens = Vec::new();
    if let Ok(content) = serde_json::from_slice::<Value>(decrypted) {
        each_value(&content, &mut |text| {
            for run in runs(text) {
                run.index(&mut tokens);
            }
        });
    }
    tokens.sort_unstable();
    tokens.dedup();
    tokens.truncate(TOKENS);
    tokens
}

/// What a person asks for: terms parted by spaces, all of which must be there.
pub(super) struct Question {
    terms: Vec<String>,
    /// FTS5's own language; `None`: nothing in the question can be looked up.
    pub(super) expression: Option<String>,
}

impl Question {
    pub(super) fn new(text: &str) -> Question {
        let terms: Vec<String> = text.split_whitespace().take(8).map(str::to_lowercase).collect();
        let wanted: Vec<String> = terms.iter().flat_map(|term| runs(term)).filter_map(|run| run.ask()).collect();
        let expression = (!wanted.is_empty()).then(|| wanted.join(" AND "));
        Question { terms, expression }
    }

    /// Is every term in the values of this content?
    pub(super) fn fits(&self, decrypted: &[u8]) -> bool {
        let Ok(content) = serde_json::from_slice::<Value>(decrypted) else { return false };
        let mut all = String::new();
        each_value(&content, &mut |text| {
            all.push_str(&text.to_lowercase());
            all.push('\n');
        });
        self.terms.iter().all(|term| all.contains(term.as_str()))
    }
}

fn each_value(value: &Value, seen: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => match text.char_indices().nth(CHARACTERS) {
            None => seen(text),
            Some((end, _)) => seen(text.get(..end).unwrap_or_default()),
        },
        Value::Number(number) => seen(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| each_value(item, seen)),
        Value::Object(fields) => {
            for (name, item) in fields {
                if !SKIPPED.contains(&name.as_str()) {
                    each_value(item, seen);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Neighbouring letters or digits of one kind, in lower case.
enum Run {
    /// ASCII with a digit in it: a number or a code.
    Code(String),
    /// Latin letters.
    Latin(Vec<char>),
    /// Everything else: Chinese, mostly.
    Other(Vec<char>),
}

fn runs(text: &str) -> Vec<Run> {
    let mut found = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let mut close = |run: &mut Vec<char>| {
        let Some(first) = run.first().copied() else { return };
        let whole = std::mem::take(run);
        found.push(if !first.is_ascii() {
            Run::Other(whole)
        } else if whole.iter().any(char::is_ascii_digit) {
            Run::Code(whole.into_iter().collect())
        } else {
            Run::Latin(whole)
        });
    };
    for character in text.chars().flat_map(char::to_lowercase) {
        let kin = run.first().is_none_or(|first| first.is_ascii() == character.is_ascii());
        if !character.is_alphanumeric() || !kin {
            close(&mut run);
        }
        if character.is_alphanumeric() {
            run.push(character);
        }
    }
    close(&mut run);
    found
}

impl Run {
    fn index(&self, tokens: &mut Vec<String>) {
        match self {
            Run::Code(code) => {
                tokens.push(format!("w{code}"));
                for length in TAILS {
                    if let Some(tail) =
                        code.len().checked_sub(length).filter(|cut| *cut > 0).and_then(|cut| code.get(cut..))
                    {
                        tokens.push(format!("t{tail}"));
                    }
                }
            }
            Run::Latin(letters) => tokens.extend(pairs(letters)),
            Run::Other(characters) => {
                tokens.extend(characters.iter().map(|one| single(*one)));
                tokens.extend(pairs(characters));
            }
        }
    }

    /// The part of an FTS expression that proposes what may hold this run.
    fn ask(&self) -> Option<String> {
        let quoted = |words: Vec<String>, joint: &str| {
            let words: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
            (!words.is_empty()).then(|| format!("({})", words.join(joint)))
        };
        match self {
            Run::Code(code) => {
                let mut ways = vec![format!("w{code}")];
                let tail = TAILS.into_iter().find(|length| code.len() >= *length);
                ways.extend(tail.and_then(|length| code.get(code.len() - length..)).map(|tail| format!("t{tail}")));
                quoted(ways, " OR ")
            }
            Run::Latin(letters) => quoted(pairs(letters), " AND "),
            Run::Other(characters) => match characters.as_slice() {
                [one] => quoted(vec![single(*one)], " AND "),
                _ => quoted(pairs(characters), " AND "),
            },
        }
    }
}

fn single(character: char) -> String {
    format!("u{:x}", u32::from(character))
}

fn pairs(characters: &[char]) -> Vec<String> {
    let pair = |pair: &[char]| match pair {
        [first, second] => Some(format!("b{:x}x{:x}", u32::from(*first), u32::from(*second))),
        _ => None,
    };
    characters.windows(2).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_question_is_answered_by_the_contents_that_hold_it() {
        let content = json!({
            "mchid": "1900000001", "transaction_id": "4200001234202611240011223344", "attach": "靠窗 桌12 VIP",
            "trade_state_desc": "支付成功", "amount": { "total": 1250 },
        })
        .to_string();
        let tokens = of_content(content.as_bytes());
        for (question, found) in [
            ("支付成功", true),
            ("靠窗", true),
            ("窗", true),
            ("vip", true),
            ("VIP 靠窗", true),
            ("3344", true),
            ("23344", true),
            ("11223344", true),
            ("4200001234202611240011223344", true),
            ("1250", true),
            ("12", true),
            ("付支", false),
            ("vp", false),
            ("1900000001", false),
            ("9999", false),
            ("窗 支付失败", false),
        ] {
            let asked = Question::new(question);
            let proposed = asked.expression.as_deref().is_some_and(|expression| proposes(expression, &tokens));
            assert_eq!(proposed && asked.fits(content.as_bytes()), found, "{question}: {:?}", asked.expression);
        }
        assert!(Question::new("- ·").expression.is_none());
        assert!(of_content(b"no json").is_empty());
    }

    /// FTS5's AND and OR over tokens, as far as questions use them.
    fn proposes(expression: &str, tokens: &[String]) -> bool {
        expression.split(") AND (").all(|part| {
            let part = part.trim_matches(['(', ')']);
            let has = |word: &str| tokens.contains(&word.trim_matches('"').to_owned());
            if part.contains(" OR ") { part.split(" OR ").any(has) } else { part.split(" AND ").all(has) }
        })
    }
}
