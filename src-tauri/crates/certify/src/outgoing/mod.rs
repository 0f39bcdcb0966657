//! The second examination: what a backend does of its own accord, as the sandbox saw it. `watch` reads what the sandbox
//! noted, `judge` finds in it what is right and wrong, `provoke` plants what has to go wrong on purpose. Only requests of
//! this backend count: orders with its notify_url, or whose number it gave.

mod judge;
mod provoke;
mod watch;

pub(crate) use watch::Watch;
