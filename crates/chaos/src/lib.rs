//! What the tests in `tests/` need to break the workers on purpose: a tracer that stops them at any
//! system call or lets it fail, ceilings on their memory, years on their way from an older state to a newer one,
//! and bytes that are mutated.
//!
//! Each file of `tests/` is one kind of fault, with a short form that `make test` runs and a long one,
//! ignored there, that `make chaos` runs too. Each says how many cases it had and what came of them.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod memory;
pub mod mutation;
pub mod proxy;
pub mod raw_file;
pub mod report;
pub mod trace;
pub mod year;
