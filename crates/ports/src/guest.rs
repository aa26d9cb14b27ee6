//! Streams into guests.

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream to a program that listens in a guest.
pub trait GuestStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> GuestStream for S {}

/// Any such stream.
pub type BoxedGuestStream = Box<dyn GuestStream>;
