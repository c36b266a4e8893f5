-- Kept answers belong to who was proven when they were kept. Of those from before nobody knows whose they are: they keep
-- a request from being done twice and are told to nobody.

ALTER TABLE idempotency ADD COLUMN party TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Empty: nobody's.
ALTER TABLE idempotency ALTER COLUMN party DROP DEFAULT;
ALTER TABLE idempotency DROP CONSTRAINT idempotency_pkey;
ALTER TABLE idempotency ADD PRIMARY KEY (operator, party, key);
UPDATE idempotency SET answer = NULL;
