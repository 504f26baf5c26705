//! The same events for serde, as the other codecs take them: identifiers are strings and times are
//! numbers, which spares these codecs the work of making either.

use std::collections::BTreeMap;

use factum_build_tests::speed;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    id: String,
    amount: i64,
    purpose: String,
    at: i64,
}

impl From<&speed::Moved> for Moved {
    fn from(event: &speed::Moved) -> Self {
        Self {
            id: event.id.to_string(),
            amount: event.amount,
            purpose: event.purpose.clone(),
            at: event.at.as_microsecond(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    order: String,
    customer: String,
    status: Status,
    currency: String,
    number: i64,
    total: i64,
    discount: f64,
    lines: Vec<Line>,
    shipping: Address,
    billing: Option<Address>,
    payment: Payment,
    attributes: BTreeMap<String, String>,
    note: Option<String>,
    at: i64,
    gift: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    New,
    Paid,
    Packed,
    Sent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    quantity: i64,
    price: i64,
    tags: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    city: String,
    zip: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    #[serde(rename = "test.speed.Transfer")]
    Transfer(Transfer),
    #[serde(rename = "test.speed.Card")]
    Card(Card),
    #[serde(rename = "test.speed.Voucher")]
    Voucher(Voucher),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Transfer {
    iban: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Card {
    number: String,
    month: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Voucher {
    code: String,
    worth: i64,
}

impl From<&speed::Ordered> for Ordered {
    fn from(event: &speed::Ordered) -> Self {
        let line = |line: &speed::Line| Line {
            sku: line.sku.clone(),
            quantity: line.quantity,
            price: line.price,
            tags: line.tags.clone(),
        };
        Self {
            order: event.order.to_string(),
            customer: event.customer.to_string(),
            status: match event.status {
                speed::Status::New => Status::New,
                speed::Status::Paid => Status::Paid,
                speed::Status::Packed => Status::Packed,
                speed::Status::Sent => Status::Sent,
            },
            currency: event.currency.clone(),
            number: event.number,
            total: event.total,
            discount: event.discount,
            lines: event.lines.iter().map(line).collect(),
            shipping: Address::from(&event.shipping),
            billing: event.billing.as_ref().map(Address::from),
            payment: Payment::from(&event.payment),
            attributes: event.attributes.clone(),
            note: event.note.clone(),
            at: event.at.as_microsecond(),
            gift: event.gift,
        }
    }
}

impl From<&speed::Address> for Address {
    fn from(address: &speed::Address) -> Self {
        Self {
            street: address.street.clone(),
            city: address.city.clone(),
            zip: address.zip.clone(),
        }
    }
}

impl From<&speed::OrderedPayment> for Payment {
    fn from(payment: &speed::OrderedPayment) -> Self {
        use speed::OrderedPayment as From;
        match payment {
            From::Transfer(it) => Self::Transfer(Transfer {
                iban: it.iban.clone(),
            }),
            From::Card(it) => Self::Card(Card {
                number: it.number.clone(),
                month: it.month,
            }),
            From::Voucher(it) => Self::Voucher(Voucher {
                code: it.code.clone(),
                worth: it.worth,
            }),
        }
    }
}
