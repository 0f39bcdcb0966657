//! The sweep that asks about unpaid orders and unfinished refunds.
