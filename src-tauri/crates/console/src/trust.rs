//! Which keys of WeChat Pay are believed, and fetching fresh ones.
