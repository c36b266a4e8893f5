-- A component may also be seen, checked or quarantined. SQLite has no way to change a check, so both tables are
-- made anew; the one that is referred to comes first and goes last.

CREATE TABLE component_next (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    version TEXT,
    plays TEXT,
    state TEXT NOT NULL CHECK (
        state IN ('seen', 'checking', 'pending', 'live', 'draining', 'previous', 'rejected', 'quarantined', 'off')
    ),
    reason TEXT,
    source TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    exports TEXT NOT NULL,
    instances TEXT NOT NULL,
    flat_keys TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

INSERT INTO component_next
    (id, digest, version, plays, state, reason, source, size_bytes, exports, instances, flat_keys, seen_at)
SELECT id, digest, version, plays, state, reason, source, size_bytes, exports, instances, flat_keys, seen_at
FROM component;

CREATE TABLE component_history_next (
    component TEXT NOT NULL REFERENCES component_next (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (component, seq)
) STRICT;

INSERT INTO component_history_next (component, seq, at, digest, state, reason)
SELECT component, seq, at, digest, state, reason FROM component_history;

DROP TABLE component_history;
DROP TABLE component;
ALTER TABLE component_next RENAME TO component;
ALTER TABLE component_history_next RENAME TO component_history;
