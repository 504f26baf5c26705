//! What a build makes of a tree: options on which depends what it refuses.

use clap::{Args, ValueEnum};
use factum_build::Builder;

#[derive(Debug, Args)]
pub(super) struct CodeFlags {
    /// Let events be read without copying their text and bytes, too: an enum LoanEventRef beside LoanEvent
    #[arg(long)]
    borrowed: bool,

    /// The crate whose types dates and times become; for another than jiff the program needs factum's feature of
    /// that name
    #[arg(long, value_enum, value_name = "CRATE", default_value_t = Times::Jiff)]
    times: Times,

    /// The crate whose type decimals become; rust_decimal holds 28 digits, and needs factum's feature of that name
    #[arg(long, value_enum, value_name = "CRATE", default_value_t = Decimals::Factum)]
    decimals: Decimals,
}

impl CodeFlags {
    /// The builder of such a build.
    pub(super) fn builder(&self) -> Builder {
        Builder::new()
            .borrowed(self.borrowed)
            .times(self.times.into())
            .decimals(self.decimals.into())
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Times {
    Jiff,
    Chrono,
    Time,
}

impl From<Times> for factum_build::Times {
    fn from(times: Times) -> Self {
        match times {
            Times::Jiff => Self::Jiff,
            Times::Chrono => Self::Chrono,
            Times::Time => Self::Time,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decimals {
    Factum,
    #[value(name = "rust_decimal")]
    RustDecimal,
}

impl From<Decimals> for factum_build::Decimals {
    fn from(decimals: Decimals) -> Self {
        match decimals {
            Decimals::Factum => Self::Factum,
            Decimals::RustDecimal => Self::RustDecimal,
        }
    }
}
