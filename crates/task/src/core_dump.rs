//! A crash leaves no copy of the memory: passwords and keys are in it.

use nix::sys::resource::{Resource, setrlimit};

/// From here on the process leaves no core dump, wherever the kernel's `core_pattern` would put it.
///
/// One byte is too little for a file. And it is the one number for which Linux starts no program that
/// takes core dumps, where 0 would only be handed to it.
pub(crate) fn forbid() {
    // Where 0 is all that is allowed, it stays.
    let _ = setrlimit(Resource::RLIMIT_CORE, 1, 1);
}
