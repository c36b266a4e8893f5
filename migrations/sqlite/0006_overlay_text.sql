-- The overlay as it was written, comments and all; only when it holds no raw secret.
ALTER TABLE config_revision ADD COLUMN text TEXT;
