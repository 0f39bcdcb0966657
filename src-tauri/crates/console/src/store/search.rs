//! Finding orders by what a person types: a number, its beginning or its last six characters, an id, an amount, or words
//! of description and attach.
//!
//! Words go through own bigrams in a contentless FTS index, so that two Chinese characters are found and nothing is
//! scanned. What is typed becomes a few ways to rows, each a lookup in an index; `order_list` walks them.

use super::StoreError;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use std::collections::{BTreeSet, HashMap};
use wechatpay::money::Fen;

/// Bigrams of one order at most: description and attach are 127 and 128 characters.
const BIGRAMS: usize = 300;
/// Characters of a number's end that lists show.
const TAIL: usize = 6;

/// Indexes an order's words.
pub(super) fn remember(
    connection: &Connection,
    id: i64,
    description: &str,
    attach: Option<&str>,
) -> Result<(), StoreError> {
    let words = words(description, attach);
    connection
        .prepare_cached("INSERT INTO order_words (rowid, words) VALUES (?1, ?2)")?
        .execute(params![id, words.join(" ")])?;
    Ok(())
}

/// Indexes the words of all orders that are there.
pub(super) fn remember_all(connection: &Connection) -> Result<(), StoreError> {
    let mut rows = connection.prepare("SELECT id, description, attach FROM orders ORDER BY id")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (description, attach): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        remember(connection, row.get(0)?, &description, attach.as_deref())?;
    }
    Ok(())
}

/// Is the index what the orders' words make: each word in as many orders as it should be?
pub(super) fn agrees(connection: &Connection) -> Result<bool, StoreError> {
    let mut wanted: HashMap<String, i64> = HashMap::new();
    {
        let mut rows = connection.prepare("SELECT description, attach FROM orders")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (description, attach): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let words: BTreeSet<String> = words(&description, attach.as_deref()).into_iter().collect();
            for word in words {
                *wanted.entry(word).or_default() += 1;
            }
        }
    }
    connection.execute_batch("CREATE VIRTUAL TABLE temp.order_vocabulary USING fts5vocab (main, order_words, row)")?;
    let mut rows = connection.prepare("SELECT term, doc FROM temp.order_vocabulary")?;
    let kept = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    Ok(kept.collect::<Result<HashMap<_, _>, _>>()? == wanted)
}

fn words(description: &str, attach: Option<&str>) -> Vec<String> {
    let mut words = bigrams(description);
    words.extend(attach.map(bigrams).unwrap_or_default());
    words.truncate(BIGRAMS);
    words
}

/// What a person typed, understood.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// Without space around it.
    whole: String,
    /// Lower case, parted at spaces: a description or attach holds all of them.
    terms: Vec<String>,
    /// It reads as yuan.
    amount: Option<Fen>,
}

/// Of an order, what a text is looked for in.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) out_trade_no: String,
    pub(super) transaction_id: Option<String>,
    pub(super) openid: Option<String>,
    pub(super) description: String,
    pub(super) attach: Option<String>,
    pub(super) total: i64,
}

/// A way to rows: a query for ids, with its values and without `ORDER BY`, and the column that it can be walked by.
pub(super) struct Way {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value>,
    /// The column that holds the row's id, if rows come in its order without being sorted.
    pub(super) walk: Option<&'static str>,
}

impl Text {
    /// `None` if nothing was typed.
    pub(super) fn of(typed: &str) -> Option<Text> {
        let whole = typed.trim();
        if whole.is_empty() {
            return None;
        }
        let plain: String =
            whole.trim_start_matches(['¥', '￥']).trim_end_matches('元').chars().filter(|it| *it != ',').collect();
        Some(Text {
            whole: whole.to_owned(),
            terms: whole.split_whitespace().map(str::to_lowercase).collect(),
            amount: Fen::parse_yuan(&plain).ok(),
        })
    }

    /// Every way on which an order that matches can be met. `None` if only reading the rows finds them: one character
    /// has no bigram.
    pub(super) fn ways(&self, mchid: &str) -> Option<Vec<Way>> {
        let own = |text: &str| Value::from(text.to_owned());
        let below = format!("{}\u{10FFFF}", self.whole);
        let mut ways = vec![
            Way {
                sql: "SELECT id FROM orders INDEXED BY orders_no WHERE mchid = ? AND out_trade_no >= ? AND out_trade_no < ?",
                values: vec![own(mchid), own(&self.whole), own(&below)],
                walk: None,
            },
            Way {
                sql: "SELECT id FROM orders INDEXED BY orders_transaction WHERE transaction_id >= ? AND transaction_id < ?",
                values: vec![own(&self.whole), own(&below)],
                walk: None,
            },
            Way {
                sql: "SELECT id FROM orders INDEXED BY orders_openid WHERE openid IS NOT NULL \
                      AND substr(openid, -8) = substr(?1, -8) AND openid = ?1",
                values: vec![own(&self.whole)],
                walk: Some("id"),
            },
        ];
        if self.whole.len() == TAIL {
            ways.push(Way {
                sql: "SELECT id FROM orders INDEXED BY orders_tail WHERE substr(out_trade_no, -6) = ?",
                values: vec![own(&self.whole)],
                walk: Some("id"),
            });
        }
        if let Some(amount) = self.amount {
            ways.push(Way {
                sql: "SELECT id FROM orders INDEXED BY orders_amount WHERE mchid = ? AND total = ?",
                values: vec![own(mchid), amount.get().into()],
                walk: Some("id"),
            });
        }
        let mut words: Vec<String> = Vec::new();
        for word in self.terms.iter().flat_map(|term| bigrams(term)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if words.is_empty() {
            // an amount or a number may be one digit long; a text of one character has to be read for
            return self.amount.is_some().then_some(ways);
        }
        let all: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        ways.push(Way {
            sql: "SELECT rowid FROM order_words WHERE order_words MATCH ?",
            values: vec![own(&all.join(" AND "))],
            walk: Some("rowid"),
        });
        Some(ways)
    }

    /// Joined bigrams can hit falsely, so the text itself decides.
    pub(super) fn matches(&self, order: &Searched) -> bool {
        let whole = self.whole.as_str();
        let begins = |text: &Option<String>| text.as_deref().is_some_and(|text| text.starts_with(whole));
        let holds = |text: &str| {
            let text = text.to_lowercase();
            self.terms.iter().all(|term| text.contains(term.as_str()))
        };
        order.out_trade_no.starts_with(whole)
            || (whole.len() == TAIL && order.out_trade_no.ends_with(whole))
            || begins(&order.transaction_id)
            || order.openid.as_deref() == Some(whole)
            || self.amount.is_some_and(|amount| amount.get() == order.total)
            || holds(&order.description)
            || order.attach.as_deref().is_some_and(holds)
    }
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
    fn what_is_typed_is_looked_for_where_it_can_be() {
        let order = Searched {
            out_trade_no: "GT20261124000042".to_owned(),
            transaction_id: Some("4200000000202611240000000001".to_owned()),
            openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
            description: "火锅双人套餐 Deluxe".to_owned(),
            attach: Some("桌号=12".to_owned()),
            total: 1_250,
        };
        for (typed, hit) in [
            ("GT2026", true),
            ("gt2026", false),
            ("000042", true),
            ("00042", false),
            ("42000000", true),
            ("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", true),
            ("oUpF8", false),
            ("火锅", true),
            ("套餐 火锅", true),
            ("deluxe", true),
            ("锅火", false),
            ("桌号=12", true),
            ("12.50", true),
            ("¥12.5", true),
            ("12.5元", true),
            ("1,250", false),
            ("12", true),
            ("13", false),
        ] {
            assert_eq!(Text::of(typed).expect("typed").matches(&order), hit, "{typed}");
        }
        assert!(Text::of("  ").is_none());
    }
}
