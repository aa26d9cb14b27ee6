//! The JSON API over the real engine: its doors, its document, and what people do with it.

mod document;
mod doors;
mod flow_logs;
mod guest;
mod schema;
mod stories;
mod support;
mod volumes;
