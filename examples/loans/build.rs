//! Generates the events of `bank.loan` and `bank.work` from `schemas/`.

fn main() -> factum_build::Result {
    factum_build::compile("../../schemas")
}
