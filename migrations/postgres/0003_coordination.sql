-- Workspaces, sessions, focus, locks, keys of repeated requests and leases of background duties.

ALTER TABLE audit_entry ADD COLUMN session TEXT COLLATE "C";
ALTER TABLE audit_entry ADD COLUMN surface TEXT COLLATE "C";
ALTER TABLE event ADD COLUMN session TEXT COLLATE "C";

CREATE INDEX event_kind ON event (kind, at);
CREATE INDEX event_session ON event (session, kind, at) WHERE session IS NOT NULL;

-- Whoever presents the key acts as an agent.
ALTER TABLE api_key ADD COLUMN agent BIGINT NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));

-- One working tree: the common git directory (its own path without git) and the path of the tree.
-- `fence` and `turn` are counters: the last grant of a lock, the last place in a queue for one.
CREATE TABLE workspace (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    common_dir TEXT COLLATE "C" NOT NULL,
    visibility TEXT COLLATE "C" NOT NULL CHECK (visibility IN ('shared', 'private')),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    archived_at BIGINT,
    last_touched_at BIGINT,
    last_summary TEXT COLLATE "C",
    fence BIGINT NOT NULL DEFAULT 0 CHECK (fence >= 0),
    turn BIGINT NOT NULL DEFAULT 0 CHECK (turn >= 0),
    UNIQUE (common_dir, path)
);

CREATE INDEX workspace_path ON workspace (path);

CREATE TABLE workspace_member (
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    operator TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('reader', 'member', 'maintainer', 'owner')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, operator)
);

CREATE INDEX workspace_member_operator ON workspace_member (operator);

-- `machine`, `pid` and `pid_started` name a local process whose end ends the session.
CREATE TABLE session (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    operator TEXT COLLATE "C" NOT NULL,
    tool TEXT COLLATE "C" NOT NULL,
    agent BIGINT NOT NULL CHECK (agent IN (0, 1)),
    epoch BIGINT NOT NULL CHECK (epoch > 0),
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    lease_ms BIGINT NOT NULL CHECK (lease_ms > 0),
    lease_until BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    ended_at BIGINT,
    ending TEXT COLLATE "C" CHECK (ending IN ('ended', 'expired', 'died', 'revoked', 'killed')),
    summary TEXT COLLATE "C",
    machine TEXT COLLATE "C",
    pid BIGINT,
    pid_started BIGINT,
    CHECK ((ended_at IS NULL) = (ending IS NULL))
);

CREATE INDEX session_workspace ON session (workspace, id);
CREATE INDEX session_operator ON session (operator, id);
CREATE INDEX session_lease ON session (lease_until) WHERE ended_at IS NULL;
CREATE INDEX session_live ON session (workspace, lease_until) WHERE ended_at IS NULL;
CREATE INDEX session_process ON session (machine) WHERE ended_at IS NULL AND pid IS NOT NULL;

-- What a client calls itself: a native session id, or the connection that it speaks through.
CREATE TABLE session_link (
    session TEXT COLLATE "C" NOT NULL REFERENCES session (id),
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    linked_at BIGINT NOT NULL,
    linked_by TEXT COLLATE "C" NOT NULL CHECK (linked_by IN ('auto', 'operator')),
    PRIMARY KEY (session, kind, value)
);

CREATE INDEX session_link_value ON session_link (kind, value, session);

CREATE TABLE checkpoint (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    session TEXT COLLATE "C" NOT NULL REFERENCES session (id),
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    epoch BIGINT NOT NULL,
    summary TEXT COLLATE "C" NOT NULL,
    next_action TEXT COLLATE "C",
    blockers TEXT COLLATE "C",
    scratchpad_path TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);

CREATE INDEX checkpoint_session ON checkpoint (session, id);

CREATE TABLE focus (
    session TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES session (id),
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    intent TEXT COLLATE "C",
    task TEXT COLLATE "C",
    paths TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX focus_workspace ON focus (workspace);

CREATE TABLE lock (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('workspace', 'path', 'task', 'name')),
    resource TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL CHECK (mode IN ('shared', 'exclusive')),
    session TEXT COLLATE "C" NOT NULL REFERENCES session (id),
    count BIGINT NOT NULL CHECK (count > 0),
    fence BIGINT NOT NULL CHECK (fence > 0),
    acquired_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    reason TEXT COLLATE "C",
    UNIQUE (workspace, kind, resource, session),
    UNIQUE (workspace, fence)
);

CREATE INDEX lock_session ON lock (session);
CREATE INDEX lock_expiry ON lock (expires_at);

-- Who waits for a lock. A waiter that stops renewing `alive_until` has gone away.
CREATE TABLE lock_wait (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    turn BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL REFERENCES session (id),
    since BIGINT NOT NULL,
    alive_until BIGINT NOT NULL,
    UNIQUE (workspace, turn)
);

CREATE INDEX lock_wait_session ON lock_wait (session);

-- Answers to requests that carried a key, for whoever asks again.
CREATE TABLE idempotency (
    operator TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C",
    at BIGINT NOT NULL,
    PRIMARY KEY (operator, key)
);

CREATE INDEX idempotency_at ON idempotency (at);

-- Which process does a background duty, and until when.
CREATE TABLE duty (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    lease_until BIGINT NOT NULL
);
