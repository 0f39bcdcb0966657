//! The verbs: the only way into the desk.
