//! The real window, driven as a person drives it: under Xvfb, through WebDriver, over the real host, sandbox and listener.
//! Run by `make test` after it has built the window; a test of its own has its own process, home, data folder and D-Bus.

mod appearance;
mod books;
mod canary;
mod clock;
mod desk;
mod doctor;
mod driver;
mod form;
mod health;
mod history;
mod hostile;
mod keys;
mod locked_in;
mod merchants;
mod payment;
mod reconcile;
mod replay;
mod shop;
mod shots;
mod tunnel;
mod voice;
