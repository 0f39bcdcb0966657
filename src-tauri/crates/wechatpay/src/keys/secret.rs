//! The APIv3 key.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::KeyError;

/// The APIv3 key: exactly 32 bytes, used as they are (no hex, no base64; reference 1.2). `Debug` shows nothing, it is not
/// `Serialize`, comparing takes the same time wherever two differ, and it is overwritten in memory when dropped.
#[derive(Clone)]
pub struct ApiV3Key(Zeroizing<[u8; 32]>);

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key(***)")
    }
}

impl PartialEq for ApiV3Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for ApiV3Key {}

impl ApiV3Key {
    /// # Errors
    /// Not exactly 32 bytes; the error tells how many, and nothing else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = text.as_bytes().try_into().map_err(|_| KeyError::ApiV3Length(text.len()))?;
        Ok(ApiV3Key(Zeroizing::new(bytes)))
    }

    /// The bytes, for opening with them and for sealing them at rest.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
