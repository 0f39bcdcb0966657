//! A text that must not be seen: it has no `Display` and no `Serialize`, its `Debug` shows nothing, and its memory is
//! wiped when it goes.

use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroizing;

/// A secret's bytes: a PEM, an APIv3 key, an app secret, a passphrase.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes of a file or of a form.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that uses them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Is there nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without blanks and line ends around it, as editors leave them in files; `None` if it is no UTF-8.
    pub(crate) fn trimmed(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().map(|text| text.trim_start_matches('\u{FEFF}').trim())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(Zeroizing::new(text.into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret::from)
    }
}

impl specta::Type for Secret {
    fn definition(types: &mut specta::Types) -> specta::datatype::DataType {
        <String as specta::Type>::definition(types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from("canary-7f3a".to_owned());
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).matches("canary").count(), 0);
        assert_eq!(Secret::from(" k\r\n".to_owned()).trimmed(), Some("k"));
        assert_eq!(Secret::from_bytes(vec![0xFF]).trimmed(), None);
    }
}
