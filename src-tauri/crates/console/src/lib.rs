//! The merchant's desk: merchants, orders, refunds, callbacks, their store, the gateway and the listener.
//!
//! [`Console`] is the only way in; the window and the command both call its verbs and have no logic of their own.
//! What leaves is in [`wire`]. Nothing here draws, prints, or knows which host it runs in.

mod callbacks;
mod console;
mod gateway;
mod journal;
mod listener;
mod merchants;
mod orders;
mod outside;
mod patrol;
mod problem;
mod refunds;
mod store;
mod trust;
mod vault;
pub mod wire;
