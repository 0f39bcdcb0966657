//! Rows of merchant profiles, their sealed secrets and the keys of WeChat Pay they trust.

/// Tables of schema version 1 that hold profiles. STRICT, please; joined into step 1 by `schema.rs`.
pub(super) const SCHEMA_1: &str = "";
