//! A pretend WeChat Pay for direct merchants: the real paths with the real rules, on loopback, with keys of its own.
//!
//! ```text
//! door ─ server ─ gateway (Request → decision, no I/O) ─ ledger (the books) ─ rows ─▶ store
//!          │         answer (signed while the store commits)                  └ due ─▶ postman ─▶ the merchant
//!          └ controls (/_sandbox/*), proxy (TLS for the real host names)
//! ```
//!
//! [`start`] gives a [`Sandbox`]; its controls are those of `/_sandbox/*`. It meets the merchant's side over HTTP only.

mod answer;
mod clock;
mod controls;
mod diagnosis;
mod errors;
mod faults;
#[cfg(test)]
mod fixture;
mod gateway;
#[cfg(test)]
mod journeys;
mod keyring;
mod ledger;
mod office;
mod phone;
mod postman;
mod proxy;
mod reach;
mod sandbox;
mod server;
mod store;
mod switches;
mod views;

pub use errors::{GatewayError, Seen, Texts, errors};
pub use faults::{ApiFault, ApiFaultKind, CallbackFault, FaultMatch, RedeliverFault};
pub use keyring::KeyringError;
pub use ledger::BillFault;
pub use proxy::ProxyError;
pub use sandbox::{Options, Sandbox, SandboxError, start};
pub use store::StoreError;
pub use switches::{ChangedParameters, KeyMode, MerchantCertificate, NoCertificates, RefundOutcome, Switches};
pub use views::{
    AttemptView, ClockView, ControlError, Credentials, NotificationView, PayCommand, PayOutcome, PayParamsVerdict,
    PhoneOrder, RequestView, SandboxEvent,
};
