//! How much of the server its clients may take: so much in all, and each so much.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A bound on what is under way, shared by its clones.
#[derive(Debug, Clone)]
pub struct Quota {
    most: usize,
    each: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One thing under way; dropping it gives its place back.
#[derive(Debug)]
pub struct Place {
    client: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Quota {
    /// `most` in all, `each` for one client.
    pub fn new(most: usize, each: usize) -> Self {
        Self { most, each, taken: Arc::default() }
    }

    /// A place for a client; `None` if it has its share or all are taken.
    pub fn take(&self, client: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&client).copied().unwrap_or(0);
        if own >= self.each || taken.values().sum::<usize>() >= self.most {
            return None;
        }
        taken.insert(client, own + 1);
        Some(Place { client, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.client) {
            Some(own @ 2..) => *own -= 1,
            _ => drop(taken.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_anothers_share() {
        let (a, b, c) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), [10, 0, 0, 3].into());
        let quota = Quota::new(3, 2);
        let held = [quota.take(a), quota.take(a)];
        assert!(held.iter().all(Option::is_some));
        assert!(quota.take(a).is_none(), "its share");
        let other = quota.take(b);
        assert!(other.is_some() && quota.take(c).is_none(), "all are taken");
        drop(held);
        assert!(quota.take(c).is_some() && quota.take(a).is_some());
        drop(other);
        assert_eq!(quota.taken.lock().unwrap().len(), 0, "nothing is kept of who is gone");
    }
}
