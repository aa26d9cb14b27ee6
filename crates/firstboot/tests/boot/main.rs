//! The program itself, booting a machine that is a folder, against the real metadata service. The folder's tools are
//! scripts that write down how they were called; nothing of the host is touched.

mod first;
mod machine;
mod user_data;
