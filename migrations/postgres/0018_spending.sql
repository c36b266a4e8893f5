-- Budgets. A counter is of somebody in a window of time: what is settled there is the sum of the ledger's rows, what is
-- reserved the sum of reservations. It belongs to no budget, so budgets of one window share it, and a process that knows none
-- counts all the same. A reservation is of one request; when its process is gone it goes with the lease.

CREATE TABLE spending_counter (
    per TEXT COLLATE "C" NOT NULL CHECK (per IN ('key', 'operator', 'workspace', 'session')),
    subject TEXT COLLATE "C" NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    spent_nanos BIGINT NOT NULL,
    spent_tokens BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    reserved_nanos BIGINT NOT NULL,
    reserved_tokens BIGINT NOT NULL,
    PRIMARY KEY (per, subject, starts_at, ends_at)
);

CREATE INDEX spending_counter_subject ON spending_counter (subject, ends_at);
CREATE INDEX spending_counter_end ON spending_counter (ends_at);

CREATE TABLE spending_reservation (
    trace TEXT COLLATE "C" NOT NULL,
    per TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    nanos BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (trace, per, subject, starts_at, ends_at)
);

CREATE INDEX spending_reservation_holder ON spending_reservation (holder);
CREATE INDEX spending_reservation_end ON spending_reservation (ends_at);

CREATE TABLE spending_holder (
    holder TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lease_until BIGINT NOT NULL
);

-- A counter begins with what the ledger has of its window.
CREATE INDEX ledger_workspace ON ledger (workspace, at);
CREATE INDEX ledger_native_session ON ledger (native_session, at);
