//! Orders: the state table, and the verbs that change an order.
