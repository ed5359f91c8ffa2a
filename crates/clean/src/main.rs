//! See the crate's library.

use std::process::ExitCode;

// The system's allocator gives a piece's memory back and takes it anew for the next one, page by
// page: a tenth of the time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    task::main::<clean::Args>()
}
