-- Tasks, handoffs and mail. What is shown whole (tags, codes of dependencies) stands in the row as JSON; what is
-- searched stands in a table of its own beside it.

CREATE TABLE task (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (id),
    code TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    priority TEXT NOT NULL CHECK (priority IN ('p0', 'p1', 'p2', 'p3')),
    status TEXT NOT NULL CHECK (status IN ('available', 'in_progress', 'blocked', 'done', 'archived')),
    tags TEXT NOT NULL,
    depends_on TEXT NOT NULL,
    open_dependencies INTEGER NOT NULL CHECK (open_dependencies >= 0),
    assignee TEXT,
    holder TEXT REFERENCES session (id),
    claimed_at INTEGER,
    lease_expires_at INTEGER,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    block_reason TEXT,
    blocked_on TEXT,
    blocked_at INTEGER,
    completed_at INTEGER,
    completion_summary TEXT,
    created_by TEXT NOT NULL,
    created_by_session TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    CHECK (status <> 'in_progress' OR holder IS NOT NULL),
    CHECK (status NOT IN ('available', 'blocked') OR holder IS NULL),
    CHECK ((status = 'blocked') = (blocked_at IS NOT NULL)),
    CHECK (status <> 'done' OR completed_at IS NOT NULL)
) STRICT;

CREATE INDEX task_status ON task (workspace, status, priority, id);
CREATE INDEX task_ready ON task (workspace, priority, id)
    WHERE status = 'available' AND open_dependencies = 0 AND assignee IS NULL;
CREATE INDEX task_assignee ON task (assignee, workspace, status, priority, id) WHERE assignee IS NOT NULL;
CREATE INDEX task_holder ON task (holder, workspace, status, priority, id) WHERE holder IS NOT NULL;
CREATE INDEX task_lease ON task (workspace, lease_expires_at)
    WHERE status = 'in_progress' AND lease_expires_at IS NOT NULL;
CREATE INDEX task_blocked_on ON task (blocked_on) WHERE blocked_on IS NOT NULL;

-- The last number that a workspace gave out. Numbers are never counted, so none comes twice.
CREATE TABLE task_counter (
    workspace TEXT NOT NULL PRIMARY KEY REFERENCES workspace (id),
    last INTEGER NOT NULL CHECK (last > 0)
) STRICT;

-- How many tasks stand where, kept by every change, so that counting reads a few rows.
CREATE TABLE task_tally (
    workspace TEXT NOT NULL REFERENCES workspace (id),
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    tasks INTEGER NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (workspace, status, priority)
) STRICT;

CREATE TABLE task_dependency (
    task TEXT NOT NULL REFERENCES task (id),
    needs TEXT NOT NULL REFERENCES task (id),
    PRIMARY KEY (task, needs),
    CHECK (task <> needs)
) STRICT;

CREATE INDEX task_dependency_needs ON task_dependency (needs, task);

-- Status and priority are repeated here so that a list by tag meets one index.
CREATE TABLE task_tag (
    task TEXT NOT NULL REFERENCES task (id),
    tag TEXT NOT NULL,
    workspace TEXT NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    PRIMARY KEY (task, tag)
) STRICT;

CREATE INDEX task_tag_list ON task_tag (workspace, tag, status, priority, task);

CREATE TABLE task_change (
    task TEXT NOT NULL REFERENCES task (id),
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    change TEXT NOT NULL,
    operator TEXT NOT NULL,
    session TEXT,
    note TEXT,
    PRIMARY KEY (task, revision)
) STRICT;

CREATE TABLE task_comment (
    id TEXT NOT NULL PRIMARY KEY,
    task TEXT NOT NULL REFERENCES task (id),
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    session TEXT,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX task_comment_task ON task_comment (task, id);

CREATE TABLE handoff (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (id),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'picked_up', 'cleared', 'stale')),
    set_by TEXT NOT NULL,
    set_by_session TEXT,
    set_at INTEGER NOT NULL,
    picked_up_by TEXT,
    picked_up_by_session TEXT,
    picked_up_at INTEGER,
    cleared_at INTEGER,
    clear_reason TEXT,
    CHECK ((status = 'picked_up') = (picked_up_at IS NOT NULL))
) STRICT;

-- At most one waits in a workspace.
CREATE UNIQUE INDEX handoff_active ON handoff (workspace) WHERE status = 'active';
CREATE INDEX handoff_workspace ON handoff (workspace, id);

-- `rank` is the priority as a number: 0 is read first.
CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    thread TEXT NOT NULL,
    reply_to TEXT REFERENCES message (id),
    workspace TEXT NOT NULL REFERENCES workspace (id),
    operator TEXT NOT NULL,
    session TEXT,
    broadcast INTEGER NOT NULL CHECK (broadcast IN (0, 1)),
    kind TEXT NOT NULL,
    rank INTEGER NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    wants_acknowledgement INTEGER NOT NULL CHECK (wants_acknowledgement IN (0, 1)),
    sent_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

CREATE INDEX message_thread ON message (thread, id);
CREATE INDEX message_sender ON message (operator, session, sent_at);
CREATE INDEX message_session ON message (session, id) WHERE session IS NOT NULL;
CREATE INDEX message_broadcast ON message (workspace, expires_at) WHERE broadcast;

-- A message at one recipient.
CREATE TABLE delivery (
    session TEXT NOT NULL REFERENCES session (id),
    message TEXT NOT NULL REFERENCES message (id),
    rank INTEGER NOT NULL,
    delivered_at INTEGER NOT NULL,
    expires_at INTEGER,
    read_at INTEGER,
    acknowledged_at INTEGER,
    note TEXT,
    PRIMARY KEY (session, message)
) STRICT;

CREATE INDEX delivery_unread ON delivery (session, rank, message) WHERE read_at IS NULL;
CREATE INDEX delivery_message ON delivery (message);

CREATE INDEX event_scope_kind ON event (scope, kind, seq);
CREATE INDEX event_scope_session ON event (scope, session, seq) WHERE session IS NOT NULL;
