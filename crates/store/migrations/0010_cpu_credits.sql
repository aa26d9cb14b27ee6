-- CPU credits of instances of burstable types. One without a row has its type's default mode and what it has at launch.
CREATE TABLE cpu_credits (
    instance_id TEXT PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    mode        TEXT,              -- standard, unlimited; NULL is the type's default
    earned      INTEGER NOT NULL,  -- vCPU milliseconds
    launch      INTEGER NOT NULL,
    surplus     INTEGER NOT NULL
) STRICT;
