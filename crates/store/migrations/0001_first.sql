-- Times are milliseconds since the Unix epoch; enumerations are the model's kebab-case words; JSON where a value has
-- structure that no query looks into.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE access_keys (
    id      TEXT PRIMARY KEY,
    secret  TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE vpcs (
    id              TEXT PRIMARY KEY,
    cidr            TEXT NOT NULL,
    is_default      INTEGER NOT NULL,
    dhcp_options_id TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_default_vpc ON vpcs (is_default) WHERE is_default = 1;

CREATE TABLE subnets (
    id               TEXT PRIMARY KEY,
    vpc_id           TEXT NOT NULL REFERENCES vpcs (id),
    cidr             TEXT NOT NULL,
    zone             TEXT NOT NULL,
    default_for_zone INTEGER NOT NULL,
    map_public_ip    INTEGER NOT NULL,
    -- The private address given out last: the search for the next one goes on behind it.
    last_private_ip  TEXT
) STRICT;

CREATE TABLE security_groups (
    id          TEXT PRIMARY KEY,
    vpc_id      TEXT NOT NULL REFERENCES vpcs (id),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    UNIQUE (vpc_id, name)
) STRICT;

CREATE TABLE security_group_rules (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    group_id    TEXT NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
    direction   TEXT NOT NULL,
    spec        TEXT NOT NULL,
    description TEXT,
    UNIQUE (group_id, direction, spec)
) STRICT;

CREATE TABLE key_pairs (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    key_type    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key  TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;

CREATE TABLE images (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    description      TEXT,
    state            TEXT NOT NULL,
    state_reason     TEXT,
    created          INTEGER NOT NULL,
    location         TEXT NOT NULL,
    root_device_name TEXT NOT NULL,
    size             INTEGER NOT NULL,
    kernel_id        TEXT,
    ramdisk_id       TEXT,
    boot_args        TEXT NOT NULL,
    default_user     TEXT
) STRICT;

CREATE TABLE instances (
    seq                     INTEGER PRIMARY KEY,
    id                      TEXT NOT NULL UNIQUE,
    reservation_id          TEXT NOT NULL,
    launch_index            INTEGER NOT NULL,
    image_id                TEXT NOT NULL,
    kernel_id               TEXT,
    ramdisk_id              TEXT,
    boot_args               TEXT NOT NULL,
    instance_type           TEXT NOT NULL,
    key_name                TEXT,
    public_key              TEXT,
    -- Facts; the state that callers see is computed from these two.
    intent                  TEXT NOT NULL,
    machine                 TEXT NOT NULL,
    -- The VMM that belongs to the machine, from the launch step that starts it on.
    launch_id               TEXT,
    -- Whether a VMM of it ever ran: a failed launch takes everything away, a failed start keeps the volumes.
    has_run                 INTEGER NOT NULL DEFAULT 0,
    -- Whether a stop was asked for by force, or a reboot is under way.
    force                   INTEGER NOT NULL DEFAULT 0,
    reboot                  INTEGER NOT NULL DEFAULT 0,
    reason                  TEXT,
    transition_reason       TEXT NOT NULL DEFAULT '',
    launch_time             INTEGER NOT NULL,
    terminated              INTEGER,
    zone                    TEXT NOT NULL,
    vpc_id                  TEXT NOT NULL REFERENCES vpcs (id),
    subnet_id               TEXT NOT NULL REFERENCES subnets (id),
    root_device_name        TEXT NOT NULL,
    user_data               BLOB,
    metadata_options        TEXT NOT NULL,
    shutdown_behavior       TEXT NOT NULL,
    disable_api_termination INTEGER NOT NULL,
    disable_api_stop        INTEGER NOT NULL,
    client_token            TEXT,
    monitoring              INTEGER NOT NULL
) STRICT;
CREATE INDEX instances_of_reservation ON instances (reservation_id);

CREATE TABLE client_tokens (
    token          TEXT PRIMARY KEY,
    digest         TEXT NOT NULL,
    reservation_id TEXT NOT NULL,
    created        INTEGER NOT NULL
) STRICT;

CREATE TABLE interfaces (
    id                    TEXT PRIMARY KEY,
    vpc_id                TEXT NOT NULL REFERENCES vpcs (id),
    subnet_id             TEXT NOT NULL REFERENCES subnets (id),
    description           TEXT NOT NULL,
    mac                   TEXT NOT NULL,
    private_ip            TEXT NOT NULL,
    public_ip             TEXT UNIQUE,
    -- Whether each start of its instance gives it a public address.
    auto_public_ip        INTEGER NOT NULL,
    source_dest_check     INTEGER NOT NULL,
    created               INTEGER NOT NULL,
    instance_id           TEXT REFERENCES instances (id),
    attachment_id         TEXT,
    device_index          INTEGER,
    attached              INTEGER,
    delete_on_termination INTEGER NOT NULL,
    UNIQUE (vpc_id, private_ip)
) STRICT;
CREATE INDEX interfaces_of_instance ON interfaces (instance_id);

CREATE TABLE interface_groups (
    interface_id TEXT NOT NULL REFERENCES interfaces (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    group_id     TEXT NOT NULL REFERENCES security_groups (id),
    PRIMARY KEY (interface_id, position)
) STRICT;

CREATE TABLE volumes (
    id                    TEXT PRIMARY KEY,
    size                  INTEGER NOT NULL,
    state                 TEXT NOT NULL,
    created               INTEGER NOT NULL,
    zone                  TEXT NOT NULL,
    source                TEXT NOT NULL,
    instance_id           TEXT REFERENCES instances (id),
    device                TEXT,
    attached              INTEGER,
    delete_on_termination INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX volumes_of_instance ON volumes (instance_id);

CREATE TABLE tags (
    resource_id TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (resource_id, key)
) STRICT;
