-- Text ids in byte order, integer milliseconds, JSON as text only for lists and for what is shown whole.

CREATE TABLE schema_migration (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    checksum TEXT COLLATE "C" NOT NULL,
    applied_at BIGINT NOT NULL
);

-- One row per scope: the end of its audit chain. Locking it makes the scope's writes serial.
CREATE TABLE audit_head (
    scope TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL CHECK (seq >= 0),
    hash TEXT COLLATE "C" NOT NULL
);

CREATE TABLE audit_entry (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    at BIGINT NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    UNIQUE (scope, seq)
);

CREATE TABLE event (
    scope TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, seq)
);

-- Counters that caches follow.
CREATE TABLE generation (
    topic TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO generation (topic, value) VALUES ('credentials', 0), ('config', 0), ('components', 0);

CREATE TABLE operator (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C",
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'member')),
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- `operator` names a row of `operator` or a built-in operator, which has none.
CREATE TABLE api_key (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);

CREATE UNIQUE INDEX api_key_name ON api_key (operator, name) WHERE revoked_at IS NULL;

CREATE TABLE config_revision (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE CHECK (number > 0),
    created_at BIGINT NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    changed TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C"
);

CREATE TABLE component (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C",
    plays TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('live', 'rejected', 'pending', 'off')),
    reason TEXT COLLATE "C",
    source TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    exports TEXT COLLATE "C" NOT NULL,
    instances TEXT COLLATE "C" NOT NULL,
    flat_keys TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL
);

-- What a component was before: one row whenever its content or its state changed.
CREATE TABLE component_history (
    component TEXT COLLATE "C" NOT NULL REFERENCES component (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (component, seq)
);

CREATE TABLE trace (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    client TEXT COLLATE "C",
    api TEXT COLLATE "C" NOT NULL,
    requested_model TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C",
    provider TEXT COLLATE "C",
    tier TEXT COLLATE "C",
    task TEXT COLLATE "C",
    complexity TEXT COLLATE "C",
    confidence DOUBLE PRECISION,
    strategy TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    attempts TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    error_kind TEXT COLLATE "C",
    error_code TEXT COLLATE "C",
    first_byte_ms BIGINT,
    latency_ms BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    usage_estimated BOOLEAN NOT NULL,
    cost_usd DOUBLE PRECISION,
    stream BOOLEAN NOT NULL,
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    preamble_hash TEXT COLLATE "C",
    loss TEXT COLLATE "C" NOT NULL,
    request_body TEXT COLLATE "C",
    response_body TEXT COLLATE "C"
);

CREATE INDEX trace_request ON trace (request_id);
CREATE INDEX trace_at ON trace (at);
CREATE INDEX trace_operator ON trace (operator, id);
CREATE INDEX trace_provider ON trace (provider, id);
CREATE INDEX trace_failed ON trace (id) WHERE error_kind IS NOT NULL;
