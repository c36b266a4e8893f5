-- What each request used; kept for good, so nothing in it is derived from a trace that may be gone.

CREATE TABLE ledger (
    trace TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    key_id TEXT,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'failed', 'cancelled')),
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    cost_usd REAL
) STRICT;

CREATE INDEX ledger_at ON ledger (at);
CREATE INDEX ledger_operator ON ledger (operator, at);
