//! The domain: accounts that remember, in one number, everything that ever happened to them and in
//! which order.

use std::hash::{DefaultHasher, Hasher};

use factum_core::{Aggregate, DecodeError, Event};
use serde::{Deserialize, Serialize};

/// The state of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What it holds.
    pub balance: i64,
    /// How many events it has.
    pub version: u64,
    /// Stands for its events and their order.
    pub digest: u64,
}

/// What a client asks for, and the number that the client gave it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The number.
    pub number: u64,
    /// What it asks for.
    pub ask: Ask,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// An event for each amount.
    Deposit(Vec<i64>),
    /// One event; rejected where the account holds less.
    Withdraw(i64),
    /// Nothing happens, and that is a success.
    Nothing,
    /// Is always rejected, with the state.
    Look,
}

/// What happened, and the account after it, as whoever decided it believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The order that caused it.
    pub order: u64,
    /// By how much the balance moved.
    pub amount: i64,
    /// The account after it.
    pub after: Account,
}

/// Why an order is rejected: the account is not as it would have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(pub Account);

impl Account {
    /// The account after an amount was moved.
    pub fn after(mut self, order: u64, amount: i64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.digest);
        hasher.write_u64(order);
        hasher.write_i64(amount);
        self.digest = hasher.finish();
        self.balance += amount;
        self.version += 1;
        self
    }

    fn moved(&self, order: u64, amounts: &[i64]) -> Vec<Moved> {
        let mut after = *self;
        let moved = |amount: &i64| {
            let amount = *amount;
            after = after.after(order, amount);
            Moved {
                order,
                amount,
                after,
            }
        };
        amounts.iter().map(moved).collect()
    }
}

impl Aggregate for Account {
    type Command = Order;
    type Event = Moved;
    type Rejection = Seen;

    fn decide(&self, order: Order) -> Result<Vec<Moved>, Seen> {
        match order.ask {
            Ask::Deposit(amounts) => Ok(self.moved(order.number, &amounts)),
            Ask::Withdraw(amount) if amount <= self.balance => {
                Ok(self.moved(order.number, &[-amount]))
            }
            Ask::Nothing => Ok(Vec::new()),
            Ask::Withdraw(_) | Ask::Look => Err(Seen(*self)),
        }
    }

    fn apply(&mut self, event: &Moved) {
        *self = self.after(event.order, event.amount);
    }
}

impl Event for Moved {
    const AGGREGATE: &'static str = "sim.account";

    fn name(&self) -> &'static str {
        "Moved"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let Account {
            balance,
            version,
            digest,
        } = self.after;
        let numbers = [
            self.order,
            self.amount as u64,
            balance as u64,
            version,
            digest,
        ];
        numbers
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let (numbers, []) = value.as_chunks() else {
            return Err(DecodeError::new("it is cut off"));
        };
        let [order, amount, balance, version, digest] = numbers else {
            return Err(DecodeError::new("it has another length"));
        };
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        Ok(Self {
            order: number(order),
            amount: number(amount) as i64,
            after: Account {
                balance: number(balance) as i64,
                version: number(version),
                digest: number(digest),
            },
        })
    }
}
