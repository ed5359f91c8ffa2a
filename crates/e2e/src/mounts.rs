//! Disks that are full or cannot be written, and names of hosts, for one worker only: mounted in a
//! mount namespace of its own, where nobody else sees them, and gone with it.

use std::path::Path;
use std::process::Command;

use crate::place::{Files, Place};
use crate::worker::Worker;

/// What the files take on a tmpfs, in kB: whole pages.
fn taken(files: &Files) -> usize {
    files.values().map(|f| f.len().div_ceil(4096) * 4).sum()
}

/// The worker, but it sees `dir`, a folder of the place, on a disk of its own with `room` kB left.
/// When it has ended, the folder `{dir}.after` of the place shows what was on that disk.
///
/// `None`, with a line that says why, where a test may not mount anything.
#[must_use]
pub fn with_room(place: &Place, worker: Worker, dir: &str, room: usize) -> Option<Worker> {
    let mut files = place.files();
    files.retain(|path, _| path.starts_with(&format!("{dir}/")));
    let script = format!(
        "cp -a '{dir}' before && mount -t tmpfs -o size={}k tmpfs '{dir}' && cp -a before/. '{dir}' \
         && rm -r before || exit 77; \"$@\"; code=$?; cp -a '{dir}' '{dir}.after'; exit $code",
        taken(&files) + room
    );
    in_a_namespace(place.dir(), worker, &script)
}

/// The worker, but it sees `dir`, a folder of the place, read-only. `None` as in [`with_room`].
#[must_use]
pub fn read_only(place: &Place, worker: Worker, dir: &str) -> Option<Worker> {
    let script = format!(
        "mount --bind '{dir}' '{dir}' && mount -o remount,bind,ro '{dir}' || exit 77; \"$@\""
    );
    in_a_namespace(place.dir(), worker, &script)
}

/// The worker, but it sees the file `hosts` of the place as `/etc/hosts`. `None` as in [`with_room`].
#[must_use]
pub fn with_hosts(place: &Place, worker: Worker) -> Option<Worker> {
    let script = "mount --bind hosts /etc/hosts || exit 77; \"$@\"";
    in_a_namespace(place.dir(), worker, script)
}

fn in_a_namespace(inside: &Path, worker: Worker, script: &str) -> Option<Worker> {
    let root = "test $(id -u) = 0";
    let is_root = Command::new("sh").args(["-c", root]).status().unwrap();
    // Others become root of a user namespace first.
    let flags = if is_root.success() { "-m" } else { "-rm" };
    let may = Command::new("unshare")
        .args([flags, "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output();
    match may {
        Ok(tried) if tried.status.success() => {}
        tried => {
            crate::skipped(&format!("no mounts with unshare {flags} here: {tried:?}"));
            return None;
        }
    }
    let unshare = ["unshare", flags, "sh", "-c", script, "sh"];
    Some(worker.behind(&unshare).inside(inside))
}
