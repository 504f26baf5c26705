//! See `factum_fuzz::schema::framing`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::framing::run);
