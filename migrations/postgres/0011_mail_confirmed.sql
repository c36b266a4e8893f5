-- A message counts as read once its reader shows that it got the answer that it was told in: by that answer's cursor.

ALTER TABLE delivery ADD COLUMN read_cursor TEXT COLLATE "C";
