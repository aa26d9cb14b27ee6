-- Volumes and interfaces get a life apart from their instances: types, attachments on their way, modifications,
-- snapshots, and tokens that make requests other than launches idempotent.

ALTER TABLE volumes ADD COLUMN performance TEXT NOT NULL DEFAULT '{"kind":"standard","iops":null,"throughput":null}';
ALTER TABLE volumes ADD COLUMN reason TEXT;
ALTER TABLE volumes ADD COLUMN attachment_state TEXT;
ALTER TABLE volumes ADD COLUMN force_detach INTEGER NOT NULL DEFAULT 0;
-- Whether the launch of the instance that it is attached to made it.
ALTER TABLE volumes ADD COLUMN of_launch INTEGER NOT NULL DEFAULT 0;
UPDATE volumes SET attachment_state = 'attached', of_launch = 1 WHERE instance_id IS NOT NULL;
CREATE UNIQUE INDEX one_volume_for_a_device ON volumes (instance_id, device) WHERE instance_id IS NOT NULL;

ALTER TABLE interfaces ADD COLUMN attachment_state TEXT;
ALTER TABLE interfaces ADD COLUMN force_detach INTEGER NOT NULL DEFAULT 0;
UPDATE interfaces SET attachment_state = 'attached' WHERE instance_id IS NOT NULL;
CREATE UNIQUE INDEX one_interface_for_an_index ON interfaces (instance_id, device_index) WHERE instance_id IS NOT NULL;

CREATE TABLE volume_modifications (
    volume_id TEXT PRIMARY KEY REFERENCES volumes (id) ON DELETE CASCADE,
    state     TEXT NOT NULL,
    message   TEXT,
    original  TEXT NOT NULL,
    target    TEXT NOT NULL,
    started   INTEGER NOT NULL,
    ended     INTEGER
) STRICT;

CREATE TABLE request_tokens (
    action      TEXT NOT NULL,
    token       TEXT NOT NULL,
    digest      TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    created     INTEGER NOT NULL,
    PRIMARY KEY (action, token)
) STRICT;

CREATE TABLE snapshots (
    id          TEXT PRIMARY KEY,
    volume_id   TEXT NOT NULL,
    size        INTEGER NOT NULL,
    state       TEXT NOT NULL,
    message     TEXT,
    description TEXT NOT NULL,
    started     INTEGER NOT NULL,
    ended       INTEGER
) STRICT;

CREATE INDEX subnets_of_vpc ON subnets (vpc_id);
