-- Flow logs. A log goes with what it is of, and its tags with it.

CREATE TABLE flow_logs (
    id                  TEXT PRIMARY KEY,
    vpc_id              TEXT NOT NULL REFERENCES vpcs (id) ON DELETE CASCADE,
    -- One of both, or neither for a log of the whole VPC.
    subnet_id           TEXT REFERENCES subnets (id) ON DELETE CASCADE,
    interface_id        TEXT REFERENCES interfaces (id) ON DELETE CASCADE,
    traffic             TEXT NOT NULL,
    format              TEXT NOT NULL,
    aggregation_seconds INTEGER NOT NULL,
    destination         TEXT NOT NULL,
    role                TEXT,
    created             INTEGER NOT NULL,
    CHECK (subnet_id IS NULL OR interface_id IS NULL)
) STRICT;

CREATE TRIGGER tags_of_flow_log AFTER DELETE ON flow_logs BEGIN
    DELETE FROM tags WHERE resource_id = old.id;
END;
