-- Workspaces, sessions, focus, locks, keys of repeated requests and leases of background duties.

ALTER TABLE audit_entry ADD COLUMN session TEXT;
ALTER TABLE audit_entry ADD COLUMN surface TEXT;
ALTER TABLE event ADD COLUMN session TEXT;

CREATE INDEX event_kind ON event (kind, at);
CREATE INDEX event_session ON event (session, kind, at) WHERE session IS NOT NULL;

-- Whoever presents the key acts as an agent.
ALTER TABLE api_key ADD COLUMN agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));

-- One working tree: the common git directory (its own path without git) and the path of the tree.
-- `fence` and `turn` are counters: the last grant of a lock, the last place in a queue for one.
CREATE TABLE workspace (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    common_dir TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('shared', 'private')),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    archived_at INTEGER,
    last_touched_at INTEGER,
    last_summary TEXT,
    fence INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    turn INTEGER NOT NULL DEFAULT 0 CHECK (turn >= 0),
    UNIQUE (common_dir, path)
) STRICT;

CREATE INDEX workspace_path ON workspace (path);

CREATE TABLE workspace_member (
    workspace TEXT NOT NULL REFERENCES workspace (id),
    operator TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('reader', 'member', 'maintainer', 'owner')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workspace, operator)
) STRICT;

CREATE INDEX workspace_member_operator ON workspace_member (operator);

-- `machine`, `pid` and `pid_started` name a local process whose end ends the session.
CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (id),
    operator TEXT NOT NULL,
    tool TEXT NOT NULL,
    agent INTEGER NOT NULL CHECK (agent IN (0, 1)),
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    token_hash TEXT NOT NULL UNIQUE,
    lease_ms INTEGER NOT NULL CHECK (lease_ms > 0),
    lease_until INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ended_at INTEGER,
    ending TEXT CHECK (ending IN ('ended', 'expired', 'died', 'revoked', 'killed')),
    summary TEXT,
    machine TEXT,
    pid INTEGER,
    pid_started INTEGER,
    CHECK ((ended_at IS NULL) = (ending IS NULL))
) STRICT;

CREATE INDEX session_workspace ON session (workspace, id);
CREATE INDEX session_operator ON session (operator, id);
CREATE INDEX session_lease ON session (lease_until) WHERE ended_at IS NULL;
CREATE INDEX session_live ON session (workspace, lease_until) WHERE ended_at IS NULL;
CREATE INDEX session_process ON session (machine) WHERE ended_at IS NULL AND pid IS NOT NULL;

-- What a client calls itself: a native session id, or the connection that it speaks through.
CREATE TABLE session_link (
    session TEXT NOT NULL REFERENCES session (id),
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    linked_by TEXT NOT NULL CHECK (linked_by IN ('auto', 'operator')),
    PRIMARY KEY (session, kind, value)
) STRICT;

CREATE INDEX session_link_value ON session_link (kind, value, session);

CREATE TABLE checkpoint (
    id TEXT NOT NULL PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session (id),
    workspace TEXT NOT NULL REFERENCES workspace (id),
    epoch INTEGER NOT NULL,
    summary TEXT NOT NULL,
    next_action TEXT,
    blockers TEXT,
    scratchpad_path TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX checkpoint_session ON checkpoint (session, id);

CREATE TABLE focus (
    session TEXT NOT NULL PRIMARY KEY REFERENCES session (id),
    workspace TEXT NOT NULL REFERENCES workspace (id),
    intent TEXT,
    task TEXT,
    paths TEXT NOT NULL,
    since INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX focus_workspace ON focus (workspace);

CREATE TABLE lock (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (id),
    kind TEXT NOT NULL CHECK (kind IN ('workspace', 'path', 'task', 'name')),
    resource TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('shared', 'exclusive')),
    session TEXT NOT NULL REFERENCES session (id),
    count INTEGER NOT NULL CHECK (count > 0),
    fence INTEGER NOT NULL CHECK (fence > 0),
    acquired_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    reason TEXT,
    UNIQUE (workspace, kind, resource, session),
    UNIQUE (workspace, fence)
) STRICT;

CREATE INDEX lock_session ON lock (session);
CREATE INDEX lock_expiry ON lock (expires_at);

-- Who waits for a lock. A waiter that stops renewing `alive_until` has gone away.
CREATE TABLE lock_wait (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (id),
    turn INTEGER NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    mode TEXT NOT NULL,
    session TEXT NOT NULL REFERENCES session (id),
    since INTEGER NOT NULL,
    alive_until INTEGER NOT NULL,
    UNIQUE (workspace, turn)
) STRICT;

CREATE INDEX lock_wait_session ON lock_wait (session);

-- Answers to requests that carried a key, for whoever asks again.
CREATE TABLE idempotency (
    operator TEXT NOT NULL,
    key TEXT NOT NULL,
    operation TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (operator, key)
) STRICT;

CREATE INDEX idempotency_at ON idempotency (at);

-- Which process does a background duty, and until when.
CREATE TABLE duty (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;
