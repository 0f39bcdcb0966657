-- A store of schema version 10; made by make.py, never edited.
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
, fields TEXT, combine_out_trade_no TEXT) STRICT;
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
  orders INTEGER NOT NULL CHECK (orders >= 0), amount INTEGER NOT NULL DEFAULT 0,
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
  created_at    INTEGER NOT NULL, also_appids TEXT NOT NULL DEFAULT '',
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
, edited INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1))) STRICT;
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
  last_error  TEXT, begun INTEGER NOT NULL DEFAULT 0 CHECK (begun IN (0, 1)),
  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  UNIQUE (callback_id, target)
) STRICT;
CREATE TABLE catalog (
  id         TEXT PRIMARY KEY,
  name       TEXT    NOT NULL,
  price      INTEGER NOT NULL CHECK (price > 0),
  type       TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE order_keys (
  mchid    TEXT    NOT NULL,
  openid   TEXT    NOT NULL,
  key      TEXT    NOT NULL,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  PRIMARY KEY (mchid, openid, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE token_key (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  sealed BLOB    NOT NULL,
  set_at INTEGER NOT NULL
) STRICT;
CREATE TABLE bills (
  id          INTEGER PRIMARY KEY,
  mchid       TEXT    NOT NULL,
  kind        TEXT    NOT NULL CHECK (kind IN ('trade','fundflow')),
  day         TEXT    NOT NULL,
  fetched_at  INTEGER NOT NULL,
  sha1        TEXT    NOT NULL,
  bytes       INTEGER NOT NULL CHECK (bytes >= 0),
  lines       INTEGER NOT NULL CHECK (lines >= 0),
  differences INTEGER CHECK (differences >= 0),
  file        BLOB    NOT NULL,
  UNIQUE (mchid, kind, day)
) STRICT;
CREATE TABLE bill_lines (
  bill_id       INTEGER NOT NULL REFERENCES bills (id) ON DELETE CASCADE,
  line          INTEGER NOT NULL,
  mchid         TEXT    NOT NULL,
  out_trade_no  TEXT    NOT NULL,
  out_refund_no TEXT,
  at            TEXT    NOT NULL,
  state         TEXT    NOT NULL,
  amount        INTEGER NOT NULL,
  fee           TEXT    NOT NULL,
  PRIMARY KEY (bill_id, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE forward_targets (
  url           TEXT PRIMARY KEY,
  what          TEXT    NOT NULL CHECK (what IN ('accepted','each','rejected')),
  event_type    TEXT,
  allow_private INTEGER NOT NULL CHECK (allow_private IN (0, 1)),
  paused        INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE combines (
  id                   INTEGER PRIMARY KEY,
  merchant             TEXT    NOT NULL,
  mchid                TEXT    NOT NULL,
  appid                TEXT    NOT NULL,
  combine_out_trade_no TEXT    NOT NULL,
  openid               TEXT,
  notify_url           TEXT,
  fields               TEXT,
  created_at           INTEGER NOT NULL
) STRICT;
CREATE TABLE day_channels (
  mchid    TEXT    NOT NULL,
  day      TEXT    NOT NULL,
  via      TEXT    NOT NULL,
  payments INTEGER NOT NULL DEFAULT 0 CHECK (payments >= 0),
  amount   INTEGER NOT NULL DEFAULT 0 CHECK (amount >= 0),
  PRIMARY KEY (mchid, day, via)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_orders (
  mchid TEXT    NOT NULL,
  day   TEXT    NOT NULL,
  made  INTEGER NOT NULL DEFAULT 0 CHECK (made >= 0),
  paid  INTEGER NOT NULL DEFAULT 0 CHECK (paid BETWEEN 0 AND made),
  PRIMARY KEY (mchid, day)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE callback_words USING fts5 (words, content='', detail=none);
CREATE TABLE callback_hours (
  mchid    TEXT    NOT NULL,
  hour     INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id  INTEGER NOT NULL,
  PRIMARY KEY (mchid, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE callback_causes (
  mchid      TEXT    NOT NULL,
  verdict    TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  deliveries INTEGER NOT NULL,
  newest     INTEGER NOT NULL,
  PRIMARY KEY (mchid, verdict, reason)
) STRICT, WITHOUT ROWID;
-- rows.sql
INSERT OR REPLACE INTO orders (id, merchant, mchid, appid, out_trade_no, state, description, total, currency, attach, openid, notify_url, via, prepay_id, code_url, h5_url, url_expires_at, transaction_id, payer_total, success_time, found_by, refunded, callback_verdict, unknown_since, created_at, prepaid_at, patrol_at, patrol_step, fields, combine_out_trade_no) VALUES (1, 'shop', '1906914683', 'wx84c7261ce4354988', 'OLD0001', 'REFUND', '火锅双人套餐', 1000, 'CNY', NULL, 'odcDdZJVE8bY6nDoe4j2WwagUmMC', 'http://127.0.0.1:45381/notify/shop', 'native', NULL, 'weixin://wxpay/bizpayurl?pr=BzthUThPF', NULL, 1795959007651, '4200466933202611292794530150', 1000, 1795951809000, 'callback', 300, 'applied', NULL, 1795951806453, 1795951807651, NULL, 0, NULL, NULL);
INSERT OR REPLACE INTO orders (id, merchant, mchid, appid, out_trade_no, state, description, total, currency, attach, openid, notify_url, via, prepay_id, code_url, h5_url, url_expires_at, transaction_id, payer_total, success_time, found_by, refunded, callback_verdict, unknown_since, created_at, prepaid_at, patrol_at, patrol_step, fields, combine_out_trade_no) VALUES (2, 'shop', '1906914683', 'wx84c7261ce4354988', 'OLD0002', 'SUCCESS', '火锅双人套餐', 1000, 'CNY', NULL, 'oQngl1al8bDVngoQDZk01VcaqCV6', 'http://127.0.0.1:45381/notify/shop', 'native', NULL, 'weixin://wxpay/bizpayurl?pr=MfzMqcn9M', NULL, 1795959008462, '4200494392202611291650604407', 1000, 1795951816000, 'query', 0, NULL, NULL, 1795951806702, 1795951808462, NULL, 0, NULL, NULL);
INSERT OR REPLACE INTO orders (id, merchant, mchid, appid, out_trade_no, state, description, total, currency, attach, openid, notify_url, via, prepay_id, code_url, h5_url, url_expires_at, transaction_id, payer_total, success_time, found_by, refunded, callback_verdict, unknown_since, created_at, prepaid_at, patrol_at, patrol_step, fields, combine_out_trade_no) VALUES (3, 'shop', '1906914683', 'wx84c7261ce4354988', 'OLD0003', 'CREATED', '火锅双人套餐', 1000, 'CNY', NULL, NULL, 'http://127.0.0.1:45381/notify/shop', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 1795951806832, NULL, NULL, 0, NULL, NULL);
INSERT OR REPLACE INTO orders (id, merchant, mchid, appid, out_trade_no, state, description, total, currency, attach, openid, notify_url, via, prepay_id, code_url, h5_url, url_expires_at, transaction_id, payer_total, success_time, found_by, refunded, callback_verdict, unknown_since, created_at, prepaid_at, patrol_at, patrol_step, fields, combine_out_trade_no) VALUES (4, 'shop', '1906914683', 'wx84c7261ce4354988', 'OLD0004', 'CLOSED', '火锅双人套餐', 1000, 'CNY', NULL, NULL, 'http://127.0.0.1:45381/notify/shop', 'native', NULL, 'weixin://wxpay/bizpayurl?pr=67jmXcZ80', NULL, 1795959009068, NULL, NULL, NULL, NULL, 0, NULL, NULL, 1795951807081, 1795951809068, NULL, 0, NULL, NULL);
INSERT OR REPLACE INTO order_states (mchid, state, orders, amount) VALUES ('1906914683', 'CLOSED', 1, 1000);
INSERT OR REPLACE INTO order_states (mchid, state, orders, amount) VALUES ('1906914683', 'CREATED', 1, 1000);
INSERT OR REPLACE INTO order_states (mchid, state, orders, amount) VALUES ('1906914683', 'NOTPAY', 0, 0);
INSERT OR REPLACE INTO order_states (mchid, state, orders, amount) VALUES ('1906914683', 'REFUND', 1, 1000);
INSERT OR REPLACE INTO order_states (mchid, state, orders, amount) VALUES ('1906914683', 'SUCCESS', 1, 1000);
INSERT OR REPLACE INTO merchants (id, name, mchid, appid, serial_no, certificate, base_url, notify_url, public_key_id, public_key, live_enabled, created_at, also_appids) VALUES (1, 'shop', '1906914683', 'wx84c7261ce4354988', '66229F27C3FD19E74E2FBEA6F7AA0AE81DD92D50', '-----BEGIN CERTIFICATE-----
MIIDKDCCAhCgAwIBAgIUZiKfJ8P9GedOL76m96oK6B3ZLVAwDQYJKoZIhvcNAQEL
BQAwTjELMAkGA1UEBgwCQ04xETAPBgNVBAcMCFNoZW5aaGVuMRcwFQYDVQQKDA5H
dWl0YWkgU2FuZGJveDETMBEGA1UEAwwKMTkwNjkxNDY4MzAeFw0yNjExMjgwMDAw
MDBaFw0zMTExMjcwMDAwMDBaME4xCzAJBgNVBAYMAkNOMREwDwYDVQQHDAhTaGVu
WmhlbjEXMBUGA1UECgwOR3VpdGFpIFNhbmRib3gxEzARBgNVBAMMCjE5MDY5MTQ2
ODMwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDIDMHh+HD/NxSH5OR8
dL4xG6cACRcMLh2qxnXWFZ2CsAPhnQQn8Q50AMi7PDehZTdPqFyh/0jnZd/IaCiA
nlPo2jWdz2e20HHQl/TLplYemSvL0tH1W6rRPiqlO2YtYNuSu5vI7GpVRGsN1VN1
/K7XcCZHM32eitilvrWlF3STjAuukZihUJYxX+T8rNoEJCpaB+PNMBaq5qSfiEy8
MaqjzjYl3CLvQUHNb7jhSoyjvbyC+AFU+PfRrFrwqhqEAy5pH06J1aIpfE7axL7b
YiSQT3V9cuA5rmRKa+EQeK3LRyviGdqOow5wlvTpmZQGtvF5ciVFg5x7+UIb3syx
W28pAgMBAAEwDQYJKoZIhvcNAQELBQADggEBACETv5pyInE1phDQY2LCJATg1Mix
KvV3WGPmtRmZVbSaXZvXcvjHJC27RXUah1F9Oc5o+Ca90PFUb0ufeDkI6h7z75b+
lVIkPVhZGadYZKtWQgibQ2+2qy2XmK+etwEfxZOoN69C7G+bKg/oOTm2ej3gNdCs
kb2e+LmmcmrqkEgl9QWDk6oJ0x5RIb4wckdGXmn5E6AJoxs0jndlQAw4WOb139Sh
9KFeUyx4GRAU7n0TEb0162RZoZrFcdIAuqM8BNISt1w99rX/QRgaNLVwiFEoyoos
jB46PScb2gu2An3rTRQlhpVJVbsms9S/NuUINBpSiIe24iX89QElQDJMbes=
-----END CERTIFICATE-----
', 'http://127.0.0.1:45535', NULL, 'PUB_KEY_ID_011906914683492178089294823328', '-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwuGvXXDdTvXNSJagk/pd
mmO+/56xU2wo89aOqXV2Ae2n2ZsOJ1+j3JBqUQLP8NXQQZqZSX9q2QVXoPQt3lF7
TQhwFW4RPkCTVI969EsbMzbBXRVh/LPsbydDUvK35+JRuOpnYiAfCEtDeYKfaJVS
0cNm8g2/IaQolglrS9zOAHby7+8vMLk7cb2zdAuD89sRtD+gySnGNDnFmdM4hyUI
j1RVSz08I7yErDaXqbacha49WIlRXiZkXnyAXAtNV0Zh7JyMcAPamqdATaSfpCwn
QBfI5O5aJhxclRZXnjF5J//GgeOX94QzExXHlZvazcLdn1AFUt14hqyXDa/Oc0+9
ewIDAQAB
-----END PUBLIC KEY-----
', 0, 1795951806277, '');
INSERT OR REPLACE INTO day_channels (mchid, day, via, payments, amount) VALUES ('1906914683', '2026-11-29', 'native', 2, 2000);
INSERT OR REPLACE INTO day_orders (mchid, day, made, paid) VALUES ('1906914683', '2026-11-29', 4, 2);
INSERT OR REPLACE INTO callback_hours (mchid, hour, first_id, last_id) VALUES ('1906914683', 498875, 1, 4);
INSERT OR REPLACE INTO callback_causes (mchid, verdict, reason, deliveries, newest) VALUES ('1906914683', 'applied', '', 2, 4);
INSERT OR REPLACE INTO callback_causes (mchid, verdict, reason, deliveries, newest) VALUES ('1906914683', 'duplicate', '', 1, 2);
INSERT OR REPLACE INTO callback_causes (mchid, verdict, reason, deliveries, newest) VALUES ('1906914683', 'rejected', 'signature_mismatch', 1, 3);
INSERT INTO order_words (rowid, words) VALUES (1, 'old1');
INSERT INTO order_words (rowid, words) VALUES (2, 'old2');
INSERT INTO order_words (rowid, words) VALUES (3, 'old3');
INSERT INTO order_words (rowid, words) VALUES (4, 'old4');
CREATE UNIQUE INDEX orders_no ON orders (mchid, out_trade_no);
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
CREATE INDEX bill_lines_order ON bill_lines (mchid, out_trade_no);
CREATE INDEX refunds_time ON refunds (mchid, created_at);
CREATE UNIQUE INDEX combines_no ON combines (mchid, combine_out_trade_no);
CREATE INDEX orders_combine ON orders (mchid, combine_out_trade_no) WHERE combine_out_trade_no IS NOT NULL;
CREATE INDEX orders_list ON orders (mchid, created_at, id, state, via, callback_verdict, total);
CREATE INDEX orders_amount ON orders (mchid, total, id);
CREATE INDEX orders_via_time ON orders (mchid, via, created_at, id) WHERE via IS NOT NULL;
CREATE INDEX orders_lamp ON orders (mchid, callback_verdict, created_at, id) WHERE callback_verdict <> 'applied';
CREATE INDEX orders_tail ON orders (mchid, substr(out_trade_no, -6));
CREATE INDEX orders_expiry ON orders (mchid, url_expires_at) WHERE state IN ('NOTPAY', 'USERPAYING') AND url_expires_at IS NOT NULL;
CREATE TRIGGER orders_counted AFTER INSERT ON orders BEGIN
  INSERT INTO order_states (mchid, state, orders, amount) VALUES (NEW.mchid, NEW.state, 1, NEW.total)
    ON CONFLICT DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders WHEN OLD.state <> NEW.state BEGIN
  UPDATE order_states SET orders = orders - 1, amount = amount - OLD.total WHERE mchid = OLD.mchid AND state = OLD.state;
  INSERT INTO order_states (mchid, state, orders, amount) VALUES (NEW.mchid, NEW.state, 1, NEW.total)
    ON CONFLICT DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER orders_paid_via AFTER UPDATE OF success_time ON orders
WHEN OLD.success_time IS NULL AND NEW.success_time IS NOT NULL BEGIN
  INSERT INTO day_channels (mchid, day, via, payments, amount)
    VALUES (NEW.mchid, date(NEW.success_time / 1000 + 28800, 'unixepoch'), coalesce(NEW.via, ''), 1, NEW.total)
    ON CONFLICT DO UPDATE SET payments = payments + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER orders_made AFTER INSERT ON orders BEGIN
  INSERT INTO day_orders (mchid, day, made) VALUES (NEW.mchid, date(NEW.created_at / 1000 + 28800, 'unixepoch'), 1)
    ON CONFLICT DO UPDATE SET made = made + 1;
END;
CREATE TRIGGER orders_made_paid AFTER UPDATE OF success_time ON orders
WHEN OLD.success_time IS NULL AND NEW.success_time IS NOT NULL BEGIN
  UPDATE day_orders SET paid = paid + 1
    WHERE mchid = NEW.mchid AND day = date(NEW.created_at / 1000 + 28800, 'unixepoch');
END;
CREATE INDEX callbacks_reason ON callbacks (mchid, reason) WHERE reason IS NOT NULL;
CREATE INDEX callbacks_event ON callbacks (mchid, event_type) WHERE event_type <> 'TRANSACTION.SUCCESS';
CREATE INDEX callbacks_firsts ON callbacks (mchid) WHERE first_id IS NULL;
CREATE INDEX callbacks_repeats ON callbacks (first_id) WHERE first_id IS NOT NULL;
CREATE INDEX callback_raw_source ON callback_raw (source);
CREATE TRIGGER callbacks_counted AFTER INSERT ON callbacks BEGIN
  INSERT INTO callback_hours VALUES (NEW.mchid, NEW.received_at / 3600000, NEW.id, NEW.id)
    ON CONFLICT DO UPDATE SET first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id);
  INSERT INTO callback_causes VALUES (NEW.mchid, NEW.verdict, coalesce(NEW.reason, ''), 1, NEW.id)
    ON CONFLICT DO UPDATE SET deliveries = deliveries + 1, newest = max(newest, excluded.newest);
END;
CREATE TRIGGER callbacks_forgotten AFTER DELETE ON callbacks BEGIN
  UPDATE callback_causes SET deliveries = deliveries - 1
    WHERE mchid = OLD.mchid AND verdict = OLD.verdict AND reason = coalesce(OLD.reason, '');
END;
CREATE TRIGGER callbacks_moved AFTER UPDATE OF verdict, reason ON callbacks
WHEN OLD.verdict <> NEW.verdict OR OLD.reason IS NOT NEW.reason BEGIN
  UPDATE callback_causes SET deliveries = deliveries - 1
    WHERE mchid = OLD.mchid AND verdict = OLD.verdict AND reason = coalesce(OLD.reason, '');
  INSERT INTO callback_causes VALUES (NEW.mchid, NEW.verdict, coalesce(NEW.reason, ''), 1, NEW.id)
    ON CONFLICT DO UPDATE SET deliveries = deliveries + 1, newest = max(newest, excluded.newest);
END;
PRAGMA application_id = 1196771668;
PRAGMA user_version = 10;
