-- Where the last turn of a conversation was answered, and has its prompt cached: one row a conversation and tier, told by a
-- hash of caller and conversation. Nothing of it is worth keeping when it is cold.

CREATE TABLE warm_place (
    conversation TEXT COLLATE "C" NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    moves BIGINT NOT NULL,
    warm_tokens BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    cold_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, tier)
);

CREATE INDEX warm_place_end ON warm_place (cold_at);

-- Moves when a conversation goes elsewhere: what other processes know of places may be old then.
INSERT INTO generation (topic, value) VALUES ('places', 0);
