-- What tokens of each kind cost, in integers: money in nano-dollars, with the rates that it was derived from; and what a
-- request was made for.

ALTER TABLE ledger ADD COLUMN cache_write_5m_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN price TEXT;
ALTER TABLE ledger ADD COLUMN cost_nanos INTEGER;
ALTER TABLE ledger ADD COLUMN saved_nanos INTEGER;
ALTER TABLE ledger ADD COLUMN cache_write_nanos INTEGER;
ALTER TABLE ledger ADD COLUMN label TEXT;
ALTER TABLE ledger ADD COLUMN client TEXT;
ALTER TABLE ledger ADD COLUMN request_class TEXT;
ALTER TABLE ledger ADD COLUMN api TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN native_session TEXT;
ALTER TABLE ledger ADD COLUMN session TEXT;
ALTER TABLE ledger ADD COLUMN workspace TEXT;
ALTER TABLE ledger ADD COLUMN task TEXT;
UPDATE ledger SET cost_nanos = CAST(ROUND(cost_usd * 1000000000) AS INTEGER) WHERE cost_usd BETWEEN 0 AND 10000;
ALTER TABLE ledger DROP COLUMN cost_usd;

CREATE INDEX ledger_session ON ledger (session, at);
CREATE INDEX ledger_key ON ledger (key_id, at);
CREATE INDEX session_link_by_value ON session_link (value);

ALTER TABLE trace ADD COLUMN cache_write_5m_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN price TEXT;
ALTER TABLE trace ADD COLUMN cost_nanos INTEGER;
UPDATE trace SET cost_nanos = CAST(ROUND(cost_usd * 1000000000) AS INTEGER) WHERE cost_usd BETWEEN 0 AND 10000;
ALTER TABLE trace DROP COLUMN cost_usd;
