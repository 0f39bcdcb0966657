-- Schema version 7: replays with edited content, forward targets that are kept, attempts whose end is not known.
-- Times are milliseconds since 1970 UTC. Never edit a released step; add the next one.

ALTER TABLE replays ADD COLUMN edited INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1));

-- 1 from the moment an attempt is counted until its end is written: then nobody knows what the target made of it.
ALTER TABLE forwards ADD COLUMN begun INTEGER NOT NULL DEFAULT 0 CHECK (begun IN (0, 1));

-- Where deliveries are passed on to, whichever process takes them in.
CREATE TABLE forward_targets (
  url           TEXT PRIMARY KEY,
  what          TEXT    NOT NULL CHECK (what IN ('accepted','each','rejected')),
  event_type    TEXT,
  allow_private INTEGER NOT NULL CHECK (allow_private IN (0, 1)),
  paused        INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
