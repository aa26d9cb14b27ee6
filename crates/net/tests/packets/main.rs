//! Real packets between namespaces that stand in for guests, through the real kernel. Each test has a host of its own
//! (a namespace), so they run side by side and the machine's own network is not touched. They need root and the tools
//! of Debian's `iptables`, `ipset`, `iproute2`, `conntrack` (to look) and `iputils-ping`; without, each is reported as skipped.

mod dhcp_client;
mod guest;
mod world;

mod acls;
mod addressing;
mod changes;
mod floods;
mod flow_logs;
mod frames;
mod groups;
mod ipv6;
mod isolation;
mod life;
mod outside;
mod routes;
mod tracking;
