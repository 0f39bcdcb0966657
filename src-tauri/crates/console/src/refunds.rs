//! Refunds: asked for here, made elsewhere, settled by notice or query.
