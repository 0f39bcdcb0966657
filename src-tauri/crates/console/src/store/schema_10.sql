-- Schema version 10: the history of callbacks by cause, kind, source and content, and the sums over it.
-- Times are milliseconds since 1970 UTC. Never edit a released step; add the next one.

CREATE INDEX callbacks_reason ON callbacks (mchid, reason) WHERE reason IS NOT NULL;
-- Nearly all are payments: those are found by walking, so only the others cost a line here.
CREATE INDEX callbacks_event ON callbacks (mchid, event_type) WHERE event_type <> 'TRANSACTION.SUCCESS';
-- What is left when duplicates are folded, and what is folded under each.
CREATE INDEX callbacks_firsts ON callbacks (mchid) WHERE first_id IS NULL;
CREATE INDEX callbacks_repeats ON callbacks (first_id) WHERE first_id IS NOT NULL;
CREATE INDEX callback_raw_source ON callback_raw (source);

-- Words of what was decrypted; see words.rs. The step is followed by a fill of what is there already.
CREATE VIRTUAL TABLE callback_words USING fts5 (words, content='', detail=none);

-- Between which ids the deliveries of an hour lie, however the clock was set meanwhile.
CREATE TABLE callback_hours (
  mchid    TEXT    NOT NULL,
  hour     INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id  INTEGER NOT NULL,
  PRIMARY KEY (mchid, hour)
) STRICT, WITHOUT ROWID;

-- How many deliveries came to which end, so that nobody counts a big table. '': no reason.
CREATE TABLE callback_causes (
  mchid      TEXT    NOT NULL,
  verdict    TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  deliveries INTEGER NOT NULL,
  newest     INTEGER NOT NULL,
  PRIMARY KEY (mchid, verdict, reason)
) STRICT, WITHOUT ROWID;

INSERT INTO callback_hours
  SELECT mchid, received_at / 3600000, min(id), max(id) FROM callbacks GROUP BY 1, 2;
INSERT INTO callback_causes
  SELECT mchid, verdict, coalesce(reason, ''), count(*), max(id) FROM callbacks GROUP BY 1, 2, 3;

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
