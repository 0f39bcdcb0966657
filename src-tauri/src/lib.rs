//! The window's host: opens the desk, starts listener and sandbox, forwards events, shows the tray; one command a verb.
//! Nothing is decided here: what an order may become, what a signature is worth, lives behind `Console` and `Sandbox`.

pub mod commands;
pub mod confirm;
pub mod examination;
pub mod host;
pub mod launch;
pub mod news;
mod problem;
pub mod replaying;
pub mod shell;
pub mod state;
pub mod tray;
pub mod tunnelling;
pub mod voice;
