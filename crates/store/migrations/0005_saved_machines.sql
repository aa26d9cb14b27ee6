-- Saved machines: what forks begin from, apart from any instance. `source` holds the rows of the instance that was saved,
-- with its interfaces and volumes, whose sources are the layers that were frozen for it.
CREATE TABLE saved_machines (
    id      TEXT PRIMARY KEY,
    name    TEXT,
    state   TEXT NOT NULL,
    reason  TEXT,
    created INTEGER NOT NULL,
    source  TEXT NOT NULL
) STRICT;
-- The saved machine that a fork begins from.
ALTER TABLE instances ADD COLUMN from_saved TEXT;
