//! The two clocks and the one source of chance. Wall time goes into signatures; business time, which the controls may move
//! on, decides what is due, expired or settled. Nothing else in this crate asks the machine.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use wechatpay::time::Timestamp;

/// Milliseconds since 1970, UTC: how the ledger keeps instants.
pub(crate) type Millis = i64;

/// Business time may run ahead of the wall by ten years at most, so that no date leaves the calendar.
const MOST_AHEAD: Millis = 10 * 366 * 86_400_000;

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";
const DIGITS: &[u8; 10] = b"0123456789";

/// Business time may run this many times as fast as the wall's.
const FASTEST: u32 = 3_600;

/// How business time goes: from a pair of instants on, so many times as fast as the wall's; 0 holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    wall: Millis,
    business: Millis,
    rate: u32,
    /// The sandbox ended then: until the next start it goes on like the wall, or is held.
    #[serde(default)]
    ended: bool,
}

impl Pace {
    /// In step with the wall, ahead of it by so much.
    pub(crate) fn ahead_by(millis: Millis) -> Pace {
        let wall = Clock::wall().as_millisecond();
        Pace { wall, business: wall.saturating_add(millis.clamp(0, MOST_AHEAD)), rate: 1, ended: false }
    }

    fn at(&self, wall: Millis) -> Millis {
        // The wall's clock may be set back; business time never goes back.
        let passed = wall.saturating_sub(self.wall).max(0);
        let rate = if self.ended { self.rate.min(1) } else { self.rate };
        let at = self.business.saturating_add(passed.saturating_mul(i64::from(rate)));
        at.min(wall.saturating_add(MOST_AHEAD)).max(self.business)
    }

    fn rebased(self) -> Pace {
        let wall = Clock::wall().as_millisecond();
        Pace { wall, business: self.at(wall), rate: self.rate, ended: false }
    }
}

/// The two times.
#[derive(Debug)]
pub(crate) struct Clock {
    pace: Mutex<Pace>,
}

impl Clock {
    /// A clock that goes on as it went.
    pub(crate) fn going(pace: Pace) -> Self {
        Clock { pace: Mutex::new(pace.rebased()) }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        // Nothing panics under this lock.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wall's time.
    pub(crate) fn wall() -> Timestamp {
        Timestamp::now()
    }

    /// Business time.
    pub(crate) fn business(&self) -> Millis {
        self.pace().at(Clock::wall().as_millisecond())
    }

    /// How far business time is ahead of the wall, in milliseconds; less than nothing after it was held.
    pub(crate) fn ahead(&self) -> Millis {
        let wall = Clock::wall().as_millisecond();
        self.pace().at(wall).saturating_sub(wall)
    }

    /// How many times as fast as the wall's; 0: held.
    pub(crate) fn rate(&self) -> u32 {
        self.pace().rate
    }

    /// How long until this instant by the wall; `None`: it doesn't come by itself, for business time is held.
    pub(crate) fn until(&self, at: Millis) -> Option<Duration> {
        let wait = u64::try_from(at.saturating_sub(self.business())).unwrap_or(0);
        match self.rate() {
            0 if wait > 0 => None,
            rate => Some(Duration::from_millis(wait.div_ceil(u64::from(rate.max(1))))),
        }
    }

    /// Moves business time on; `None` if it were more than ten years ahead.
    pub(crate) fn advance(&self, seconds: u64) -> Option<Pace> {
        let step = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
        let mut pace = self.pace();
        let now = pace.rebased();
        let business = now.business.checked_add(step).filter(|at| at.saturating_sub(now.wall) <= MOST_AHEAD)?;
        *pace = Pace { business, ..now };
        Some(*pace)
    }

    /// Lets business time go this many times as fast as the wall's; `None` if that is too fast.
    pub(crate) fn set_rate(&self, rate: u32) -> Option<Pace> {
        let mut pace = self.pace();
        *pace = Pace { rate: Some(rate).filter(|rate| *rate <= FASTEST)?, ..pace.rebased() };
        Some(*pace)
    }

    /// Where it ends for now.
    pub(crate) fn ended(&self) -> Pace {
        Pace { ended: true, ..self.pace().rebased() }
    }
}

/// An instant of the ledger as the protocol's type.
pub(crate) fn instant(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn pick(alphabet: &[u8], length: usize) -> String {
    CHANCE.with_borrow_mut(|chance| pick_from(alphabet, length, |bytes| chance.fill(bytes)))
}

thread_local! {
    static CHANCE: RefCell<Chance> = const { RefCell::new(Chance { bytes: [0; 1_024], left: 0 }) };
}

/// The system's chance, fetched for many at once: a prepay takes six helpings, and to ask costs more than to be given.
struct Chance {
    bytes: [u8; 1_024],
    /// Not handed out yet: the first so many.
    left: usize,
}

impl Chance {
    fn fill(&mut self, out: &mut [u8; 32]) {
        if self.left < out.len() {
            OsRng.fill_bytes(&mut self.bytes);
            self.left = self.bytes.len();
        }
        self.left -= out.len();
        for (out, byte) in out.iter_mut().zip(self.bytes.iter_mut().skip(self.left)) {
            // handed out once, and not to be found here afterwards
            *out = std::mem::take(byte);
        }
    }
}

fn pick_from(alphabet: &[u8], length: usize, mut fill: impl FnMut(&mut [u8; 32])) -> String {
    let mut out = String::with_capacity(length);
    let mut bytes = [0_u8; 32];
    // Bytes that would favour the alphabet's beginning are thrown away.
    let fair = 256 - 256 % alphabet.len().max(1);
    while out.len() < length {
        fill(&mut bytes);
        for byte in bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair) {
            if out.len() < length
                && let Some(letter) = alphabet.get(byte % alphabet.len().max(1))
            {
                out.push(char::from(*letter));
            }
        }
    }
    out
}

/// What identifiers are made of: chance, or a seed and what each is for. With a seed a run that does the same things gets the
/// same identifiers, in whatever order its requests overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lots(Option<u64>);

impl Lots {
    /// `None`: chance.
    pub(crate) fn of(seed: Option<u64>) -> Lots {
        Lots(seed)
    }

    fn draw(self, alphabet: &[u8], length: usize, what: &[&str]) -> String {
        use sha2::Digest as _;
        let Some(seed) = self.0 else { return pick(alphabet, length) };
        let mut round = 0_u64;
        pick_from(alphabet, length, |bytes| {
            let mut hash = sha2::Sha256::new();
            hash.update(seed.to_be_bytes());
            hash.update(round.to_be_bytes());
            for part in what {
                hash.update(part.as_bytes());
                hash.update([0]);
            }
            *bytes = hash.finalize().into();
            round = round.wrapping_add(1);
        })
    }

    /// Letters and digits.
    pub(crate) fn alphanumeric(self, length: usize, what: &[&str]) -> String {
        self.draw(ALPHANUMERIC, length, what)
    }

    /// Lower-case hex digits.
    pub(crate) fn hex(self, length: usize, what: &[&str]) -> String {
        self.draw(HEX, length, what)
    }

    /// Decimal digits.
    pub(crate) fn digits(self, length: usize, what: &[&str]) -> String {
        self.draw(DIGITS, length, what)
    }

    /// A UUID (version 4): the id of a notification.
    pub(crate) fn uuid(self, what: &[&str]) -> String {
        let h = self.hex(32, what);
        let part = |from: usize, to: usize| h.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    /// The nonce of a sealed resource.
    pub(crate) fn seal_nonce(self, what: &[&str]) -> [u8; 12] {
        let mut nonce = [b'0'; 12];
        for (slot, letter) in nonce.iter_mut().zip(self.alphanumeric(12, what).bytes()) {
            *slot = letter;
        }
        nonce
    }
}

/// Letters and digits: nonces, secrets.
pub(crate) fn alphanumeric(length: usize) -> String {
    pick(ALPHANUMERIC, length)
}

/// Lower-case hex digits.
pub(crate) fn hex(length: usize) -> String {
    pick(HEX, length)
}

/// Decimal digits.
pub(crate) fn digits(length: usize) -> String {
    pick(DIGITS, length)
}

/// Twelve letters and digits: the nonce of a sealed resource.
pub(crate) fn seal_nonce() -> [u8; 12] {
    Lots::default().seal_nonce(&[])
}

/// A serial of 20 bytes: top bit clear and no leading zero digit, so that every tool prints the same 40 digits.
pub(crate) fn serial() -> [u8; 20] {
    let mut bytes = [0_u8; 20];
    OsRng.fill_bytes(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_time_moves_on_and_stops_at_ten_years() {
        let clock = Clock::going(Pace::ahead_by(0));
        assert!(clock.advance(15).is_some());
        assert!((14_900..=15_000).contains(&clock.ahead()), "{}", clock.ahead());
        assert_eq!(clock.advance(u64::MAX), None);
        assert_eq!(clock.advance(11 * 366 * 86_400), None);
        assert!((14_900..=15_000).contains(&clock.ahead()), "{}", clock.ahead());
        assert_eq!(clock.set_rate(FASTEST + 1), None);
        assert_eq!(clock.rate(), 1);
    }

    #[test]
    fn business_time_goes_at_its_pace_and_never_back() {
        let at = |rate: u32, ended: bool, wall: Millis| Pace { wall: 1_000, business: 5_000, rate, ended }.at(wall);
        for (rate, ended, wall, expected) in [
            (1, false, 2_000, 6_000),
            (60, false, 2_000, 65_000),
            (0, false, 2_000, 5_000),
            (1, false, 500, 5_000),
            // While nobody serves it is not hurried.
            (60, true, 2_000, 6_000),
            (0, true, 2_000, 5_000),
            (3_600, false, i64::MAX / 4_000, i64::MAX / 4_000 + MOST_AHEAD),
        ] {
            assert_eq!(at(rate, ended, wall), expected, "{rate} {ended} {wall}");
        }
    }

    #[test]
    fn what_waits_follows_the_pace() {
        let clock = Clock::going(Pace::ahead_by(0));
        let due = clock.business() + 60_000;
        assert!(clock.until(due).is_some_and(|wait| wait <= Duration::from_secs(60)));
        clock.set_rate(60);
        assert!(clock.until(due).is_some_and(|wait| wait <= Duration::from_secs(1)));
        clock.set_rate(0);
        assert_eq!(clock.until(due), None);
        assert_eq!(clock.until(due - 120_000), Some(Duration::ZERO), "what is due is due");
        let held = clock.business();
        assert!(clock.advance(60).is_some());
        assert_eq!(clock.business(), held + 60_000, "a held clock can be moved");
    }

    #[test]
    fn chance_has_the_forms_that_are_asked_for() {
        assert_eq!(Lots::default().uuid(&[]).len(), 36);
        let seeded = Lots::of(Some(7));
        assert_eq!(seeded.digits(20, &["a", "b"]), seeded.digits(20, &["a", "b"]));
        assert_ne!(seeded.digits(20, &["a", "b"]), seeded.digits(20, &["ab", ""]));
        assert_ne!(seeded.hex(70, &["a"]), Lots::of(Some(8)).hex(70, &["a"]));
        let first = serial()[0];
        assert!((0x40..0x80).contains(&first), "{first:x}");
        assert!(alphanumeric(32).bytes().all(|b| b.is_ascii_alphanumeric()));
        let many: std::collections::HashSet<String> = (0..1_000).map(|_| alphanumeric(32)).collect();
        assert_eq!(many.len(), 1_000, "none twice, however often the store of chance was filled");
        assert_eq!(digits(3).len(), 3);
    }
}
