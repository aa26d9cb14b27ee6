//! The rendered firewall without a kernel: its text for a small VPC, word for word, and its verdicts on random packets
//! of random VPCs, walked as the kernel would walk them ([`machine`]) and compared with what the groups mean
//! ([`meaning`]).

mod acls;
mod change;
mod golden;
mod machine;
mod meaning;
