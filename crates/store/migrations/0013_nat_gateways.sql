-- NAT gateways. One that has ended stays listed for a while, when its subnet and VPC may be gone.
CREATE TABLE nat_gateways (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    vpc_id          TEXT NOT NULL,
    subnet_id       TEXT NOT NULL,
    state           TEXT NOT NULL,
    created         INTEGER NOT NULL,
    ended           INTEGER,
    failure_code    TEXT,
    failure_message TEXT,
    allocation_id   TEXT NOT NULL,
    interface_id    TEXT,
    private_ip      TEXT,
    public_ip       TEXT,
    association_id  TEXT
) STRICT;
