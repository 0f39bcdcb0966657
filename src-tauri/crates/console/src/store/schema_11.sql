-- Schema version 11: the same lists from smaller indexes, and words of deliveries that are indexed after the answer.
-- Times are milliseconds since 1970 UTC, money is fen. Never edit a released step; add the next one.

-- What the filters look at as one small number (order_list.rs has the same expression): state + 8 * product + 64 * lamp.
DROP INDEX orders_list;
CREATE INDEX orders_list ON orders (mchid, created_at, id,
  (CASE state WHEN 'SUCCESS' THEN 0 WHEN 'CREATED' THEN 1 WHEN 'NOTPAY' THEN 2 WHEN 'USERPAYING' THEN 3
     WHEN 'PAYERROR' THEN 4 WHEN 'REFUND' THEN 5 WHEN 'CLOSED' THEN 6 ELSE 7 END
   + CASE via WHEN 'jsapi' THEN 8 WHEN 'native' THEN 16 WHEN 'app' THEN 24 WHEN 'h5' THEN 32 ELSE 0 END
   + CASE callback_verdict WHEN 'applied' THEN 64 WHEN 'duplicate' THEN 128 WHEN 'held' THEN 192
     WHEN 'rejected' THEN 256 WHEN 'failed' THEN 320 ELSE 0 END), total);
-- Most orders are paid, by JSAPI or Native: those are found by walking through time, so only the others cost a line.
DROP INDEX orders_state_time;
CREATE INDEX orders_state_time ON orders (mchid, state, created_at) WHERE state <> 'SUCCESS';
DROP INDEX orders_via_time;
CREATE INDEX orders_via_time ON orders (mchid, via, created_at) WHERE via NOT IN ('jsapi', 'native');
-- The row's id ends every index anyway.
DROP INDEX orders_amount;
CREATE INDEX orders_amount ON orders (mchid, total);
-- The ends of numbers are what tells them apart; the row is looked at in any case.
DROP INDEX orders_tail;
CREATE INDEX orders_tail ON orders (substr(out_trade_no, -6));
DROP INDEX orders_openid;
CREATE INDEX orders_openid ON orders (substr(openid, -8)) WHERE openid IS NOT NULL;
-- Nobody asks how long a text is. The step is followed by a fill of what is there already.
DROP TABLE order_words;
CREATE VIRTUAL TABLE order_words USING fts5 (words, content='', detail=none, columnsize=0);

-- An order's deliveries are found by its number.
DROP INDEX callbacks_order;

-- The words of the deliveries up to this one are indexed; the rest is, as soon as there is time (callbacks.rs).
DROP TABLE callback_words;
CREATE VIRTUAL TABLE callback_words USING fts5 (words, content='', detail=none, columnsize=0);
CREATE TABLE callback_words_upto (id INTEGER NOT NULL) STRICT;
INSERT INTO callback_words_upto VALUES (0);
