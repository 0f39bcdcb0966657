-- Schema version 4: the optional fields of an order's prepay, so that asking again says the same.
-- Never edit a released step; add the next one.

-- One JSON object under WeChat Pay's names; none where the order says no more than it must.
ALTER TABLE orders ADD COLUMN fields TEXT;
