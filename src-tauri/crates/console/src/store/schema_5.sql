-- Schema version 5: more appids of a merchant than the one that new orders take by default.
-- Never edit a released step; add the next one.

-- Separated by one blank each: an appid holds none.
ALTER TABLE merchants ADD COLUMN also_appids TEXT NOT NULL DEFAULT '';
