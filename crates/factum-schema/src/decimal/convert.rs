//! To and from `rust_decimal`, which holds 96 bits.

use super::{Decimal, DecimalError};

impl<const PRECISION: u32, const SCALE: u32> TryFrom<rust_decimal::Decimal>
    for Decimal<PRECISION, SCALE>
{
    type Error = DecimalError;

    fn try_from(value: rust_decimal::Decimal) -> Result<Self, DecimalError> {
        Self::rescaled(value.mantissa(), value.scale())
    }
}

impl<const PRECISION: u32, const SCALE: u32> TryFrom<Decimal<PRECISION, SCALE>>
    for rust_decimal::Decimal
{
    type Error = rust_decimal::Error;

    fn try_from(value: Decimal<PRECISION, SCALE>) -> Result<Self, rust_decimal::Error> {
        Self::try_from_i128_with_scale(value.unscaled(), SCALE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_both_is_the_same_in_both() {
        let price: Decimal<9, 2> = "-19.90".parse().unwrap();
        let other = rust_decimal::Decimal::new(-199, 1);
        assert_eq!(rust_decimal::Decimal::try_from(price), Ok(other));
        assert_eq!(Decimal::try_from(other), Ok(price));
        let finer = rust_decimal::Decimal::new(1, 3);
        assert_eq!(
            Decimal::<9, 2>::try_from(finer),
            Err(DecimalError::Scale { scale: 2 })
        );
        assert!(rust_decimal::Decimal::try_from(Decimal::<38, 0>::MAX).is_err());
    }
}
