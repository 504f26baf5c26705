//! The domain: accounts with a balance, so that what is rejected now may be accepted later.

/// What a command asks of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Always accepted; emits so many events, each of which adds one.
    Deposit(u8),
    /// Rejected while the balance is 0; emits one event, which takes one.
    Withdraw,
}

/// An account's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    balance: u8,
    /// How many events it has.
    pub version: u64,
}

impl Account {
    /// How many events a command emits; `None` if it is rejected.
    pub fn decide(&self, ask: Ask) -> Option<u8> {
        match ask {
            Ask::Deposit(events) => Some(events),
            Ask::Withdraw => (self.balance > 0).then_some(1),
        }
    }

    /// Takes in the events of an accepted command.
    pub fn apply(&mut self, ask: Ask) {
        match ask {
            Ask::Deposit(events) => self.take(events, self.balance + events),
            Ask::Withdraw => self.take(1, self.balance.saturating_sub(1)),
        }
    }

    fn take(&mut self, events: u8, balance: u8) {
        self.version += u64::from(events);
        self.balance = balance;
    }
}
