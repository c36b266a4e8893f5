-- Answers that clients go on from by their id: one row a turn, with what was asked in it and what was answered.

CREATE TABLE response (
    operator TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    -- The key that it was asked with, by its fingerprint.
    credential TEXT COLLATE "C" NOT NULL,
    trace TEXT COLLATE "C" NOT NULL,
    -- The trace of the first turn.
    thread TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    previous TEXT COLLATE "C",
    input TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    -- The upstream gave the id twice: it names nothing.
    repeated BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (operator, id)
);

CREATE INDEX response_thread ON response (thread, at, bytes);

-- Items of answers, which requests may name instead of repeating them.
CREATE TABLE response_item (
    operator TEXT COLLATE "C" NOT NULL,
    item TEXT COLLATE "C" NOT NULL,
    response TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (operator, item, response)
);

CREATE INDEX response_item_response ON response_item (operator, response);
