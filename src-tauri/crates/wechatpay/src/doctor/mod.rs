//! The signature doctor: which mistake broke a signature. Pure; no printing, no files.
