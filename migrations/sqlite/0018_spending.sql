-- Budgets. A counter is of somebody in a window of time: what is settled there is the sum of the ledger's rows, what is
-- reserved the sum of reservations. It belongs to no budget, so budgets of one window share it, and a process that knows none
-- counts all the same. A reservation is of one request; when its process is gone it goes with the lease.

CREATE TABLE spending_counter (
    per TEXT NOT NULL CHECK (per IN ('key', 'operator', 'workspace', 'session')),
    subject TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    spent_nanos INTEGER NOT NULL,
    spent_tokens INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    reserved_nanos INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    PRIMARY KEY (per, subject, starts_at, ends_at)
) STRICT;

CREATE INDEX spending_counter_subject ON spending_counter (subject, ends_at);
CREATE INDEX spending_counter_end ON spending_counter (ends_at);

CREATE TABLE spending_reservation (
    trace TEXT NOT NULL,
    per TEXT NOT NULL,
    subject TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    holder TEXT NOT NULL,
    nanos INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (trace, per, subject, starts_at, ends_at)
) STRICT;

CREATE INDEX spending_reservation_holder ON spending_reservation (holder);
CREATE INDEX spending_reservation_end ON spending_reservation (ends_at);

CREATE TABLE spending_holder (
    holder TEXT NOT NULL PRIMARY KEY,
    lease_until INTEGER NOT NULL
) STRICT;

-- A counter begins with what the ledger has of its window.
CREATE INDEX ledger_workspace ON ledger (workspace, at);
CREATE INDEX ledger_native_session ON ledger (native_session, at);
