//! Where secrets are sealed.
