//! Forward targets that are kept: added, listed, paused, removed; and which of them (and of those that a command named for
//! its own lifetime) a delivery goes to.

use super::{TARGETS, courier};
use crate::console::Console;
use crate::orders::shown_time;
use crate::problem;
use crate::replay::target::Target;
use crate::store::{ForwardTargetCounts, ForwardTargetRow, StoreError, View};
use crate::visible;
use crate::wire::{Problem, Verdict};
use serde::{Deserialize, Serialize};
use wechatpay::error::FieldError;

/// Which deliveries a target gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "lowercase")]
pub enum ForwardWhat {
    /// Genuine ones, whatever became of them: applied, duplicate, held.
    #[default]
    Accepted,
    /// All that are kept, forged and failed ones too.
    Each,
    /// Those that are not genuine, for somebody who watches for them.
    Rejected,
}

impl ForwardWhat {
    const ALL: [(ForwardWhat, &'static str); 3] =
        [(ForwardWhat::Accepted, "accepted"), (ForwardWhat::Each, "each"), (ForwardWhat::Rejected, "rejected")];

    fn slug(self) -> &'static str {
        Self::ALL.into_iter().find(|(what, _)| *what == self).map_or("accepted", |(_, slug)| slug)
    }

    fn named(text: &str) -> ForwardWhat {
        Self::ALL.into_iter().find(|(_, slug)| *slug == text).map_or(ForwardWhat::Accepted, |(what, _)| what)
    }

    /// Does a delivery of this verdict go on? What comes back from a target that points at ourselves doesn't, or it
    /// would go round for ever.
    fn takes(self, verdict: Verdict, came_from_us: bool) -> bool {
        let fits = match verdict {
            Verdict::Applied | Verdict::Held | Verdict::Duplicate => self != ForwardWhat::Rejected,
            Verdict::Rejected => self != ForwardWhat::Accepted,
            Verdict::Failed => self == ForwardWhat::Each,
        };
        fits && (!came_from_us || matches!(verdict, Verdict::Applied | Verdict::Held))
    }
}

/// A target to be kept.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ForwardTargetInput {
    /// An http or https address without user name, password or fragment.
    pub url: String,
    /// Which deliveries it gets.
    #[serde(default)]
    pub what: ForwardWhat,
    /// Only events whose type begins so, such as `TRANSACTION.SUCCESS` or `REFUND`.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The address may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// A kept target and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct ForwardTarget {
    /// In its one spelling.
    pub url: String,
    /// Which deliveries it gets.
    pub what: ForwardWhat,
    /// Only events whose type begins so.
    pub event_type: Option<String>,
    /// The address may be private or link-local.
    pub allow_private: bool,
    /// What comes meanwhile waits until it goes on.
    pub paused: bool,
    /// When it was added.
    pub created_at: String,
    /// Deliveries that wait for it; 10,000 means at least so many.
    pub waiting: u32,
    /// Deliveries whose ladder is used up; 10,000 means at least so many.
    pub dead: u32,
    /// What it answered last to the one that is tried next.
    pub last_status: Option<u16>,
    /// Why that failed, where no answer says it.
    pub last_error: Option<String>,
}

/// The targets that a delivery goes to: those of the store, paused or not, and `named` ones, which get what is accepted.
pub(crate) fn targets_for(
    view: &View<'_>,
    named: &[String],
    verdict: Verdict,
    event_type: Option<&str>,
    headers: &[(String, String)],
) -> Result<Vec<String>, StoreError> {
    let came_from_us = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(courier::DELIVERY));
    let kept = view.forward_targets()?.into_iter().filter(|row| {
        let fits = row.event_type.as_deref().is_none_or(|wanted| event_type.is_some_and(|is| is.starts_with(wanted)));
        fits && ForwardWhat::named(&row.what).takes(verdict, came_from_us)
    });
    let mut targets: Vec<String> = kept.map(|row| row.url).collect();
    if ForwardWhat::Accepted.takes(verdict, came_from_us) {
        targets.extend(named.iter().cloned());
    }
    targets.sort();
    targets.dedup();
    Ok(targets)
}

impl Console {
    /// Keeps a target: from now on deliveries are passed on to it, by whichever process takes them in, over restarts.
    /// Adding one that is there changes what it gets.
    ///
    /// # Errors
    /// `INVALID_FIELD`, `TARGET_REFUSED` for an address that may not be sent to; `TOO_MANY_TARGETS` (16); the store's.
    pub async fn forward_target_add(&self, input: ForwardTargetInput) -> Result<ForwardTarget, Problem> {
        let target = Target::parse("url", &input.url, input.allow_private)?;
        let event_type = input.event_type.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let sound = |text: &str| {
            text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'.' | b'_'))
        };
        if let Some(wrong) = event_type.as_deref().filter(|text| !sound(text)) {
            let (en, zh) =
                ("must be an event type such as TRANSACTION.SUCCESS", "须为事件类型，如 TRANSACTION.SUCCESS");
            return Err(FieldError::new("event_type", "event_type", &visible(wrong, 64), en, zh).into());
        }
        let row = ForwardTargetRow {
            url: target.text().to_owned(),
            what: input.what.slug().to_owned(),
            event_type,
            allow_private: input.allow_private,
            paused: false,
            created_at: self.desk.outside.now(),
        };
        let url = row.url.clone();
        self.desk
            .store
            .write(move |tx| {
                let known = tx.forward_targets()?;
                if known.len() >= TARGETS && known.iter().all(|it| it.url != row.url) {
                    return Err(too_many());
                }
                Ok::<_, Problem>(tx.forward_target_put(&row)?)
            })
            .await?;
        self.desk.forwarding.changed();
        self.forward_target(&url).await
    }

    /// All kept targets, with what waits for them and what is dead.
    ///
    /// # Errors
    /// The store's.
    pub async fn forward_target_list(&self) -> Result<Vec<ForwardTarget>, Problem> {
        let rows = self.desk.store.read(|view| {
            let rows = view.forward_targets()?;
            rows.into_iter()
                .map(|row| Ok((view.forward_target_counts(&row.url)?, row)))
                .collect::<Result<Vec<_>, StoreError>>()
        });
        Ok(rows.await?.into_iter().map(|(counts, row)| shown(row, counts)).collect())
    }

    /// Pauses a target (what comes meanwhile waits for it), or lets it go on.
    ///
    /// # Errors
    /// `TARGET_NOT_KEPT`; the store's.
    pub async fn forward_target_pause(&self, url: &str, paused: bool) -> Result<ForwardTarget, Problem> {
        let name = spelled(url);
        let asked = name.clone();
        let found = self.desk.store.write(move |tx| tx.forward_target_pause(&asked, paused)).await?;
        if !found {
            return Err(not_kept(url));
        }
        self.desk.forwarding.changed();
        self.forward_target(&name).await
    }

    /// Forgets a target. What waits for it is dead then, and is not lost: adding it again and recovering brings it back.
    ///
    /// # Errors
    /// `TARGET_NOT_KEPT`; the store's.
    pub async fn forward_target_remove(&self, url: &str) -> Result<(), Problem> {
        let name = spelled(url);
        if !self.desk.store.write(move |tx| tx.forward_target_remove(&name)).await? {
            return Err(not_kept(url));
        }
        self.desk.forwarding.changed();
        Ok(())
    }

    async fn forward_target(&self, url: &str) -> Result<ForwardTarget, Problem> {
        let all = self.forward_target_list().await?;
        all.into_iter().find(|target| target.url == url).ok_or_else(|| not_kept(url))
    }
}

/// An address in the spelling that it is kept under.
fn spelled(url: &str) -> String {
    Target::parse("url", url, true).map_or_else(|_| url.trim().to_owned(), |target| target.text().to_owned())
}

fn shown(row: ForwardTargetRow, counts: ForwardTargetCounts) -> ForwardTarget {
    ForwardTarget {
        what: ForwardWhat::named(&row.what),
        url: row.url,
        event_type: row.event_type,
        allow_private: row.allow_private,
        paused: row.paused,
        created_at: shown_time(row.created_at),
        waiting: counts.waiting,
        dead: counts.dead,
        last_status: counts.last_status,
        last_error: counts.last_error,
    }
}

fn too_many() -> Problem {
    problem::new(
        "TOO_MANY_TARGETS",
        "转发目标已有 16 个，没有添加。",
        "There are 16 forward targets already; none was added.",
        "先用 guitai forward remove 移除不用的。",
        "Remove one that isn't used first: guitai forward remove.",
    )
}

fn not_kept(url: &str) -> Problem {
    let shown = if url.contains('@') { "***".to_owned() } else { visible(url, 200) };
    problem::new(
        "TARGET_NOT_KEPT",
        format!("没有转发目标 {shown}。"),
        format!("There is no forward target {shown}."),
        "用 guitai forward list 查看有哪些目标。",
        "See with guitai forward list which there are.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_gets_what_it_asked_for_and_nothing_goes_round() {
        use ForwardWhat::{Accepted, Each, Rejected};
        for (verdict, takers, from_us) in [
            (Verdict::Applied, &[Accepted, Each][..], &[Accepted, Each][..]),
            (Verdict::Held, &[Accepted, Each], &[Accepted, Each]),
            (Verdict::Duplicate, &[Accepted, Each], &[]),
            (Verdict::Rejected, &[Each, Rejected], &[]),
            (Verdict::Failed, &[Each], &[]),
        ] {
            for (what, slug) in ForwardWhat::ALL {
                assert_eq!(what.takes(verdict, false), takers.contains(&what), "{slug} {verdict:?}");
                assert_eq!(what.takes(verdict, true), from_us.contains(&what), "{slug} {verdict:?}, from us");
                assert_eq!(ForwardWhat::named(slug), what);
            }
        }
    }
}
