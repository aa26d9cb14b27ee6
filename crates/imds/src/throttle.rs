//! What one guest may ask of the service: requests by a token bucket, connections by a count. Guests are hostile, and
//! their neighbours in the VPC must not notice.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests at once: a boot's whole crawl is about a hundred.
const BURST: f64 = 500.0;
/// Requests per second in the long run.
const RATE: f64 = 100.0;
/// Connections at once of one guest.
const CONNECTIONS: usize = 32;
/// When more guests than this are remembered, those that are quiet are forgotten.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
struct Guest {
    tokens: f64,
    seen: Instant,
    connections: usize,
}

/// The guests of one VPC.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    guests: Arc<Mutex<HashMap<IpAddr, Guest>>>,
}

/// One open connection of a guest; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    throttle: Throttle,
    address: IpAddr,
}

impl Throttle {
    /// Whether the guest may make one more request.
    pub fn request(&self, address: IpAddr, now: Instant) -> bool {
        self.with(address, now, |guest| {
            let elapsed = now.saturating_duration_since(guest.seen).as_secs_f64();
            guest.tokens = (guest.tokens + elapsed * RATE).min(BURST);
            guest.seen = guest.seen.max(now);
            let allowed = guest.tokens >= 1.0;
            if allowed {
                guest.tokens -= 1.0;
            }
            allowed
        })
    }

    /// Opens one more connection of a guest, if it may.
    pub fn connect(&self, address: IpAddr, now: Instant) -> Option<Connection> {
        let allowed = self.with(address, now, |guest| {
            let allowed = guest.connections < CONNECTIONS;
            guest.connections += usize::from(allowed);
            allowed
        });
        allowed.then(|| Connection { throttle: self.clone(), address })
    }

    fn with<T>(&self, address: IpAddr, now: Instant, act: impl FnOnce(&mut Guest) -> T) -> T {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if guests.len() > REMEMBERED {
            let refilled = Duration::from_secs_f64(BURST / RATE);
            guests.retain(|_, guest| {
                guest.connections > 0 || now.saturating_duration_since(guest.seen) < refilled
            });
        }
        act(guests.entry(address).or_insert(Guest { tokens: BURST, seen: now, connections: 0 }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut guests = self.throttle.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guest) = guests.get_mut(&self.address) {
            guest.connections = guest.connections.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn a_guest_that_asks_too_much_is_stopped_and_its_neighbour_is_not() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let allowed = (0..1000).filter(|_| throttle.request(ONE, start)).count();
        assert_eq!(allowed, BURST as usize);
        assert!(throttle.request(TWO, start));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1000).filter(|_| throttle.request(ONE, later)).count(), RATE as usize);
    }

    #[test]
    fn connections_are_counted_while_they_are_open() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let open: Vec<_> = (0..100).filter_map(|_| throttle.connect(ONE, now)).collect();
        assert_eq!(open.len(), CONNECTIONS);
        assert!(throttle.connect(TWO, now).is_some());
        drop(open);
        assert!(throttle.connect(ONE, now).is_some());
    }

    #[test]
    fn quiet_guests_are_forgotten() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for n in 0..3000_u32 {
            let address = IpAddr::from(std::net::Ipv4Addr::from(n));
            assert!(throttle.request(address, start + Duration::from_secs(n.into())));
        }
        assert!(throttle.guests.lock().unwrap().len() <= REMEMBERED + 1);
    }
}
