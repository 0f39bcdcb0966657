//! Lines of what happened to an order, for its timeline.
