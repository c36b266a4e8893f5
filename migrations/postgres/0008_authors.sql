-- Who wrote: whether an agent did. What was written before is an agent's when its session was.

-- Hashed with the entry when it is set, so that older entries keep their digests.
ALTER TABLE audit_entry ADD COLUMN agent BOOLEAN CHECK (agent);
ALTER TABLE event ADD COLUMN agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE task ADD COLUMN created_by_agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE task_change ADD COLUMN agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE task_comment ADD COLUMN agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE handoff ADD COLUMN set_by_agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE handoff ADD COLUMN picked_up_by_agent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE message ADD COLUMN agent BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE event SET agent = TRUE WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task SET created_by_agent = TRUE WHERE created_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task_change SET agent = TRUE WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task_comment SET agent = TRUE WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE handoff SET set_by_agent = TRUE WHERE set_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE handoff SET picked_up_by_agent = TRUE WHERE picked_up_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE message SET agent = TRUE WHERE session IN (SELECT id FROM session WHERE agent = 1);

-- A key is no more than its operator, and may be less. Those from before are what their operators are.
ALTER TABLE api_key ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'admin' CHECK (role IN ('admin', 'member'));
