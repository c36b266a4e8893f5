-- A component may also be seen, checked or quarantined.

ALTER TABLE component DROP CONSTRAINT component_state_check;
ALTER TABLE component ADD CONSTRAINT component_state_check CHECK (
    state IN ('seen', 'checking', 'pending', 'live', 'draining', 'previous', 'rejected', 'quarantined', 'off')
);
