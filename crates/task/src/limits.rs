//! What the system may do with a worker's memory, and what it has to give to it.

use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// So many open files are enough for every worker; with fewer a library may fail in a way that says nothing.
const OPEN_FILES: u64 = 64;

/// From here on a crash leaves no core dump, wherever the kernel's `core_pattern` would put it: passwords
/// and keys are in the memory.
///
/// One byte is too little for a file. And it is the one number for which Linux starts no program that
/// takes core dumps, where 0 would only be handed to it.
pub(crate) fn forbid_core_dumps() {
    // Where 0 is all that is allowed, it stays.
    let _ = setrlimit(Resource::RLIMIT_CORE, 1, 1);
}

/// Refuses to begin with fewer open files than a worker needs.
pub(crate) fn check_open_files() -> Result<()> {
    let (allowed, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(
        allowed >= OPEN_FILES,
        "{allowed} open files are too few: raise the limit (ulimit -n) to {OPEN_FILES} or more"
    );
    Ok(())
}

/// Refuses to begin where a library could not start its threads, of which it has up to two a core.
pub(crate) fn check_threads() -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wanted = 8 + 2 * cores;
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        for _ in 0..wanted {
            thread::Builder::new()
                .spawn_scoped(scope, || drop(gate.lock()))
                .with_context(|| {
                    format!(
                        "fewer than {wanted} threads may be started: raise the limit on processes or on memory (ulimit -u, ulimit -v, or the container's)"
                    )
                })?;
        }
        drop(closed);
        Ok(())
    })
}
