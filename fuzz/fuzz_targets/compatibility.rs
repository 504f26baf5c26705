//! See `factum_fuzz::schema::compatibility`.
#![no_main]

factum_fuzz::target!(factum_fuzz::schema::compatibility::run);
