//! What only the machine knows: clock, nonces, random bytes, places on disk.
