//! See `factum_fuzz::codec`.
#![no_main]

factum_fuzz::target!(factum_fuzz::codec::run);
