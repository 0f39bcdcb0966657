-- Schema version 3: what is sold, and what the merchant API for mini-programs has to remember.
-- Times are milliseconds since 1970 UTC, money is fen. Never edit a released step; add the next one.

CREATE TABLE catalog (
  id         TEXT PRIMARY KEY,
  name       TEXT    NOT NULL,
  price      INTEGER NOT NULL CHECK (price > 0),
  type       TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which order a client's Idempotency-Key stands for; written in the transaction that makes the order.
CREATE TABLE order_keys (
  mchid    TEXT    NOT NULL,
  openid   TEXT    NOT NULL,
  key      TEXT    NOT NULL,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  PRIMARY KEY (mchid, openid, key)
) STRICT, WITHOUT ROWID;

-- The key of the login tokens, sealed by the vault. One row at most.
CREATE TABLE token_key (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  sealed BLOB    NOT NULL,
  set_at INTEGER NOT NULL
) STRICT;
