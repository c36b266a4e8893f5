-- Who wrote: whether an agent did. What was written before is an agent's when its session was.

-- Hashed with the entry when it is set, so that older entries keep their digests.
ALTER TABLE audit_entry ADD COLUMN agent INTEGER CHECK (agent = 1);
ALTER TABLE event ADD COLUMN agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));
ALTER TABLE task ADD COLUMN created_by_agent INTEGER NOT NULL DEFAULT 0 CHECK (created_by_agent IN (0, 1));
ALTER TABLE task_change ADD COLUMN agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));
ALTER TABLE task_comment ADD COLUMN agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));
ALTER TABLE handoff ADD COLUMN set_by_agent INTEGER NOT NULL DEFAULT 0 CHECK (set_by_agent IN (0, 1));
ALTER TABLE handoff ADD COLUMN picked_up_by_agent INTEGER NOT NULL DEFAULT 0 CHECK (picked_up_by_agent IN (0, 1));
ALTER TABLE message ADD COLUMN agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));

UPDATE event SET agent = 1 WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task SET created_by_agent = 1 WHERE created_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task_change SET agent = 1 WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE task_comment SET agent = 1 WHERE session IN (SELECT id FROM session WHERE agent = 1);
UPDATE handoff SET set_by_agent = 1 WHERE set_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE handoff SET picked_up_by_agent = 1 WHERE picked_up_by_session IN (SELECT id FROM session WHERE agent = 1);
UPDATE message SET agent = 1 WHERE session IN (SELECT id FROM session WHERE agent = 1);

-- A key is no more than its operator, and may be less. Those from before are what their operators are.
ALTER TABLE api_key ADD COLUMN role TEXT NOT NULL DEFAULT 'admin' CHECK (role IN ('admin', 'member'));
