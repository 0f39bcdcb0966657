//! The merchant's desk: merchants, orders, refunds, callbacks, their store, the gateway and the listener.
//!
//! [`Console`] is the only way in; the window and the command both call its verbs and have no logic of their own.
//! What leaves is in [`wire`]. Nothing here draws, prints, or knows which host it runs in.

mod api;
mod backup;
mod bills;
mod callbacks;
mod catalog;
mod console;
mod daily;
mod export;
mod forward;
mod gateway;
mod health;
mod journal;
mod listener;
mod logs;
mod merchants;
#[cfg(test)]
#[path = "../../../../tests/fuzz/mutator.rs"]
mod mutator;
mod orders;
mod outside;
mod paper;
mod patrol;
mod problem;
mod refunds;
mod replay;
mod secret;
mod store;
mod trust;
mod tunnel;
mod vault;
mod visible;
pub mod wire;

pub use api::{ApiOptions, document as api_document};
pub use backup::{BackupFacts, BackupItem, BackupStatus, Restored, backup_check, restore};
pub use bills::{BillKind, Difference, DifferenceKind, KeptBill, Mend, Reconciliation, Side, SideTotals};
pub use callbacks::{CallbackWait, RawDelivery, Receipt};
pub use catalog::{CatalogEntry, CatalogInput};
pub use console::{Console, Options};
pub use export::ExportFormat;
pub use forward::{
    Forward, ForwardFilter, ForwardOptions, ForwardRecovery, ForwardTarget, ForwardTargetInput, ForwardWhat,
};
pub use health::{
    CauseCount, CertificateEnd, CommitCounts, DeliveryCounts, DoorCounts, Health, Looked, Serving, Spread, StoreCheck,
    StoreReport, store_doctor,
};
pub use listener::{ListenOptions, Listener};
pub use logs::{LogLine, LogStatus, flush_logs, keep_logs, recent_logs, start_logs};
pub use merchants::{
    DoctorNotification, DoctorPayParams, DoctorRequest, Finding, FrameworkSnippet, KeyEntry, KeyKind, KeySetup,
    MerchantInput, MerchantPatch, MigrationStep, Pems, PemsContent, PemsFile, PemsKind, Rehearsal, RehearsedCheck,
    RehearsedSetup, RehearsedStep, SignInput, SignedRequest, TextVerdict, VerifyInput,
};
pub use outside::{Outside, default_data_dir, without_core_dumps};
pub use paper::PaperLanguage;
pub use replay::{
    Replay, ReplayAnswer, ReplayBatch, ReplayForecast, ReplayInput, ReplayPlan, ReplayStep, ReplaySummary,
};
pub use secret::Secret;
pub use tunnel::{NotifyUrlFinding, NotifyUrlReport, Tunnel, TunnelEvent, TunnelOptions, TunnelPreset};
pub use visible::visible;
pub use wire::{
    AbnormalInput, CallbackFilter, CombineInput, Lamp, OrderFilter, OrderInput, OrderSort, PrepayInput, RefundInput,
};
