//! What a delivery is judged by, and what it changes.
