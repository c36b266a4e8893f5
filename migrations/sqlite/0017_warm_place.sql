-- Where the last turn of a conversation was answered, and has its prompt cached: one row a conversation and tier, told by a
-- hash of caller and conversation. Nothing of it is worth keeping when it is cold.

CREATE TABLE warm_place (
    conversation TEXT NOT NULL,
    tier TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    moves INTEGER NOT NULL,
    warm_tokens INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    cold_at INTEGER NOT NULL,
    PRIMARY KEY (conversation, tier)
) STRICT;

CREATE INDEX warm_place_end ON warm_place (cold_at);

-- Moves when a conversation goes elsewhere: what other processes know of places may be old then.
INSERT INTO generation (topic, value) VALUES ('places', 0);
