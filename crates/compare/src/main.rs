//! See the crate's library.

use std::process::ExitCode;

fn main() -> ExitCode {
    compare::main()
}
