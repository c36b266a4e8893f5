-- Answers that clients go on from by their id: one row a turn, with what was asked in it and what was answered.

CREATE TABLE response (
    operator TEXT NOT NULL,
    id TEXT NOT NULL,
    -- The key that it was asked with, by its fingerprint.
    credential TEXT NOT NULL,
    trace TEXT NOT NULL,
    -- The trace of the first turn.
    thread TEXT NOT NULL,
    at INTEGER NOT NULL,
    previous TEXT,
    input TEXT NOT NULL,
    answer TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    -- The upstream gave the id twice: it names nothing.
    repeated INTEGER NOT NULL DEFAULT 0 CHECK (repeated IN (0, 1)),
    PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX response_thread ON response (thread, at, bytes);

-- Items of answers, which requests may name instead of repeating them.
CREATE TABLE response_item (
    operator TEXT NOT NULL,
    item TEXT NOT NULL,
    response TEXT NOT NULL,
    PRIMARY KEY (operator, item, response)
) STRICT;

CREATE INDEX response_item_response ON response_item (operator, response);
