//! See `factum_fuzz::schema::parser`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::parser::run);
