-- Schema version 8: combined orders (合单): several orders behind one payment.
-- Times are milliseconds since 1970 UTC. Never edit a released step; add the next one.

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
CREATE UNIQUE INDEX combines_no ON combines (mchid, combine_out_trade_no);

-- What is known of the payment stands with its orders, which are paid together or not at all.
ALTER TABLE orders ADD COLUMN combine_out_trade_no TEXT;
CREATE INDEX orders_combine ON orders (mchid, combine_out_trade_no) WHERE combine_out_trade_no IS NOT NULL;
