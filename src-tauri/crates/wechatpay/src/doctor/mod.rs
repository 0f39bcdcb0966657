//! The signature doctor: which mistake broke a signature, and whether that is proved.
//!
//! Pure like the rest of the crate: bytes in, a [`Diagnosis`] out. It opens the signature once with the public key,
//! which gives the digest that was signed; then it looks for the text with that digest, fewest mistakes first
//! (`search.rs`). `proved` means that the signature checks out once exactly the named mistakes are assumed.
//!
//! What belongs where: `header`, `key_file` and `signature_form` read what people hand in; `url`, `body` and `json` make
//! guesses at what was signed; `request`, `notification` and `pay_params` know the rules of each kind of message;
//! `texts` has the words for people, `snippets` the code for frameworks; `gateway_saw` reads what the gateway tells.

mod body;
mod cause;
mod gateway_saw;
mod header;
mod json;
mod key_file;
mod notification;
mod opened;
mod pay_params;
mod request;
mod search;
mod signature_form;
mod snippets;
mod texts;
mod url;
mod verdict;

#[cfg(test)]
mod tests;

pub use cause::Cause;
pub use gateway_saw::{Beside, BesideLine, SignInformation};
pub use key_file::KeyFile;
pub use notification::{NotificationInput, notification, parse_headers};
pub use pay_params::{PayParamsInput, PayParamsKind, pay_params};
pub use request::{RequestInput, request};
pub use snippets::Snippet;
pub use verdict::{Bilingual, Certainty, Diagnosis};

/// An input that is no such thing at all: not a diagnosis, but a slip of whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BadInput {
    /// Which input.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}
