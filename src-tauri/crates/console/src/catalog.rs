//! The catalogue: what is sold and at which price. One for the whole desk; a mini-program's order names an entry, and
//! the price is the entry's, never the client's. Orders that were made keep their price when an entry goes.

use crate::console::Console;
use crate::orders::shown_time;
use crate::problem;
use crate::store::{CatalogRow, StoreError};
use crate::wire::{Page, Problem};
use serde::{Deserialize, Serialize};
use specta::Type;
use wechatpay::error::FieldError;
use wechatpay::money::Fen;

/// Entries at most: a list of them is one page.
const ENTRIES: usize = 1_000;
/// Characters of an id at most.
const ID: usize = 32;
/// Characters of a name at most: it becomes the order's description.
const NAME: usize = 127;
/// Characters of a type at most.
const TYPE: usize = 32;

/// What is sold, as it is added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogInput {
    /// 1 to 32 of `A-Z a-z 0-9 . _ -`.
    pub id: String,
    /// 1 to 127 characters; what the payer reads.
    pub name: String,
    /// Fen; 1 to 1,000,000,000.
    #[specta(type = u32)]
    pub price: Fen,
    /// 1 to 32 characters; a client must name the same, if there is one.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// One entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogEntry {
    /// What clients name it by.
    pub id: String,
    /// What the payer reads.
    pub name: String,
    /// Fen.
    #[specta(type = u32)]
    pub price: i64,
    /// Its kind, where one was given.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When it was added.
    pub created_at: String,
}

impl Console {
    /// Adds an entry.
    ///
    /// # Errors
    /// `INVALID_FIELD` with the field; `CATALOG_EXISTS`: the id is taken; `CATALOG_FULL`; the store's.
    pub async fn catalog_add(&self, input: CatalogInput) -> Result<CatalogEntry, Problem> {
        let row = sound(input, self.desk.outside.now())?;
        self.desk
            .store
            .write(move |tx| {
                if tx.catalog(ENTRIES)?.len() >= ENTRIES {
                    return Err(full());
                }
                match tx.catalog_insert(&row) {
                    Ok(()) => Ok(shown(row.clone())),
                    Err(StoreError::Exists(_)) => Err(exists(&row.id)),
                    Err(error) => Err(error.into()),
                }
            })
            .await
    }

    /// All entries, by id; at most 1,000, so always one page.
    ///
    /// # Errors
    /// The store's.
    pub async fn catalog_list(&self) -> Result<Page<CatalogEntry>, Problem> {
        let rows = self.desk.store.read(|view| view.catalog(ENTRIES)).await?;
        Ok(Page { items: rows.into_iter().map(shown).collect(), next: None })
    }

    /// Removes an entry. Orders made from it stay as they are.
    ///
    /// # Errors
    /// `CATALOG_NOT_FOUND`; the store's.
    pub async fn catalog_remove(&self, id: &str) -> Result<(), Problem> {
        let asked = id.to_owned();
        let gone = self.desk.store.write(move |tx| tx.catalog_delete(&asked)).await?;
        if gone { Ok(()) } else { Err(absent(id)) }
    }
}

/// Could this be an entry's id?
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Could this be an entry's type?
pub(crate) fn is_type(text: &str) -> bool {
    is_text(text, TYPE)
}

/// So many characters that can be seen, at least one.
fn is_text(text: &str, most: usize) -> bool {
    let count = text.chars().take(most.saturating_add(1)).count();
    (1..=most).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
}

fn sound(input: CatalogInput, now: wechatpay::time::Timestamp) -> Result<CatalogRow, FieldError> {
    if !is_id(&input.id) {
        let (en, zh) = ("must have 1 to 32 letters, digits or . _ -", "须为 1 到 32 个字母、数字或 . _ -");
        return Err(FieldError::new("id", "charset_1_32", &input.id, en, zh));
    }
    if !is_text(&input.name, NAME) {
        let (en, zh) = (
            "must have 1 to 127 characters, without blanks around them or control characters",
            "须为 1 到 127 个字符，前后没有空白，不含控制字符",
        );
        return Err(FieldError::new("name", "length_1_127", &input.name, en, zh));
    }
    let kind = input.kind.filter(|kind| !kind.is_empty());
    if let Some(kind) = kind.as_deref().filter(|kind| !is_type(kind)) {
        let (en, zh) = (
            "must have 1 to 32 characters, without blanks around them or control characters",
            "须为 1 到 32 个字符，前后没有空白，不含控制字符",
        );
        return Err(FieldError::new("type", "length_1_32", kind, en, zh));
    }
    let price = input.price.payable("price")?;
    Ok(CatalogRow { id: input.id, name: input.name, price, kind, created_at: now })
}

fn shown(row: CatalogRow) -> CatalogEntry {
    CatalogEntry {
        id: row.id,
        name: row.name,
        price: row.price.get(),
        kind: row.kind,
        created_at: shown_time(row.created_at),
    }
}

fn exists(id: &str) -> Problem {
    problem::new(
        "CATALOG_EXISTS",
        format!("目录里已经有 {id}。"),
        format!("The catalogue has {id} already."),
        format!("换一个编号；要改价格，先用 guitai catalog remove {id} 移除再添加。"),
        format!("Choose another id; to change its price, take it out with guitai catalog remove {id} and add it anew."),
    )
    .at_field("id")
}

fn absent(id: &str) -> Problem {
    let id = crate::visible(id, 64);
    problem::new(
        "CATALOG_NOT_FOUND",
        format!("目录里没有 {id}。"),
        format!("The catalogue has no {id}."),
        "用 guitai catalog list 查看目录（区分大小写）。",
        "See what is there with guitai catalog list (letter case counts).",
    )
}

fn full() -> Problem {
    problem::new(
        "CATALOG_FULL",
        format!("目录最多 {ENTRIES} 项。"),
        format!("The catalogue holds at most {ENTRIES} entries."),
        "先移除不再出售的。",
        "Remove what is no longer sold first.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Options;
    use crate::outside::Outside;
    use wechatpay::time::Timestamp;

    fn input(id: &str, name: &str, price: i64, kind: Option<&str>) -> CatalogInput {
        CatalogInput { id: id.to_owned(), name: name.to_owned(), price: Fen::new(price), kind: kind.map(str::to_owned) }
    }

    #[test]
    fn each_field_has_its_rule() {
        let (long, longer) = ("套".repeat(127), "套".repeat(128));
        for (id, name, price, kind, field) in [
            ("data-30.g_1", long.as_str(), 1, Some("流量"), None),
            ("", "n", 1, None, Some("id")),
            ("a b", "n", 1, None, Some("id")),
            ("包", "n", 1, None, Some("id")),
            ("123456789012345678901234567890123", "n", 1, None, Some("id")),
            ("a", "", 1, None, Some("name")),
            ("a", " n", 1, None, Some("name")),
            ("a", "n\n", 1, None, Some("name")),
            ("a", longer.as_str(), 1, None, Some("name")),
            ("a", "n", 0, None, Some("price")),
            ("a", "n", 1_000_000_001, None, Some("price")),
            ("a", "n", 1, Some("t\u{7}"), Some("type")),
        ] {
            let judged = sound(input(id, name, price, kind), Timestamp::UNIX_EPOCH);
            assert_eq!(judged.err().map(|error| error.field).as_deref(), field, "{id:?} {name:?} {price} {kind:?}");
        }
    }

    #[tokio::test]
    async fn entries_are_added_once_listed_by_id_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Outside::fixed(Timestamp::UNIX_EPOCH, 1);
        let options = Options { data_dir: folder.path().to_owned(), passphrase: None, interactive: false, outside };
        let console = Console::open(options).await.expect("a desk");
        for id in ["b", "a"] {
            console.catalog_add(input(id, "流量包", 2990, Some("data"))).await.expect("added");
        }
        let again = console.catalog_add(input("a", "another", 1, None)).await.expect_err("taken");
        assert_eq!((again.code.as_str(), again.field.as_deref()), ("CATALOG_EXISTS", Some("id")));
        let page = console.catalog_list().await.expect("listed");
        let ids: Vec<_> = page.items.iter().map(|entry| (entry.id.as_str(), entry.price)).collect();
        assert_eq!((ids, page.next), (vec![("a", 2990), ("b", 2990)], None));
        console.catalog_remove("a").await.expect("removed");
        assert_eq!(console.catalog_remove("a").await.expect_err("gone").code, "CATALOG_NOT_FOUND");
        assert_eq!(console.catalog_list().await.expect("listed").items.len(), 1);
    }
}
