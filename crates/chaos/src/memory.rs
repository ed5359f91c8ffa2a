//! A ceiling on the memory of a worker, and how much of it was needed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::worker::{Finished, Worker};

/// What a worker under a ceiling left, and its largest resident memory in kB.
#[derive(Debug)]
pub struct Measured {
    /// What it left.
    pub finished: Finished,
    /// The largest resident memory, in kB.
    pub peak: u64,
}

/// A ceiling: a cgroup of its own where one can be made, else `RLIMIT_DATA`.
pub struct Ceiling {
    kb: u64,
    group: Option<PathBuf>,
}

impl Ceiling {
    /// A ceiling of so many kB.
    #[must_use]
    pub fn of(kb: u64) -> Self {
        Ceiling {
            kb,
            group: group(kb << 10),
        }
    }

    /// What holds the worker down, for a report.
    #[must_use]
    pub fn means(&self) -> &'static str {
        match self.group {
            Some(_) => "cgroup",
            None => "RLIMIT_DATA",
        }
    }

    /// Runs a worker below the ceiling.
    #[must_use]
    pub fn run(&self, worker: Worker) -> Measured {
        let under = match &self.group {
            Some(group) => {
                let procs = group.join("cgroup.procs").display().to_string();
                worker.in_shell(&format!("echo $$ >{procs} && exec \"$@\""))
            }
            None => worker.in_shell(&format!("ulimit -d {} && exec \"$@\"", self.kb)),
        };
        let running = under.start();
        let status = format!("/proc/{}/status", running.id());
        let peak = std::thread::spawn(move || {
            // The number is the largest so far, and is gone with the process.
            let mut peak = 0;
            while let Some(so_far) = largest_resident(Path::new(&status)) {
                peak = so_far;
                std::thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        let finished = running.wait();
        let peak = peak.join().unwrap();
        Measured { finished, peak }
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(group);
        }
    }
}

/// A new cgroup that may have so many bytes, swapped out or not.
fn group(bytes: u64) -> Option<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    // The second version of cgroups, then the first, whose swap limit comes after the other.
    let hierarchies = [
        ("/sys/fs/cgroup", ["memory.max", "memory.swap.max"]),
        (
            "/sys/fs/cgroup/memory",
            ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
        ),
    ];
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("flight-delays-{}-{number}", std::process::id());
    hierarchies.into_iter().find_map(|(root, [limit, swap])| {
        let group = Path::new(root).join(&name);
        fs::create_dir(&group).ok()?;
        if set(&group.join(limit), bytes).is_err() {
            let _ = fs::remove_dir(&group);
            return None;
        }
        // Of all memory in the first version, of what is swapped in the second; not everywhere.
        let swapped = if swap == "memory.swap.max" { 0 } else { bytes };
        let _ = set(&group.join(swap), swapped);
        Some(group)
    })
}

/// Writes into a file that is there already: elsewhere it is no cgroup's.
fn set(file: &Path, bytes: u64) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(file)?;
    file.write_all(bytes.to_string().as_bytes())
}

fn largest_resident(status: &Path) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line?.trim().strip_suffix("kB")?.trim().parse().ok()
}
