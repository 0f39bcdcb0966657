-- Schema version 2: where a sandbox's signing keys lie, deliveries sent again by hand, deliveries passed on.
-- Times are milliseconds since 1970 UTC. Never edit a released step; add the next one.

-- Paths, not keys: a sandbox keeps its own keys in files, and replays are signed with them.
CREATE TABLE sandbox_signers (
  merchant_id INTEGER NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  serial      TEXT    NOT NULL,
  key_file    TEXT    NOT NULL,
  PRIMARY KEY (merchant_id, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
  id          INTEGER PRIMARY KEY,
  callback_id INTEGER NOT NULL REFERENCES callbacks (id) ON DELETE CASCADE,
  at          INTEGER NOT NULL,
  target      TEXT    NOT NULL,
  resigned    INTEGER NOT NULL CHECK (resigned IN (0, 1)),
  fault       TEXT,
  status      INTEGER,
  latency_ms  INTEGER NOT NULL,
  headers     TEXT    NOT NULL,
  body        BLOB    NOT NULL,
  cut         INTEGER NOT NULL CHECK (cut IN (0, 1)),
  error       TEXT
) STRICT;
CREATE INDEX replays_callback ON replays (callback_id, id);

-- attempts: how many were begun, counted before each is sent; step: how many of them the ladder has used up.
CREATE TABLE forwards (
  id          INTEGER PRIMARY KEY,
  callback_id INTEGER NOT NULL REFERENCES callbacks (id) ON DELETE CASCADE,
  target      TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('waiting','delivered','dead')),
  attempts    INTEGER NOT NULL DEFAULT 0,
  step        INTEGER NOT NULL DEFAULT 0,
  next_at     INTEGER,
  created_at  INTEGER NOT NULL,
  last_at     INTEGER,
  last_status INTEGER,
  last_error  TEXT,
  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  UNIQUE (callback_id, target)
) STRICT;
CREATE INDEX forwards_due ON forwards (target, next_at) WHERE state = 'waiting';
CREATE INDEX forwards_state ON forwards (state, id);
