//! The type of the crate `rust_decimal`.
//!
//! It holds any 28 digits. Each value has a scale of its own: what is read has the schema's, what is written
//! may have any that loses no digit in the schema's. Nothing is rounded.

use rust_decimal::Decimal as RustDecimal;

use super::StandsFor;
use crate::Decimal;

impl<const PRECISION: u32, const SCALE: u32> StandsFor<Decimal<PRECISION, SCALE>> for RustDecimal {
    #[inline]
    fn of(value: Decimal<PRECISION, SCALE>) -> Option<Self> {
        value.try_into().ok()
    }

    #[inline]
    fn meaning(self) -> Option<Decimal<PRECISION, SCALE>> {
        self.try_into().ok()
    }
}
