//! Says a payment aloud, 收款到账 … 元, with whatever voice the system has; and knows when to keep quiet.
//!
//! Only `PaymentReceived` is said, which is sent for verified payments alone, and nothing of what a payer or a callback
//! wrote: the words are ours, the only part that changes is the amount. The speaking program is started by its name with
//! the words as one argument (or in its environment), never through a shell.

use crate::tray::Language;
use guitai_console::wire::Event;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Sentences that wait while one is said; what comes on top is not said, the window and the bell have it.
const WAITING: usize = 4;
/// Payments of one batch that are said one by one; more are said as a sum.
const ONE_BY_ONE: usize = 3;

/// What a person set about being told: the settings `notifications`, `voice`, `quiet_from` and `quiet_until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Native notifications.
    pub bell: bool,
    /// The voice.
    pub voice: bool,
}

impl Manner {
    /// On unless switched off; both are off in the quiet hours. `now` is RFC 3339 in Beijing
    /// time, as the hours are.
    #[must_use]
    pub fn of(settings: &BTreeMap<String, String>, now: &str) -> Self {
        let minute = now.get(11..16).and_then(minute_of).unwrap_or(0);
        let on = |key: &str| settings.get(key).map(String::as_str) != Some("off");
        let clock = |key: &str| settings.get(key).and_then(|text| minute_of(text));
        let quiet = match (clock("quiet_from"), clock("quiet_until")) {
            (Some(from), Some(until)) if from <= until => (from..until).contains(&minute),
            // over midnight
            (Some(from), Some(until)) => minute >= from || minute < until,
            _ => false,
        };
        Self { bell: on("notifications") && !quiet, voice: on("voice") && !quiet }
    }
}

/// `22:30` as a minute of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Says sentences one after the other, on a thread of its own.
pub struct Voice {
    sentences: SyncSender<(Language, String)>,
}

impl Voice {
    /// A voice that has nothing to say yet; it ends with its owner.
    #[must_use]
    pub fn new() -> Self {
        let (sentences, next) = sync_channel::<(Language, String)>(WAITING);
        thread::spawn(move || {
            while let Ok((language, sentence)) = next.recv() {
                if !speak(language, &sentence) {
                    tracing::debug!("this system has no voice");
                }
            }
        });
        Self { sentences }
    }

    /// Says the payments of a batch.
    pub fn tell(&self, language: Language, events: &[Event]) {
        for sentence in sentences(language, events) {
            let _ = self.sentences.try_send((language, sentence));
        }
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self::new()
    }
}

/// Says one sentence to try the voice, and waits; false: the system has none. Blocks.
#[must_use]
pub fn try_out(language: Language) -> bool {
    speak(language, &paid(language, 1_250))
}

fn sentences(language: Language, events: &[Event]) -> Vec<String> {
    let amounts: Vec<i64> = events
        .iter()
        .filter_map(|event| match event {
            Event::PaymentReceived { amount, .. } => Some(*amount),
            _ => None,
        })
        .collect();
    if amounts.len() <= ONE_BY_ONE {
        return amounts.into_iter().map(|amount| paid(language, amount)).collect();
    }
    let (count, sum) = (amounts.len(), amounts.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount)));
    vec![match language {
        Language::Zh => format!("收款到账{count}笔，共{}元", plain(sum)),
        Language::En => format!("{count} payments received, {} yuan", plain(sum)),
    }]
}

fn paid(language: Language, fen: i64) -> String {
    match language {
        Language::Zh => format!("收款到账{}元", plain(fen)),
        Language::En => format!("Payment received, {} yuan", plain(fen)),
    }
}

/// `12.5` from 1,250 fen: no zeros that a voice would read out.
fn plain(fen: i64) -> String {
    let fen = fen.unsigned_abs();
    let (yuan, rest) = (fen / 100, fen % 100);
    match rest {
        0 => yuan.to_string(),
        rest if rest % 10 == 0 => format!("{yuan}.{}", rest / 10),
        rest => format!("{yuan}.{rest:02}"),
    }
}

/// Programs that can speak here, the best first: name, arguments, and whether the words go into its environment.
#[cfg(target_os = "linux")]
fn speakers(language: Language) -> Vec<(&'static str, Vec<&'static str>)> {
    let (dispatcher, espeak) = match language {
        Language::Zh => ("zh", "cmn"),
        Language::En => ("en", "en"),
    };
    vec![("spd-say", vec!["--wait", "-l", dispatcher, "--"]), ("espeak-ng", vec!["-v", espeak, "--"])]
}

#[cfg(target_os = "macos")]
fn speakers(language: Language) -> Vec<(&'static str, Vec<&'static str>)> {
    let named = match language {
        Language::Zh => vec![("say", vec!["-v", "Tingting", "--"])],
        Language::En => Vec::new(),
    };
    named.into_iter().chain([("say", vec!["--"])]).collect()
}

/// The words are in the environment, so that no quote in them could ever be code.
#[cfg(target_os = "windows")]
const POWERSHELL: &str = "Add-Type -AssemblyName System.Speech; \
    $voice = New-Object System.Speech.Synthesis.SpeechSynthesizer; $voice.Speak($env:GUITAI_SAY)";

#[cfg(target_os = "windows")]
fn speakers(_language: Language) -> Vec<(&'static str, Vec<&'static str>)> {
    vec![("powershell", vec!["-NoProfile", "-NonInteractive", "-Command", POWERSHELL])]
}

fn speak(language: Language, sentence: &str) -> bool {
    speakers(language).into_iter().any(|(program, arguments)| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if cfg!(target_os = "windows") {
            command.env("GUITAI_SAY", sentence);
        } else {
            command.arg(sentence);
        }
        command.status().is_ok_and(|status| status.success())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use guitai_console::wire::{FoundBy, Verdict};

    fn payment(amount: i64) -> Event {
        Event::PaymentReceived {
            merchant: "shop".into(),
            out_trade_no: "A1".into(),
            amount,
            found_by: FoundBy::Callback,
        }
    }

    #[test]
    fn only_verified_payments_are_said() {
        let rejected =
            Event::CallbackReceived { merchant: "shop".into(), id: "cb_1".into(), verdict: Verdict::Rejected };
        let changed =
            Event::OrderChanged { merchant: "shop".into(), out_trade_no: "A1".into(), state: "SUCCESS".into() };
        assert_eq!(sentences(Language::Zh, &[rejected.clone(), changed]), Vec::<String>::new());
        assert_eq!(sentences(Language::Zh, &[rejected, payment(1_250)]), ["收款到账12.5元"]);
        assert_eq!(sentences(Language::En, &[payment(5), payment(100)]).len(), 2);
        let storm: Vec<_> = (0..10).map(|_| payment(1_001)).collect();
        assert_eq!(sentences(Language::Zh, &storm), ["收款到账10笔，共100.1元"]);
    }

    #[test]
    fn amounts_are_said_as_people_say_them() {
        for (fen, said) in [(1, "0.01"), (10, "0.1"), (100, "1"), (1_250, "12.5"), (123_456, "1234.56")] {
            assert_eq!(plain(fen), said);
        }
    }

    #[test]
    fn nights_are_quiet_if_wanted() {
        let settings = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let night = [("quiet_from", "22:00"), ("quiet_until", "07:30")];
        let noon = [("quiet_from", "12:00"), ("quiet_until", "13:00")];
        for (pairs, minute, loud) in [
            (&[][..], 0, true),
            (&night, 23 * 60, false),
            (&night, 7 * 60 + 29, false),
            (&night, 7 * 60 + 30, true),
            (&night, 12 * 60, true),
            (&noon, 12 * 60, false),
            (&noon, 13 * 60, true),
            (&[("quiet_from", "25:00"), ("quiet_until", "x")], 60, true),
            (&[("quiet_from", "22:00")], 23 * 60, true),
        ] {
            let now = format!("2026-11-24T{:02}:{:02}:00+08:00", minute / 60, minute % 60);
            assert_eq!(Manner::of(&settings(pairs), &now), Manner { bell: loud, voice: loud }, "{pairs:?} {minute}");
        }
        let off = settings(&[("notifications", "off"), ("voice", "on")]);
        assert_eq!(Manner::of(&off, "2026-11-24T00:00:00+08:00"), Manner { bell: false, voice: true });
    }
}
