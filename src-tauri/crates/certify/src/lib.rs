//! `certify`: plays WeChat Pay against a merchant backend's callback URL and says which of the documented duties it
//! meets, each with evidence and a fix.
//!
//! The backend runs on the sandbox's credentials; this crate signs with the sandbox's platform key and meets the sandbox
//! only over HTTP. `cases` has what is sent and why, `stage` makes the orders and the notifications, `backend` sends and
//! asks what the backend thinks, `duties` says what each case sends, `look` what the backend believes afterwards,
//! `outgoing` judges its own calls, `run` conducts, `report` writes the score card. `history` keeps past runs.
//! No printing here.

#![forbid(unsafe_code)]

mod backend;
mod cases;
mod controls;
mod duties;
mod early;
mod garbage;
pub mod history;
mod hook;
mod look;
mod outgoing;
mod report;
mod run;
mod slow;
mod stage;

pub use cases::{CASES, Case, OUTGOING};
pub use controls::SandboxControls;
pub use report::{CaseResult, Got, Outcome, Report, Text, html, junit};
pub use run::{CertifyError, Options, Progress, run, run_watched};
pub use stage::SandboxAccess;
