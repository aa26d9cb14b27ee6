//! Serves the instance of the fixtures to everybody on loopback, with tokens required, to try clients against:
//! `cargo run -p cumulet-imds --features fixtures --example serve_fixture -- 127.0.0.1:8080`.

use std::sync::Arc;

use cumulet_imds::fixtures::{self, Fixed};
use cumulet_imds::{IdentityKey, MetadataService, TokenKey};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut facts = fixtures::instance(0);
    facts.instance.metadata_options.tokens_required = true;
    let source = Fixed::default();
    source.put([127, 0, 0, 1], facts);
    let clock = Arc::new(jiff::Timestamp::now);
    let service =
        MetadataService::new(Arc::new(source), TokenKey::new([1; 32]), IdentityKey::generate()?, clock);
    let listener = std::net::TcpListener::bind(&address)?;
    println!("serving on http://{}", listener.local_addr()?);
    service.serve(listener, fixtures::vpc_id(), CancellationToken::new()).await?;
    Ok(())
}
