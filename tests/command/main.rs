//! The public contract of the `guitai` command: what each command prints, how it exits, what bad input gets.
//!
//! The built binary is run as a script would; what the desk decides about callbacks is in `journeys`.

mod bad_input;
mod bills;
mod callbacks;
mod calls;
mod canary;
mod catalog;
mod demo;
mod doctor;
mod health;
mod manners;
mod merchants;
mod orders;
mod papers;
mod pems;
mod prepay_fields;
mod scenario;
mod serving;
mod tools;
mod tunnel;
