-- When the newest id of a scope was born: the next one is later, also where a clock was set back.

ALTER TABLE audit_head ADD COLUMN born_ms BIGINT NOT NULL DEFAULT 0;
