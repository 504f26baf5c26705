//! See `factum_fuzz::schema::differential`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::differential::run);
