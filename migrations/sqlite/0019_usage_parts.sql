-- Calls that are billed beside the one that answers a request: each is a row of its own, and says whose part it is.

ALTER TABLE ledger ADD COLUMN part_of TEXT;
