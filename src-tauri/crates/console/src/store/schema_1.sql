-- Schema version 1: orders, refunds, callbacks, exchanges, journal, summaries.
-- Times are milliseconds since 1970 UTC, money is fen. Never edit a released step; add the next one.

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
CREATE UNIQUE INDEX orders_no ON orders (mchid, out_trade_no);
CREATE INDEX orders_time ON orders (mchid, created_at, id);
CREATE INDEX orders_state_time ON orders (mchid, state, created_at, id);
CREATE INDEX orders_paid_time ON orders (mchid, success_time) WHERE success_time IS NOT NULL;
CREATE INDEX orders_transaction ON orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX orders_openid ON orders (openid) WHERE openid IS NOT NULL;
CREATE INDEX orders_patrol ON orders (patrol_at) WHERE patrol_at IS NOT NULL;

-- Own bigrams of description and attach, so that two Chinese characters are found; see search.rs.
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
CREATE UNIQUE INDEX refunds_no ON refunds (mchid, out_refund_no);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_patrol ON refunds (patrol_at) WHERE patrol_at IS NOT NULL;

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
CREATE INDEX callbacks_mchid ON callbacks (mchid);
CREATE INDEX callbacks_verdict ON callbacks (mchid, verdict);
CREATE INDEX callbacks_notification ON callbacks (notification_id) WHERE notification_id IS NOT NULL;
CREATE INDEX callbacks_trade ON callbacks (mchid, out_trade_no) WHERE out_trade_no IS NOT NULL;
CREATE INDEX callbacks_order ON callbacks (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX callbacks_quarantine ON callbacks (id) WHERE verdict = 'rejected';
CREATE INDEX callbacks_unseen ON callbacks (mchid) WHERE verdict = 'held' AND seen = 0;

-- What came over the wire, apart from the rows that lists read. sha256 is over body: integrity_check can't see payload rot.
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
CREATE INDEX exchanges_mchid ON exchanges (mchid);
CREATE INDEX exchanges_order ON exchanges (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX exchanges_pending ON exchanges (id) WHERE outcome = 'pending';

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
CREATE INDEX journal_order ON journal (order_id);
CREATE INDEX journal_callback ON journal (callback_id) WHERE callback_id IS NOT NULL;

-- Orders by state, so that nobody counts a big table.
CREATE TABLE order_states (
  mchid  TEXT    NOT NULL,
  state  TEXT    NOT NULL,
  orders INTEGER NOT NULL CHECK (orders >= 0),
  PRIMARY KEY (mchid, state)
) STRICT, WITHOUT ROWID;

-- A business day in Beijing time. Triggers keep it, so it can't part from the rows it sums up.
CREATE TABLE days (
  mchid          TEXT    NOT NULL,
  day            TEXT    NOT NULL,
  payments       INTEGER NOT NULL DEFAULT 0 CHECK (payments >= 0),
  amount         INTEGER NOT NULL DEFAULT 0 CHECK (amount >= 0),
  refunds        INTEGER NOT NULL DEFAULT 0 CHECK (refunds >= 0),
  refunded       INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  PRIMARY KEY (mchid, day)
) STRICT, WITHOUT ROWID;

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
