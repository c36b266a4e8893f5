-- Kept answers belong to who was proven when they were kept. Of those from before nobody knows whose they are: they keep
-- a request from being done twice and are told to nobody.

DROP INDEX idempotency_at;
ALTER TABLE idempotency RENAME TO idempotency_before;

CREATE TABLE idempotency (
    operator TEXT NOT NULL,
    -- Empty: nobody's.
    party TEXT NOT NULL,
    key TEXT NOT NULL,
    operation TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (operator, party, key)
) STRICT;

INSERT INTO idempotency (operator, party, key, operation, digest, answer, at)
SELECT operator, '', key, operation, digest, NULL, at FROM idempotency_before;

DROP TABLE idempotency_before;
CREATE INDEX idempotency_at ON idempotency (at);
