//! What Fettle does: domain types, ports and use cases, free of any cloud, database or web server.

pub mod permission;
pub mod ports;
