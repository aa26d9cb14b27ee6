//! Network insights: paths, their analyses, and the question behind both, which the JSON API asks directly.
//!
//! The analyser gets the network as it is desired now; the same way is then walked through what the kernel holds, so
//! that a difference between the two is told.

mod analyses;
mod ask;
mod found;
mod paths;
