//! See `factum_fuzz::schema::resolution`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::resolution::run);
