//! The property of the whole network: for random VPCs, routes, groups, ACLs and addresses of both families, the analyser, a
//! model of the documentation, a walk through what the kernel holds, and real packets say the same.

#[path = "../packets/dhcp_client.rs"]
#[expect(dead_code, reason = "guests are configured here without asking")]
mod dhcp_client;
mod drift;
#[path = "../packets/guest.rs"]
#[expect(dead_code, reason = "shared with the packets' stories")]
mod guest;
mod model;
mod packets;
mod probes;
mod pure;
mod random;
#[path = "../packets/world.rs"]
#[expect(dead_code, reason = "shared with the packets' stories")]
mod world;
