-- The head of each chain is signed; every thousandth seal is kept. `seal_key` is the public key.

ALTER TABLE audit_head ADD COLUMN sealed_at INTEGER;
ALTER TABLE audit_head ADD COLUMN seal_key TEXT;
ALTER TABLE audit_head ADD COLUMN signature TEXT;

CREATE TABLE audit_seal (
    scope TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    hash TEXT NOT NULL,
    sealed_at INTEGER NOT NULL,
    seal_key TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (scope, seq)
) STRICT;

-- Hand-overs from one sealing key to the next are read apart from the rest.
CREATE INDEX audit_hand_over ON audit_entry (seq) WHERE action = 'audit.hand_over';
