-- Tasks for all working trees of a repository, and what tells a directory that was moved.

ALTER TABLE task ADD COLUMN siblings BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX task_siblings ON task (workspace, status, priority, id) WHERE siblings;

-- What the directory is to its file system, wherever it lies: its git directory, else itself.
ALTER TABLE workspace ADD COLUMN tree TEXT COLLATE "C";
CREATE INDEX workspace_tree ON workspace (tree) WHERE tree IS NOT NULL;
