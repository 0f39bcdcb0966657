-- Schema version 9: what lists of orders are filtered and sorted by, and the money of each state beside its number.
-- Times are milliseconds since 1970 UTC, money is fen. Never edit a released step; add the next one.

-- Holds every column that a filter looks at, so that a walk through time touches no row before it is shown.
DROP INDEX orders_time;
CREATE INDEX orders_list ON orders (mchid, created_at, id, state, via, callback_verdict, total);
CREATE INDEX orders_amount ON orders (mchid, total, id);
CREATE INDEX orders_via_time ON orders (mchid, via, created_at, id) WHERE via IS NOT NULL;
CREATE INDEX orders_lamp ON orders (mchid, callback_verdict, created_at, id) WHERE callback_verdict <> 'applied';
-- Lists show a number's last six characters; people type those.
CREATE INDEX orders_tail ON orders (mchid, substr(out_trade_no, -6));
CREATE INDEX orders_expiry ON orders (mchid, url_expires_at) WHERE state IN ('NOTPAY', 'USERPAYING') AND url_expires_at IS NOT NULL;

ALTER TABLE order_states ADD COLUMN amount INTEGER NOT NULL DEFAULT 0;
UPDATE order_states SET amount = (SELECT coalesce(sum(total), 0) FROM orders
  WHERE orders.mchid = order_states.mchid AND orders.state = order_states.state);
DROP TRIGGER orders_counted;
DROP TRIGGER orders_moved;
CREATE TRIGGER orders_counted AFTER INSERT ON orders BEGIN
  INSERT INTO order_states (mchid, state, orders, amount) VALUES (NEW.mchid, NEW.state, 1, NEW.total)
    ON CONFLICT DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders WHEN OLD.state <> NEW.state BEGIN
  UPDATE order_states SET orders = orders - 1, amount = amount - OLD.total WHERE mchid = OLD.mchid AND state = OLD.state;
  INSERT INTO order_states (mchid, state, orders, amount) VALUES (NEW.mchid, NEW.state, 1, NEW.total)
    ON CONFLICT DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount;
END;

-- What was paid by which product on which Beijing day: kept when an order turns paid, so the overview counts nothing.
CREATE TABLE day_channels (
  mchid    TEXT    NOT NULL,
  day      TEXT    NOT NULL,
  via      TEXT    NOT NULL,
  payments INTEGER NOT NULL DEFAULT 0 CHECK (payments >= 0),
  amount   INTEGER NOT NULL DEFAULT 0 CHECK (amount >= 0),
  PRIMARY KEY (mchid, day, via)
) STRICT, WITHOUT ROWID;
INSERT INTO day_channels (mchid, day, via, payments, amount)
  SELECT mchid, date(success_time / 1000 + 28800, 'unixepoch'), coalesce(via, ''), count(*), sum(total) FROM orders
  WHERE success_time IS NOT NULL GROUP BY 1, 2, 3;
CREATE TRIGGER orders_paid_via AFTER UPDATE OF success_time ON orders
WHEN OLD.success_time IS NULL AND NEW.success_time IS NOT NULL BEGIN
  INSERT INTO day_channels (mchid, day, via, payments, amount)
    VALUES (NEW.mchid, date(NEW.success_time / 1000 + 28800, 'unixepoch'), coalesce(NEW.via, ''), 1, NEW.total)
    ON CONFLICT DO UPDATE SET payments = payments + 1, amount = amount + excluded.amount;
END;

-- Of the orders made on a Beijing day: how many, and how many of those are paid by now. Their share is the success rate.
CREATE TABLE day_orders (
  mchid TEXT    NOT NULL,
  day   TEXT    NOT NULL,
  made  INTEGER NOT NULL DEFAULT 0 CHECK (made >= 0),
  paid  INTEGER NOT NULL DEFAULT 0 CHECK (paid BETWEEN 0 AND made),
  PRIMARY KEY (mchid, day)
) STRICT, WITHOUT ROWID;
INSERT INTO day_orders (mchid, day, made, paid)
  SELECT mchid, date(created_at / 1000 + 28800, 'unixepoch'), count(*), count(success_time) FROM orders GROUP BY 1, 2;
CREATE TRIGGER orders_made AFTER INSERT ON orders BEGIN
  INSERT INTO day_orders (mchid, day, made) VALUES (NEW.mchid, date(NEW.created_at / 1000 + 28800, 'unixepoch'), 1)
    ON CONFLICT DO UPDATE SET made = made + 1;
END;
CREATE TRIGGER orders_made_paid AFTER UPDATE OF success_time ON orders
WHEN OLD.success_time IS NULL AND NEW.success_time IS NOT NULL BEGIN
  UPDATE day_orders SET paid = paid + 1
    WHERE mchid = NEW.mchid AND day = date(NEW.created_at / 1000 + 28800, 'unixepoch');
END;
