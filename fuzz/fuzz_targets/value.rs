//! See `factum_fuzz::schema::value`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::value::run);
