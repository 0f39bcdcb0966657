//! The two clocks and the one source of chance. Wall time goes into signatures; business time, which the controls may move
//! on, decides what is due, expired or settled. Nothing else in this crate asks the machine.

use std::sync::atomic::{AtomicI64, Ordering};

use rand_core::{OsRng, RngCore as _};
use wechatpay::time::Timestamp;

/// Milliseconds since 1970, UTC: how the ledger keeps instants.
pub(crate) type Millis = i64;

/// Business time may run ahead of the wall by ten years at most, so that no date leaves the calendar.
const MOST_AHEAD: Millis = 10 * 366 * 86_400_000;

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";
const DIGITS: &[u8; 10] = b"0123456789";

/// Wall time, and how far business time is ahead of it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// A clock that goes on where it was.
    pub(crate) fn ahead_by(millis: Millis) -> Self {
        Clock { ahead: AtomicI64::new(millis.clamp(0, MOST_AHEAD)) }
    }

    /// The wall's time.
    pub(crate) fn wall() -> Timestamp {
        Timestamp::now()
    }

    /// Business time.
    pub(crate) fn business(&self) -> Millis {
        Timestamp::now().as_millisecond().saturating_add(self.ahead())
    }

    /// How far business time is ahead of the wall, in milliseconds.
    pub(crate) fn ahead(&self) -> Millis {
        self.ahead.load(Ordering::SeqCst)
    }

    /// Moves business time on and says by how much it is ahead now; `None` if that were more than ten years.
    pub(crate) fn advance(&self, seconds: u64) -> Option<Millis> {
        let step = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
        let moved = |ahead: i64| ahead.checked_add(step).filter(|sum| *sum <= MOST_AHEAD);
        let before = self.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved).ok()?;
        before.checked_add(step)
    }
}

/// An instant of the ledger as the protocol's type.
pub(crate) fn instant(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn pick(alphabet: &[u8], length: usize) -> String {
    pick_from(alphabet, length, |bytes| OsRng.fill_bytes(bytes))
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
        let clock = Clock::default();
        assert_eq!(clock.advance(15), Some(15_000));
        assert!(clock.business() - Clock::wall().as_millisecond() >= 14_900);
        assert_eq!(clock.advance(u64::MAX), None);
        assert_eq!(clock.advance(11 * 366 * 86_400), None);
        assert_eq!(clock.ahead(), 15_000);
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
        assert_ne!(alphanumeric(32), alphanumeric(32));
        assert_eq!(digits(3).len(), 3);
    }
}
