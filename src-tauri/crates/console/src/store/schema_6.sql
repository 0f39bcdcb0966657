-- Bills as they came, and whose line each order has in them.
-- Times are milliseconds since 1970 UTC, money is fen. Never edit a released step; add the next one.

-- One row a day and kind. An empty file: WeChat Pay says that there is no bill of that day.
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
CREATE INDEX bill_lines_order ON bill_lines (mchid, out_trade_no);

CREATE INDEX refunds_time ON refunds (mchid, created_at);
