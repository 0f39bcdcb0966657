//! The keys of both parties: reading them, signing, verifying, and the encryption that needs them (reference 1.2).
//!
//! Signing, verifying and opening stand on aws-lc-rs, each with the key parsed once; reading files, making keys and
//! sealing for others on `rsa`. Key files are text from strangers: what is too large, of another kind or of another size
//! is refused by name before any arithmetic is done with it. No file is opened here.

mod certificate;
mod pem;
pub mod pkcs12;
mod private;
mod public;
mod secret;
mod trusted;

pub use certificate::Certificate;
pub use private::PrivateKey;
pub use public::PublicKey;
pub use secret::ApiV3Key;
pub use trusted::TrustedKeys;

/// A key file has at most this many bytes; a real one has under 4 KiB.
pub const FILE_LIMIT: usize = 64 * 1024;

/// Why a key can't be used. No variant holds anything of a secret.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// Over [`FILE_LIMIT`].
    #[error("the file has {0} bytes; a key file has at most 65,536")]
    TooLarge(usize),
    /// No PEM of the wanted label.
    #[error("expected a PEM block «{expected}», found {found}")]
    WrongKind {
        /// The label wanted.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// More than one PEM block where one is wanted: which one is meant can't be told.
    #[error("the file has {0} PEM blocks, it must have exactly one")]
    SeveralBlocks(usize),
    /// Damaged: what, and how it shows.
    #[error("the {0} can't be read: {1}")]
    Damaged(&'static str, String),
    /// An elliptic curve, SM2 or another kind of key.
    #[error("the {0} is no RSA key; WeChat Pay's keys are RSA of 2,048 bits")]
    NotRsa(&'static str),
    /// Not 2,048 to 4,096 bits.
    #[error("the key has {0} bits; WeChat Pay's have 2,048")]
    Size(usize),
    /// A public exponent other than 65,537.
    #[error("the key's public exponent is not 65,537")]
    Exponent,
    /// A bundle that doesn't open with this password.
    #[error("the password does not open the bundle; it is the mchid unless somebody changed it")]
    Password,
    /// Not 32 bytes.
    #[error("the APIv3 key has {0} bytes, it must have exactly 32")]
    ApiV3Length(usize),
    /// Protected by a pass phrase.
    #[error(
        "the private key is encrypted; take the pass phrase off first: openssl pkey -in FILE -out apiclient_key.pem"
    )]
    Encrypted,
    /// OAEP; one error for all causes, so that nothing can be learnt from it.
    #[error("the text doesn't decrypt with this key")]
    Decrypt,
    /// OAEP on the way up.
    #[error("the text has {len} bytes, at most {limit} can be encrypted with this key")]
    PlaintextTooLong {
        /// Bytes of it.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
}
