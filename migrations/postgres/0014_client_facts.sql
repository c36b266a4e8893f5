-- What clients say of a request: the session of theirs that it belongs to, and what it is for.

ALTER TABLE trace ADD COLUMN native_session TEXT COLLATE "C";
ALTER TABLE trace ADD COLUMN request_class TEXT COLLATE "C";
