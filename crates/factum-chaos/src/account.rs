//! The aggregate that is put through it: an account.

use factum::Aggregate;
use serde::{Deserialize, Serialize};

use crate::wire::Order;

factum::events!(chaos.account);

/// What an account holds; never less than nothing.
#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    balance: i64,
}

/// More was asked for than the account holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdrawn;

impl Account {
    /// A deposit of each amount, one after the other.
    fn deposits(&self, order: &str, amounts: &[i64]) -> Vec<AccountEvent> {
        let mut balance = self.balance;
        let deposit = |amount: &i64| {
            balance += amount;
            let (order, amount) = (order.to_owned(), *amount);
            Deposited {
                order,
                amount,
                balance,
            }
            .into()
        };
        amounts.iter().map(deposit).collect()
    }
}

impl Aggregate for Account {
    /// The client's name for the command, and the command.
    type Command = (String, Order);
    type Event = AccountEvent;
    type Rejection = Overdrawn;

    fn decide(&self, (order, command): Self::Command) -> Result<Vec<AccountEvent>, Overdrawn> {
        match command {
            Order::Deposit(amount) => Ok(self.deposits(&order, &[amount])),
            Order::Split(amounts) => Ok(self.deposits(&order, &amounts)),
            Order::Withdraw(amount) if amount > self.balance => Err(Overdrawn),
            Order::Withdraw(amount) => {
                let balance = self.balance - amount;
                Ok(vec![
                    Withdrawn {
                        order,
                        amount,
                        balance,
                    }
                    .into(),
                ])
            }
        }
    }

    fn apply(&mut self, event: &AccountEvent) {
        self.balance = match event {
            AccountEvent::Deposited(event) => self.balance + event.amount,
            AccountEvent::Withdrawn(event) => self.balance - event.amount,
        };
    }
}
