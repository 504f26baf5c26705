//! The events that are measured: pseudo-random, the same in every run.

use factum_build_tests::speed::{
    Address, Card, Line, Moved, Ordered, OrderedPayment, Paid, Status, Transfer, Voucher,
};
use jiff::Timestamp;
use uuid::Uuid;

/// As many different ones as are measured in turn.
pub const COUNT: u64 = 64;

struct Chance(u64);

impl Chance {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn text(&mut self, least: u64, most: u64) -> String {
        let len = least + self.below(most - least + 1);
        let letter = |chance: &mut Self| char::from(b'a' + chance.below(26) as u8);
        (0..len).map(|_| letter(self)).collect()
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.below(u64::MAX), self.below(u64::MAX))
    }

    fn time(&mut self) -> Timestamp {
        let micros = 1_700_000_000_000_000 + self.below(1 << 45) as i64;
        Timestamp::from_microsecond(micros).expect("within jiff's years")
    }

    fn address(&mut self) -> Address {
        Address {
            street: self.text(8, 24),
            city: self.text(4, 14),
            zip: self.text(5, 5),
        }
    }

    fn line(&mut self) -> Line {
        Line {
            sku: self.text(8, 12),
            quantity: 1 + self.below(9) as i64,
            price: self.below(100_000) as i64,
            tags: (0..self.below(3)).map(|_| self.text(3, 8)).collect(),
        }
    }

    fn payment(&mut self) -> OrderedPayment {
        match self.below(3) {
            0 => OrderedPayment::Transfer(Transfer {
                iban: self.text(22, 22),
            }),
            1 => OrderedPayment::Card(Card {
                number: self.text(16, 16),
                month: self.below(240) as i32,
            }),
            _ => OrderedPayment::Voucher(Voucher {
                code: self.text(10, 10),
                worth: self.below(10_000) as i64,
            }),
        }
    }

    fn ordered(&mut self) -> Ordered {
        Ordered {
            order: self.id(),
            customer: self.id(),
            status: [Status::New, Status::Paid, Status::Sent][self.below(3) as usize],
            currency: "EUR".to_owned(),
            number: self.below(1 << 20) as i64,
            total: self.below(1 << 24) as i64,
            discount: self.below(100) as f64 / 4.0,
            lines: (0..1 + self.below(4)).map(|_| self.line()).collect(),
            shipping: self.address(),
            billing: (self.below(2) == 0).then(|| self.address()),
            payment: self.payment(),
            attributes: (0..self.below(3))
                .map(|_| (self.text(4, 8), self.text(4, 12)))
                .collect(),
            note: (self.below(2) == 0).then(|| self.text(10, 40)),
            at: self.time(),
            gift: self.below(2) == 0,
        }
    }
}

/// Four fields.
pub fn moved() -> Vec<Moved> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let moved = |_| Moved {
        id: chance.id(),
        amount: chance.below(1 << 20) as i64 - (1 << 19),
        purpose: chance.text(8, 32),
        at: chance.time(),
    };
    (0..COUNT).map(moved).collect()
}

/// Four fields in version 1; version 2 orders them anew, widens one and adds one.
pub fn paid() -> Vec<Paid> {
    let paid = |moved: Moved| Paid {
        at: moved.at,
        id: moved.id,
        amount: moved.amount,
        purpose: moved.purpose,
        payer: None,
    };
    moved().into_iter().map(paid).collect()
}

/// Fifteen fields, some of them records, arrays, maps and unions.
pub fn ordered() -> Vec<Ordered> {
    let mut chance = Chance(0xbf58_476d_1ce4_e5b9);
    (0..COUNT).map(|_| chance.ordered()).collect()
}
