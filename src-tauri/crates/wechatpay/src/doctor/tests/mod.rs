//! The doctor against messages that are broken on purpose: every cause, pairs of causes, and thousands of messages
//! over which nothing may be proved falsely.

mod notifications;
mod pay_params;
mod random;
mod requests;
mod ways;
mod workshop;
