//! Finding orders by what a person types: a number or its beginning, an id, or words of description and attach.
//!
//! Words go through own bigrams in a contentless FTS index, so that two Chinese characters are found and nothing is
//! scanned.

use super::StoreError;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// Bigrams of one order at most: description and attach are 127 and 128 characters.
const BIGRAMS: usize = 300;

/// Indexes an order's words.
pub(super) fn remember(
    connection: &Connection,
    id: i64,
    description: &str,
    attach: Option<&str>,
) -> Result<(), StoreError> {
    let mut words = bigrams(description);
    words.extend(attach.map(bigrams).unwrap_or_default());
    words.truncate(BIGRAMS);
    connection
        .prepare_cached("INSERT INTO order_words (rowid, words) VALUES (?1, ?2)")?
        .execute(params![id, words.join(" ")])?;
    Ok(())
}

/// The condition that goes behind `WHERE mchid = ?`, and its values.
///
/// Every way to a hit is a lookup of its own, so that no row is read that can't be one. Only a number's beginning that
/// very many share is met by walking from the newest, which is soon there.
pub(super) fn condition(connection: &Connection, mchid: &str, text: &str) -> Result<(String, Vec<Value>), StoreError> {
    let own = |text: &str| Value::from(text.to_owned());
    let (from, below) = prefix_range(text);
    let few = few_by_number(connection, mchid, &from, &below)?;
    let mut ways = vec![
        "SELECT id FROM orders WHERE transaction_id >= ? AND transaction_id < ?",
        "SELECT id FROM orders WHERE openid = ?",
    ];
    let mut values = vec![own(&from), own(&below), own(text)];
    if few {
        ways.push("SELECT id FROM orders WHERE mchid = ? AND out_trade_no >= ? AND out_trade_no < ?");
        values.extend([own(mchid), own(&from), own(&below)]);
    }
    let words = bigrams(text);
    if !words.is_empty() {
        // joined bigrams can hit falsely, so the text itself is looked at again
        ways.push(
            "SELECT orders.id FROM order_words JOIN orders ON orders.id = order_words.rowid WHERE order_words MATCH ?
             AND (instr(lower(description), lower(?)) > 0 OR instr(lower(coalesce(attach, '')), lower(?)) > 0)",
        );
        let all: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        values.extend([own(&all.join(" AND ")), own(text), own(text)]);
    }
    let mut condition = format!("id IN ({})", ways.join(" UNION ALL "));
    if !few {
        condition.push_str(" OR (+out_trade_no >= ? AND +out_trade_no < ?)");
        values.extend([own(&from), own(&below)]);
    }
    if words.is_empty() {
        // one character: no bigram finds it, so the texts are read, newest first
        condition.push_str(" OR instr(lower(description), lower(?)) > 0");
        values.push(own(text));
    }
    Ok((format!(" AND ({condition})"), values))
}

fn few_by_number(connection: &Connection, mchid: &str, from: &str, below: &str) -> Result<bool, StoreError> {
    const FEW: i64 = 1_000;
    let found: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM orders WHERE mchid = ?1 AND out_trade_no >= ?2
             AND out_trade_no < ?3 LIMIT ?4)",
        )?
        .query_row(params![mchid, from, below, FEW], |row| row.get(0))?;
    Ok(found < FEW)
}

/// All texts that begin with `text`, as a half-open range in byte order.
fn prefix_range(text: &str) -> (String, String) {
    (text.to_owned(), format!("{text}\u{10FFFF}"))
}

/// Two characters each, of letters and digits only, lower case, as hex so that the tokenizer can't split them.
fn bigrams(text: &str) -> Vec<String> {
    let characters: Vec<char> =
        text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let mut words: Vec<String> = Vec::new();
    for pair in characters.windows(2) {
        if let [first, second] = pair {
            let word = format!("{:x}x{:x}", u32::from(*first), u32::from(*second));
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_chinese_characters_are_a_word() {
        assert_eq!(bigrams("火锅").len(), 1);
        assert_eq!(bigrams("火"), Vec::<String>::new());
        assert!(bigrams("海底捞火锅").contains(&bigrams("火锅")[0]));
        assert_eq!(bigrams("AB"), bigrams("ab"));
    }

    #[test]
    fn a_prefix_range_holds_what_begins_so_and_nothing_else() {
        let (from, below) = prefix_range("GT20");
        for (text, inside) in [("GT20", true), ("GT2099", true), ("GT21", false), ("GT2", false)] {
            assert_eq!(text >= from.as_str() && text < below.as_str(), inside, "{text}");
        }
    }
}
