-- Text ids, integer milliseconds, JSON as text only for lists and for what is shown whole.

CREATE TABLE schema_migration (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- One row per scope: the end of its audit chain. Locking it makes the scope's writes serial.
CREATE TABLE audit_head (
    scope TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE audit_entry (
    id TEXT NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    key_id TEXT,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (scope, seq)
) STRICT;

CREATE TABLE event (
    scope TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    operator TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (scope, seq)
) STRICT;

-- Counters that caches follow.
CREATE TABLE generation (
    topic TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO generation (topic, value) VALUES ('credentials', 0), ('config', 0), ('components', 0);

CREATE TABLE operator (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    display_name TEXT,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- `operator` names a row of `operator` or a built-in operator, which has none.
CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    operator TEXT NOT NULL,
    scopes TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE UNIQUE INDEX api_key_name ON api_key (operator, name) WHERE revoked_at IS NULL;

CREATE TABLE config_revision (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE CHECK (number > 0),
    created_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    cause TEXT NOT NULL,
    changed TEXT NOT NULL,
    digest TEXT NOT NULL,
    document TEXT
) STRICT;

CREATE TABLE component (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    version TEXT,
    plays TEXT,
    state TEXT NOT NULL CHECK (state IN ('live', 'rejected', 'pending', 'off')),
    reason TEXT,
    source TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    exports TEXT NOT NULL,
    instances TEXT NOT NULL,
    flat_keys TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

-- What a component was before: one row whenever its content or its state changed.
CREATE TABLE component_history (
    component TEXT NOT NULL REFERENCES component (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (component, seq)
) STRICT;

CREATE TABLE trace (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    key_id TEXT,
    client TEXT,
    api TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    model TEXT,
    provider TEXT,
    tier TEXT,
    task TEXT,
    complexity TEXT,
    confidence REAL,
    strategy TEXT,
    reason TEXT,
    attempts TEXT NOT NULL,
    status INTEGER NOT NULL,
    error_kind TEXT,
    error_code TEXT,
    first_byte_ms INTEGER,
    latency_ms INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    usage_estimated INTEGER NOT NULL,
    cost_usd REAL,
    stream INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    preamble_hash TEXT,
    loss TEXT NOT NULL,
    request_body TEXT,
    response_body TEXT
) STRICT;

CREATE INDEX trace_request ON trace (request_id);
CREATE INDEX trace_at ON trace (at);
CREATE INDEX trace_operator ON trace (operator, id);
CREATE INDEX trace_provider ON trace (provider, id);
CREATE INDEX trace_failed ON trace (id) WHERE error_kind IS NOT NULL;
