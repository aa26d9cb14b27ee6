//! The metadata service over real sockets. Each address of 127.0.0.0/8 is a guest of its own.

mod hop_limit;
mod identity;
mod limits;
mod service;
mod tokens;
mod tree;
