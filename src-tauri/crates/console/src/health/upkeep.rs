//! What is looked at without being asked: the store quickly after a start, thoroughly once a week, and once a week whether
//! the newest backup can really be restored. Found out away from every path that somebody waits on.

use super::report::Looked;
use super::{drive, synced};
use crate::console::Console;
use crate::orders::shown_time;
use crate::outside::free_bytes;
use crate::store::{Finding, look, put_back};
use crate::wire::{Bilingual, Problem};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;
use wechatpay::time::Timestamp;

/// Settings that keep what was found, as JSON of [`Looked`].
pub(super) const INTEGRITY: &str = "health.integrity";
pub(super) const DRILL: &str = "health.drill";
/// The quick look takes at most so long: a huge store is looked at once a week.
const QUICK: Duration = Duration::from_secs(20);
/// Seconds from one thorough look to the next.
const WEEK: i64 = 7 * 86_400;

impl Console {
    /// The quick look after a start.
    pub(crate) async fn check_after_start(&self) {
        let found = self.desk.store.check(true, Some(QUICK)).await;
        let (ok, said) = match found {
            Ok(Some(Ok(said))) => (true, said),
            Ok(Some(Err(said))) => (false, said),
            Ok(None) => return,
            Err(error) => (false, error.to_string()),
        };
        if !ok {
            tracing::error!(said, "the store is damaged: guitai doctor store says more");
        }
        let looked = Looked { at: shown_time(self.desk.outside.now()), ok, said };
        *self.desk.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
    }

    /// Once a week: SQLite's whole check, and the newest backup restored aside.
    pub(crate) async fn weekly(&self) -> Result<(), Problem> {
        if self.is_due(INTEGRITY).await?
            && let Some(found) = self.desk.store.check(false, None).await?
        {
            self.keep_found(INTEGRITY, found).await?;
        }
        let newest = self.backup_status().await?.last_file.map(PathBuf::from);
        if let Some(file) = newest
            && self.is_due(DRILL).await?
        {
            let (folder, now) = (self.desk.data_dir.clone(), self.desk.outside.now());
            let drilled = tokio::task::spawn_blocking(move || drill(&folder, &file, now)).await;
            if let Ok(Some(found)) = drilled {
                self.keep_found(DRILL, found).await?;
            }
        }
        Ok(())
    }

    async fn is_due(&self, key: &str) -> Result<bool, Problem> {
        let settings = self.settings_get().await?;
        let last = settings.get(key).and_then(|text| serde_json::from_str::<Looked>(text).ok());
        let at = last.and_then(|looked| looked.at.parse::<Timestamp>().ok());
        let now = self.desk.outside.now();
        // a clock that was set back must not put it off for ever
        Ok(at.is_none_or(|at| !(0..WEEK).contains(&now.as_second().saturating_sub(at.as_second()))))
    }

    async fn keep_found(&self, key: &str, found: Finding) -> Result<(), Problem> {
        let ok = found.is_ok();
        let said = found.unwrap_or_else(|wrong| wrong);
        if ok {
            tracing::info!(what = key, "looked at: sound");
        } else {
            tracing::error!(what = key, said, "looked at: not sound");
        }
        let looked = Looked { at: shown_time(self.desk.outside.now()), ok, said: said.chars().take(300).collect() };
        self.settings_set(key, &serde_json::to_string(&looked).unwrap_or_default()).await
    }

    /// Where the data lies and should not: on a network drive, in a folder that is synchronised.
    pub(crate) fn place_notices(&self) -> Vec<Bilingual> {
        let wrong = [drive(&self.desk.data_dir), synced(&self.desk.data_dir)];
        wrong.into_iter().filter(|check| check.ok == Some(false)).map(|check| check.detail).collect()
    }
}

/// Restores `file` into a folder of its own, looks at what came of it from end to end, and takes it away again. `None`:
/// there is no room for that now.
fn drill(data_dir: &Path, file: &Path, now: Timestamp) -> Option<Finding> {
    let bytes = std::fs::metadata(file).map_or(0, |facts| facts.len());
    if free_bytes(data_dir).is_some_and(|free| free < bytes.saturating_mul(2).saturating_add(super::ROOM)) {
        return None;
    }
    let folder = data_dir.join("backups").join("drill");
    let _ = std::fs::remove_dir_all(&folder);
    let restored = put_back(&folder, file, now).and_then(|(facts, _)| Ok((facts, look(&folder)?)));
    let _ = std::fs::remove_dir_all(&folder);
    Some(match restored {
        Ok((facts, seen)) => {
            let parts = [seen.header, seen.integrity, seen.references, seen.callbacks, seen.summary, seen.search];
            match parts.into_iter().flatten().find_map(Result::err) {
                Some(wrong) => Err(wrong),
                None => Ok(format!("{} orders, {} callbacks", facts.rows_of("orders"), facts.rows_of("callbacks"))),
            }
        }
        Err(error) => Err(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Options;
    use crate::outside::Outside;
    use crate::wire::OrderInput;
    use wechatpay::money::Fen;

    async fn desk(folder: &Path, outside: &Outside) -> Console {
        let options =
            Options { data_dir: folder.to_owned(), passphrase: None, interactive: false, outside: outside.clone() };
        Console::open(options).await.expect("a desk")
    }

    /// What is known of the weekly looks: integrity and drill.
    async fn known(console: &Console) -> (Option<bool>, Option<bool>) {
        let health = console.health().await.expect("how everything is");
        (health.integrity.map(|looked| looked.ok), health.drill.map(|looked| looked.ok))
    }

    #[tokio::test]
    async fn a_week_has_one_look_at_the_store_and_one_restored_backup() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Outside::fixed(crate::gateway::stand::then(), 8);
        let console = desk(folder.path(), &outside).await;
        console.desk.merchants.add(crate::gateway::stand::sound("shop")).await.expect("a merchant");
        let input = OrderInput { amount: Fen::new(1), description: "茶".to_owned(), ..OrderInput::default() };
        console.order_create(None, input).await.expect("an order");

        assert_eq!(known(&console).await, (None, None));
        console.weekly().await.expect("looked");
        assert_eq!(known(&console).await, (Some(true), None), "there is no backup yet");
        let backup = console.backup_here().await.expect("a backup");
        console.weekly().await.expect("looked");
        assert_eq!(known(&console).await, (Some(true), Some(true)));
        assert!(!folder.path().join("backups/drill").exists(), "nothing of the drill is left");

        // rotten on the disk: a day later nobody looks, a week later it is found
        let bytes = std::fs::read(&backup.file).expect("the backup");
        let mut rotten = bytes.clone();
        let middle = bytes.len() / 2;
        rotten[middle..middle + 4_096].fill(0xA5);
        std::fs::write(&backup.file, rotten).expect("written");
        outside.advance(86_400);
        console.weekly().await.expect("nothing is due");
        assert_eq!(known(&console).await, (Some(true), Some(true)));
        outside.advance(7 * 86_400);
        console.weekly().await.expect("looked");
        assert_eq!(known(&console).await, (Some(true), Some(false)));
        console.close().await;
    }

    #[tokio::test]
    async fn a_damaged_store_is_found_after_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Outside::fixed(crate::gateway::stand::then(), 8);
        let console = desk(folder.path(), &outside).await;
        assert_eq!(console.health().await.expect("health").started, None);
        console.check_after_start().await;
        assert!(console.health().await.expect("health").started.is_some_and(|looked| looked.ok));
        console.close().await;
        // one whole page of the middle is gone; the first, which says what the file is, stands
        let file = folder.path().join("guitai.db");
        let mut bytes = std::fs::read(&file).expect("the store");
        let end = bytes.len();
        bytes[end - 8_192..].fill(0xA5);
        std::fs::write(&file, bytes).expect("written");
        let console = desk(folder.path(), &outside).await;
        console.check_after_start().await;
        let started = console.health().await.expect("health").started.expect("looked at");
        assert!(!started.ok && !started.said.is_empty(), "{started:?}");
        console.close().await;
    }
}
