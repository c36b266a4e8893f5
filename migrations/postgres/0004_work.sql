-- Tasks, handoffs and mail. What is shown whole (tags, codes of dependencies) stands in the row as JSON; what is
-- searched stands in a table of its own beside it.

CREATE TABLE task (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    title TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    priority TEXT COLLATE "C" NOT NULL CHECK (priority IN ('p0', 'p1', 'p2', 'p3')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('available', 'in_progress', 'blocked', 'done', 'archived')),
    tags TEXT COLLATE "C" NOT NULL,
    depends_on TEXT COLLATE "C" NOT NULL,
    open_dependencies BIGINT NOT NULL CHECK (open_dependencies >= 0),
    assignee TEXT COLLATE "C",
    holder TEXT COLLATE "C" REFERENCES session (id),
    claimed_at BIGINT,
    lease_expires_at BIGINT,
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    block_reason TEXT COLLATE "C",
    blocked_on TEXT COLLATE "C",
    blocked_at BIGINT,
    completed_at BIGINT,
    completion_summary TEXT COLLATE "C",
    created_by TEXT COLLATE "C" NOT NULL,
    created_by_session TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL CHECK (revision > 0),
    CHECK (status <> 'in_progress' OR holder IS NOT NULL),
    CHECK (status NOT IN ('available', 'blocked') OR holder IS NULL),
    CHECK ((status = 'blocked') = (blocked_at IS NOT NULL)),
    CHECK (status <> 'done' OR completed_at IS NOT NULL)
);

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
    workspace TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES workspace (id),
    last BIGINT NOT NULL CHECK (last > 0)
);

-- How many tasks stand where, kept by every change, so that counting reads a few rows.
CREATE TABLE task_tally (
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    status TEXT COLLATE "C" NOT NULL,
    priority TEXT COLLATE "C" NOT NULL,
    tasks BIGINT NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (workspace, status, priority)
);

CREATE TABLE task_dependency (
    task TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    needs TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    PRIMARY KEY (task, needs),
    CHECK (task <> needs)
);

CREATE INDEX task_dependency_needs ON task_dependency (needs, task);

-- Status and priority are repeated here so that a list by tag meets one index.
CREATE TABLE task_tag (
    task TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    tag TEXT COLLATE "C" NOT NULL,
    workspace TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    priority TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (task, tag)
);

CREATE INDEX task_tag_list ON task_tag (workspace, tag, status, priority, task);

CREATE TABLE task_change (
    task TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    change TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C",
    note TEXT COLLATE "C",
    PRIMARY KEY (task, revision)
);

CREATE TABLE task_comment (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    task TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    at BIGINT NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL
);

CREATE INDEX task_comment_task ON task_comment (task, id);

CREATE TABLE handoff (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    title TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'picked_up', 'cleared', 'stale')),
    set_by TEXT COLLATE "C" NOT NULL,
    set_by_session TEXT COLLATE "C",
    set_at BIGINT NOT NULL,
    picked_up_by TEXT COLLATE "C",
    picked_up_by_session TEXT COLLATE "C",
    picked_up_at BIGINT,
    cleared_at BIGINT,
    clear_reason TEXT COLLATE "C",
    CHECK ((status = 'picked_up') = (picked_up_at IS NOT NULL))
);

-- At most one waits in a workspace.
CREATE UNIQUE INDEX handoff_active ON handoff (workspace) WHERE status = 'active';
CREATE INDEX handoff_workspace ON handoff (workspace, id);

-- `rank` is the priority as a number: 0 is read first.
CREATE TABLE message (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    thread TEXT COLLATE "C" NOT NULL,
    reply_to TEXT COLLATE "C" REFERENCES message (id),
    workspace TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    operator TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C",
    broadcast BOOLEAN NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    rank BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    wants_acknowledgement BOOLEAN NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT
);

CREATE INDEX message_thread ON message (thread, id);
CREATE INDEX message_sender ON message (operator, session, sent_at);
CREATE INDEX message_session ON message (session, id) WHERE session IS NOT NULL;
CREATE INDEX message_broadcast ON message (workspace, expires_at) WHERE broadcast;

-- A message at one recipient.
CREATE TABLE delivery (
    session TEXT COLLATE "C" NOT NULL REFERENCES session (id),
    message TEXT COLLATE "C" NOT NULL REFERENCES message (id),
    rank BIGINT NOT NULL,
    delivered_at BIGINT NOT NULL,
    expires_at BIGINT,
    read_at BIGINT,
    acknowledged_at BIGINT,
    note TEXT COLLATE "C",
    PRIMARY KEY (session, message)
);

CREATE INDEX delivery_unread ON delivery (session, rank, message) WHERE read_at IS NULL;
CREATE INDEX delivery_message ON delivery (message);

CREATE INDEX event_scope_kind ON event (scope, kind, seq);
CREATE INDEX event_scope_session ON event (scope, session, seq) WHERE session IS NOT NULL;
