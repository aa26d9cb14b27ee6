//! Says what is wrong in user data, and shows the merged cloud-config:
//! `cargo run --example check_user_data FILE`.

use cumulet_cloud_init_config::{CloudConfig, UserData, validate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: check_user_data FILE")?;
    let bytes = std::fs::read(path)?;
    for warning in validate(&bytes) {
        eprintln!("{warning} [{}]", warning.rule.name());
    }
    let data = UserData::parse(&bytes)?;
    for part in &data.parts {
        eprintln!("{}: {} bytes", part.content_type, part.body.len());
    }
    print!("{}", CloudConfig::from_parts(&data.parts).0.to_yaml());
    Ok(())
}
