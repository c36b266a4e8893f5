-- The key that a session works with, and its name for people: a key with one live session is recognised by it.

ALTER TABLE session ADD COLUMN key TEXT;
ALTER TABLE session ADD COLUMN key_name TEXT;

CREATE INDEX session_key ON session (key) WHERE ended_at IS NULL AND key IS NOT NULL;
