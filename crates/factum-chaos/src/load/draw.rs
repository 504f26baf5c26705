//! What a client asks for: drawn from the seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::wire::{Order, Way};

/// What a client is to ask for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which of its accounts.
    pub account: usize,
    /// What is asked of it.
    pub command: Order,
    /// The command id, if one is to be chosen.
    pub id: Option<Uuid>,
    /// Expect the version last seen, and so many more.
    pub expected: Option<u64>,
    /// How the first attempt is sent.
    pub way: Way,
    /// Whether an attempt whose outcome is not known is followed by one on another way.
    pub turns: bool,
    /// Once the outcome is known: ask once more under the same command id, this way.
    pub once_more: Option<Way>,
    /// Whether to ask again after `Fenced`; nothing happened, so both is allowed.
    pub again_when_fenced: bool,
}

/// More than any account ever holds.
const TOO_MUCH: i64 = 1 << 50;
/// More than any account's version ever is behind.
const TOO_FAR: u64 = 1 << 40;

/// How long a client waits before its next command, in milliseconds.
pub(super) const PAUSES: std::ops::Range<u64> = 20..100;

/// A client's commands, one after the other.
pub struct Draw(StdRng);

impl Draw {
    /// The commands of a client: the same for the same seed.
    pub fn new(seed: u64, client: usize) -> Self {
        Self(StdRng::seed_from_u64(
            seed ^ (client as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    }

    /// How long to wait before the next command, in milliseconds.
    pub fn pause(&mut self) -> u64 {
        self.0.random_range(PAUSES)
    }

    /// The next command, on one of so many accounts.
    pub fn wish(&mut self, accounts: usize) -> Wish {
        let random = &mut self.0;
        let amount = random.random_range(1..1000);
        let command = match random.random_range(0..100) {
            0..60 => Order::Deposit(amount),
            60..80 => Order::Withdraw(amount),
            80..95 => {
                let parts = random.random_range(2..6);
                Order::Split((0..parts).map(|part| amount + part).collect())
            }
            _ => Order::Withdraw(TOO_MUCH + amount),
        };
        let id = random
            .random_bool(0.85)
            .then(|| Uuid::from_u128(random.random()));
        Wish {
            account: random.random_range(0..accounts),
            command,
            id,
            expected: match random.random_range(0..100) {
                0..15 => Some(0),
                15..18 => Some(TOO_FAR),
                _ => None,
            },
            way: way(random),
            turns: random.random_bool(0.5),
            once_more: (id.is_some() && random.random_bool(0.15)).then(|| way(random)),
            again_when_fenced: random.random_bool(0.8),
        }
    }
}

fn way(random: &mut StdRng) -> Way {
    Way::ALL[random.random_range(0..Way::ALL.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_what_a_client_asks_for() {
        let draw = |seed, client| {
            let mut draw = Draw::new(seed, client);
            (0..50).map(|_| draw.wish(4)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn everything_is_asked_for() {
        let mut draw = Draw::new(1, 0);
        let wishes: Vec<Wish> = (0..500).map(|_| draw.wish(4)).collect();
        let some = |which: fn(&Wish) -> bool| assert!(wishes.iter().any(which));
        some(|it| matches!(it.command, Order::Withdraw(TOO_MUCH..)));
        some(|it| matches!(&it.command, Order::Split(parts) if parts.len() > 3));
        some(|it| it.id.is_none() && it.expected == Some(0));
        some(|it| it.expected == Some(TOO_FAR));
        some(|it| !it.again_when_fenced);
        some(|it| it.way == Way::Submit && it.turns && it.once_more == Some(Way::Execute));
        for way in Way::ALL {
            let count = wishes.iter().filter(|it| it.way == way).count();
            assert!((120..220).contains(&count), "{count} by {}", way.name());
        }
    }
}
