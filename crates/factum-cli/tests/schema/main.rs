//! `factum schema` as it is run, and that a build refuses what it refuses.

mod against;
mod breaking;
mod registry;
mod shared;
mod single;
mod tree;
mod warnings;
