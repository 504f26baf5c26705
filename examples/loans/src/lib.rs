//! The loan process of a real bank: an event log in, exact read models out.

pub mod activity;
pub mod board;
pub mod case;
pub mod figures;
pub mod generate;
mod history;
pub mod import;
pub mod loan;
pub mod record;
pub mod report;
pub mod work;
pub mod workload;
pub mod xes;

pub use history::Misplaced;

/// A number as people read it: `262,200`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let numbers = [0, 12, 123, 1_234, 262_200, 10_000_000];
        let read = ["0", "12", "123", "1,234", "262,200", "10,000,000"];
        assert_eq!(numbers.map(thousands), read);
    }
}
