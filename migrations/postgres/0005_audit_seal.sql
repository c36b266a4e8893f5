-- The head of each chain is signed; every thousandth seal is kept. `seal_key` is the public key.

ALTER TABLE audit_head ADD COLUMN sealed_at BIGINT;
ALTER TABLE audit_head ADD COLUMN seal_key TEXT COLLATE "C";
ALTER TABLE audit_head ADD COLUMN signature TEXT COLLATE "C";

CREATE TABLE audit_seal (
    scope TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    hash TEXT COLLATE "C" NOT NULL,
    sealed_at BIGINT NOT NULL,
    seal_key TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, seq)
);

-- Hand-overs from one sealing key to the next are read apart from the rest.
CREATE INDEX audit_hand_over ON audit_entry (seq) WHERE action = 'audit.hand_over';
