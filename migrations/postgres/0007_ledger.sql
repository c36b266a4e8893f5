-- What each request used; kept for good, so nothing in it is derived from a trace that may be gone.

CREATE TABLE ledger (
    trace TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    provider TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    tier TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('ok', 'failed', 'cancelled')),
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    cost_usd DOUBLE PRECISION
);

CREATE INDEX ledger_at ON ledger (at);
CREATE INDEX ledger_operator ON ledger (operator, at);
