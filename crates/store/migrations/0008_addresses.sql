-- Elastic addresses; secondary and IPv6 addresses of interfaces; interfaces that stand for NAT gateways.

-- nat-gateway: requester-managed, attached to no instance.
ALTER TABLE interfaces ADD COLUMN kind TEXT NOT NULL DEFAULT 'interface';
-- Whether the first IPv6 address is the primary one, which is never unassigned.
ALTER TABLE interfaces ADD COLUMN primary_ipv6 INTEGER NOT NULL DEFAULT 0;

-- Secondary private addresses and IPv6 addresses, in the order of their assignment.
CREATE TABLE interface_addresses (
    seq          INTEGER PRIMARY KEY,
    interface_id TEXT NOT NULL REFERENCES interfaces (id) ON DELETE CASCADE,
    vpc_id       TEXT NOT NULL REFERENCES vpcs (id),
    address      TEXT NOT NULL,
    UNIQUE (vpc_id, address)
) STRICT;
CREATE INDEX addresses_of_interface ON interface_addresses (interface_id);

-- An elastic address leads to one private address of one interface, or nowhere. While it leads to an interface's primary
-- address, interfaces.public_ip (the dynamic one) is NULL.
CREATE TABLE addresses (
    allocation_id  TEXT PRIMARY KEY,
    public_ip      TEXT NOT NULL UNIQUE,
    allocated      INTEGER NOT NULL,
    pool           TEXT NOT NULL DEFAULT 'amazon',
    association_id TEXT UNIQUE,
    interface_id   TEXT REFERENCES interfaces (id),
    private_ip     TEXT,
    UNIQUE (interface_id, private_ip),
    CHECK ((association_id IS NULL) = (interface_id IS NULL) AND (interface_id IS NULL) = (private_ip IS NULL))
) STRICT;

-- Whatever takes an interface or one of its addresses away, the elastic address is idle then.
CREATE TRIGGER elastic_address_of_deleted_interface AFTER DELETE ON interfaces BEGIN
    UPDATE addresses SET association_id = NULL, interface_id = NULL, private_ip = NULL WHERE interface_id = OLD.id;
END;
CREATE TRIGGER elastic_address_of_unassigned AFTER DELETE ON interface_addresses BEGIN
    UPDATE addresses SET association_id = NULL, interface_id = NULL, private_ip = NULL
    WHERE interface_id = OLD.interface_id AND private_ip = OLD.address;
END;
