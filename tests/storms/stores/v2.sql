-- A store of schema version 2; made by make.py, never edited.
PRAGMA foreign_keys = OFF;
CREATE TABLE settings (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
  id             INTEGER PRIMARY KEY,
  merchant       TEXT    NOT NULL,
  mchid          TEXT    NOT NULL,
  appid          TEXT    NOT NULL,
  out_trade_no   TEXT    NOT NULL,
  state          TEXT    NOT NULL CHECK (state IN ('CREATED','NOTPAY','USERPAYING','PAYERROR','SUCCESS','REFUND','CLOSED','REVOKED')),
  description    TEXT    NOT NULL,
  total          INTEGER NOT NULL CHECK (total > 0),
  currency       TEXT    NOT NULL CHECK (currency = 'CNY'),
  attach         TEXT,
  openid         TEXT,
  notify_url     TEXT,
  via            TEXT,
  prepay_id      TEXT,
  code_url       TEXT,
  h5_url         TEXT,
  url_expires_at INTEGER,
  transaction_id TEXT,
  payer_total    INTEGER,
  success_time   INTEGER,
  found_by       TEXT CHECK (found_by IN ('callback','query')),
  refunded       INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND total),
  callback_verdict TEXT,
  unknown_since  INTEGER,
  created_at     INTEGER NOT NULL,
  prepaid_at     INTEGER,
  patrol_at      INTEGER,
  patrol_step    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE VIRTUAL TABLE order_words USING fts5 (words, content='', detail=none);
CREATE TABLE refunds (
  id             INTEGER PRIMARY KEY,
  order_id       INTEGER NOT NULL REFERENCES orders (id),
  mchid          TEXT    NOT NULL,
  out_refund_no  TEXT    NOT NULL,
  refund_id      TEXT,
  transaction_id TEXT,
  status         TEXT    NOT NULL CHECK (status IN ('UNKNOWN','REFUSED','PROCESSING','ABNORMAL','CLOSED','SUCCESS')),
  refund         INTEGER NOT NULL CHECK (refund > 0),
  total          INTEGER NOT NULL CHECK (total >= refund),
  reason         TEXT,
  notify_url     TEXT,
  elsewhere      INTEGER NOT NULL DEFAULT 0 CHECK (elsewhere IN (0, 1)),
  user_received_account TEXT,
  success_time   INTEGER,
  created_at     INTEGER NOT NULL,
  patrol_at      INTEGER,
  patrol_step    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE callbacks (
  id              INTEGER PRIMARY KEY,
  merchant        TEXT    NOT NULL,
  mchid           TEXT    NOT NULL,
  received_at     INTEGER NOT NULL,
  verdict         TEXT    NOT NULL CHECK (verdict IN ('applied','duplicate','held','rejected','failed')),
  reason          TEXT,
  http_status     INTEGER NOT NULL,
  latency_ms      INTEGER NOT NULL,
  notification_id TEXT,
  event_type      TEXT,
  out_trade_no    TEXT,
  amount          INTEGER,
  order_id        INTEGER,
  first_id        INTEGER,
  seen            INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),
  checks          TEXT    NOT NULL
) STRICT;
CREATE TABLE callback_raw (
  id        INTEGER PRIMARY KEY REFERENCES callbacks (id) ON DELETE CASCADE,
  target    TEXT NOT NULL,
  source    TEXT NOT NULL,
  headers   TEXT NOT NULL,
  body      BLOB NOT NULL,
  sha256    BLOB NOT NULL CHECK (length(sha256) = 32),
  decrypted BLOB
) STRICT;
CREATE TABLE exchanges (
  id           INTEGER PRIMARY KEY,
  merchant     TEXT    NOT NULL,
  mchid        TEXT    NOT NULL,
  at           INTEGER NOT NULL,
  purpose      TEXT    NOT NULL,
  method       TEXT    NOT NULL,
  target       TEXT    NOT NULL,
  status       INTEGER,
  code         TEXT,
  outcome      TEXT    NOT NULL CHECK (outcome IN ('pending','ok','refused','unverified','unknown')),
  latency_ms   INTEGER NOT NULL,
  request_id   TEXT,
  out_trade_no TEXT,
  order_id     INTEGER
) STRICT;
CREATE TABLE exchange_raw (
  id               INTEGER PRIMARY KEY REFERENCES exchanges (id) ON DELETE CASCADE,
  base_url         TEXT NOT NULL,
  request_headers  TEXT NOT NULL,
  request_body     BLOB NOT NULL,
  response_headers TEXT NOT NULL,
  response_body    BLOB NOT NULL,
  signed           TEXT,
  verified         TEXT
) STRICT;
CREATE TABLE journal (
  id          INTEGER PRIMARY KEY,
  order_id    INTEGER NOT NULL REFERENCES orders (id),
  at          INTEGER NOT NULL,
  kind        TEXT    NOT NULL,
  state       TEXT,
  amount      INTEGER,
  detail      TEXT,
  exchange_id INTEGER,
  callback_id INTEGER
) STRICT;
CREATE TABLE order_states (
  mchid  TEXT    NOT NULL,
  state  TEXT    NOT NULL,
  orders INTEGER NOT NULL CHECK (orders >= 0),
  PRIMARY KEY (mchid, state)
) STRICT, WITHOUT ROWID;
CREATE TABLE days (
  mchid          TEXT    NOT NULL,
  day            TEXT    NOT NULL,
  payments       INTEGER NOT NULL DEFAULT 0 CHECK (payments >= 0),
  amount         INTEGER NOT NULL DEFAULT 0 CHECK (amount >= 0),
  refunds        INTEGER NOT NULL DEFAULT 0 CHECK (refunds >= 0),
  refunded       INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  PRIMARY KEY (mchid, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE vault (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  way        TEXT    NOT NULL CHECK (way IN ('keychain','passphrase','key_file')),
  salt       BLOB    NOT NULL,
  memory_kib INTEGER NOT NULL,
  passes     INTEGER NOT NULL,
  proof      BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE merchants (
  id            INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  mchid         TEXT    NOT NULL,
  appid         TEXT    NOT NULL,
  serial_no     TEXT    NOT NULL,
  certificate   TEXT,
  base_url      TEXT    NOT NULL,
  notify_url    TEXT,
  public_key_id TEXT,
  public_key    TEXT,
  live_enabled  INTEGER NOT NULL DEFAULT 0 CHECK (live_enabled IN (0, 1)),
  created_at    INTEGER NOT NULL,
  CHECK ((public_key_id IS NULL) = (public_key IS NULL))
) STRICT;
CREATE TABLE merchant_secrets (
  merchant_id INTEGER NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  field       TEXT    NOT NULL,
  sealed      BLOB    NOT NULL,
  set_at      INTEGER NOT NULL,
  PRIMARY KEY (merchant_id, field)
) STRICT, WITHOUT ROWID;
CREATE TABLE platform_certificates (
  merchant_id INTEGER NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  serial_no   TEXT    NOT NULL,
  pem         TEXT    NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (merchant_id, serial_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE merchants_state (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  current  INTEGER REFERENCES merchants (id) ON DELETE SET NULL,
  revision INTEGER NOT NULL
) STRICT;
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
-- rows.sql
INSERT INTO order_words (rowid, words) VALUES (1, 'old1');
INSERT INTO order_words (rowid, words) VALUES (2, 'old2');
INSERT INTO order_words (rowid, words) VALUES (3, 'old3');
INSERT INTO order_words (rowid, words) VALUES (4, 'old4');
CREATE UNIQUE INDEX orders_no ON orders (mchid, out_trade_no);
CREATE INDEX orders_time ON orders (mchid, created_at, id);
CREATE INDEX orders_state_time ON orders (mchid, state, created_at, id);
CREATE INDEX orders_paid_time ON orders (mchid, success_time) WHERE success_time IS NOT NULL;
CREATE INDEX orders_transaction ON orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX orders_openid ON orders (openid) WHERE openid IS NOT NULL;
CREATE INDEX orders_patrol ON orders (patrol_at) WHERE patrol_at IS NOT NULL;
CREATE UNIQUE INDEX refunds_no ON refunds (mchid, out_refund_no);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_patrol ON refunds (patrol_at) WHERE patrol_at IS NOT NULL;
CREATE INDEX callbacks_mchid ON callbacks (mchid);
CREATE INDEX callbacks_verdict ON callbacks (mchid, verdict);
CREATE INDEX callbacks_notification ON callbacks (notification_id) WHERE notification_id IS NOT NULL;
CREATE INDEX callbacks_trade ON callbacks (mchid, out_trade_no) WHERE out_trade_no IS NOT NULL;
CREATE INDEX callbacks_order ON callbacks (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX callbacks_quarantine ON callbacks (id) WHERE verdict = 'rejected';
CREATE INDEX callbacks_unseen ON callbacks (mchid) WHERE verdict = 'held' AND seen = 0;
CREATE INDEX exchanges_mchid ON exchanges (mchid);
CREATE INDEX exchanges_order ON exchanges (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX exchanges_pending ON exchanges (id) WHERE outcome = 'pending';
CREATE INDEX journal_order ON journal (order_id);
CREATE INDEX journal_callback ON journal (callback_id) WHERE callback_id IS NOT NULL;
CREATE TRIGGER orders_counted AFTER INSERT ON orders BEGIN
  INSERT INTO order_states VALUES (NEW.mchid, NEW.state, 1)
    ON CONFLICT DO UPDATE SET orders = orders + 1;
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders WHEN OLD.state <> NEW.state BEGIN
  UPDATE order_states SET orders = orders - 1 WHERE mchid = OLD.mchid AND state = OLD.state;
  INSERT INTO order_states VALUES (NEW.mchid, NEW.state, 1)
    ON CONFLICT DO UPDATE SET orders = orders + 1;
END;
CREATE TRIGGER orders_paid AFTER UPDATE OF success_time ON orders
WHEN OLD.success_time IS NULL AND NEW.success_time IS NOT NULL BEGIN
  INSERT INTO days (mchid, day, payments, amount)
    VALUES (NEW.mchid, date(NEW.success_time / 1000 + 28800, 'unixepoch'), 1, NEW.total)
    ON CONFLICT DO UPDATE SET payments = payments + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER refunds_made AFTER INSERT ON refunds WHEN NEW.status = 'SUCCESS' BEGIN
  INSERT INTO days (mchid, day, refunds, refunded)
    VALUES (NEW.mchid, date(NEW.success_time / 1000 + 28800, 'unixepoch'), 1, NEW.refund)
    ON CONFLICT DO UPDATE SET refunds = refunds + 1, refunded = refunded + excluded.refunded;
END;
CREATE TRIGGER refunds_settled AFTER UPDATE OF status ON refunds
WHEN OLD.status <> 'SUCCESS' AND NEW.status = 'SUCCESS' BEGIN
  INSERT INTO days (mchid, day, refunds, refunded)
    VALUES (NEW.mchid, date(NEW.success_time / 1000 + 28800, 'unixepoch'), 1, NEW.refund)
    ON CONFLICT DO UPDATE SET refunds = refunds + 1, refunded = refunded + excluded.refunded;
END;
CREATE INDEX replays_callback ON replays (callback_id, id);
CREATE INDEX forwards_due ON forwards (target, next_at) WHERE state = 'waiting';
CREATE INDEX forwards_state ON forwards (state, id);
PRAGMA application_id = 1196771668;
PRAGMA user_version = 2;
