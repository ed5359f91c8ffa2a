//! A worker's system calls on files and the network, one by one: it can be stopped exactly before or
//! after any of them.
//!
//! The kernel does it, by ptrace(2), so that the workers need no line for tests. Linux on x86-64.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use e2e::worker::{Finished, Worker};
use nix::errno::Errno;
use nix::libc::{self, c_long, user_regs_struct};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// One side of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The worker is about to make the call.
    Before,
    /// The kernel has done what was asked.
    After,
}

/// A point in a worker's life: a system call that opens, changes or names a file, or sends something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The call, such as `fsync`.
    pub call: &'static str,
    /// The file's name, or how the message begins.
    pub on: String,
    /// Before or after it.
    pub side: Side,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::After => "after",
        };
        write!(f, "{side} {} {}", self.call, self.on)
    }
}

/// What becomes of a worker that has come to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes on.
    GoOn,
    /// It gets this signal.
    Signal(Signal),
    /// The call before which it stands is not made, and fails with this error.
    Fail(Errno),
}

/// Runs a worker to its end and asks `at` at every point what becomes of it. While `at` does something
/// else, the worker stands still. After a signal no point is asked about.
#[must_use]
pub fn trace(worker: Worker, mut at: impl FnMut(&Point) -> Then) -> Finished {
    let running = worker.in_shell("kill -STOP $$; exec \"$@\"").start();
    let worker = Pid::from_raw(running.id().try_into().unwrap());
    // Ours alone: other threads have children of their own.
    let every = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    waitpid(worker, Some(every | WaitPidFlag::WUNTRACED)).unwrap();
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(worker, options).unwrap();
    kill(worker, Signal::SIGCONT).unwrap();

    let (mut is_worker, mut signalled) = (false, false);
    let mut failing = HashMap::new();
    let code = loop {
        let status = match waitpid(None, Some(every)) {
            Err(Errno::EINTR) => continue,
            status => status.unwrap(),
        };
        let (thread, signal) = match status {
            WaitStatus::Exited(pid, code) if pid == worker => break Some(code),
            WaitStatus::Signaled(pid, ..) if pid == worker => break None,
            WaitStatus::PtraceSyscall(thread) => {
                if let Some(error) = failing.remove(&thread) {
                    answer(thread, error);
                }
                let point = is_worker.then(|| point(worker, thread)).flatten();
                match point.filter(|_| !signalled).map(|point| at(&point)) {
                    Some(Then::Signal(signal)) => {
                        kill(worker, signal).unwrap();
                        signalled = true;
                    }
                    Some(Then::Fail(error)) => {
                        leave_out(thread);
                        failing.insert(thread, error);
                    }
                    Some(Then::GoOn) | None => {}
                }
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, _, event) => {
                is_worker |= event == libc::PTRACE_EVENT_EXEC;
                (thread, None)
            }
            // The stop with which it began is over.
            WaitStatus::Stopped(thread, signal) => {
                let stops = matches!(signal, Signal::SIGSTOP | Signal::SIGCONT);
                (thread, Some(signal).filter(|_| !stops))
            }
            _ => continue,
        };
        // Once the worker has its signal, its calls are of no more interest.
        let went_on = match signalled {
            true => ptrace::cont(thread, signal),
            false => ptrace::syscall(thread, signal),
        };
        // It may have been killed meanwhile.
        assert!(matches!(went_on, Ok(()) | Err(Errno::ESRCH)), "{went_on:?}");
    };
    running.ended(code)
}

/// The points that a worker comes to when nothing disturbs it, and how often.
#[must_use]
pub fn points(worker: Worker) -> BTreeMap<Point, usize> {
    let mut points = BTreeMap::new();
    let finished = trace(worker, |point| {
        *points.entry(point.clone()).or_default() += 1;
        Then::GoOn
    });
    let _ = finished.summary();
    points
}

/// Of the times that a worker comes to a point the first, a middle and the last.
#[must_use]
pub fn some_times(times: usize) -> BTreeSet<usize> {
    BTreeSet::from([1, times.div_ceil(2), times])
}

/// Lets the kernel make no call where a thread is about to make one.
fn leave_out(thread: Pid) {
    let mut registers = ptrace::getregs(thread).unwrap();
    registers.orig_rax = u64::MAX;
    ptrace::setregs(thread, registers).unwrap();
}

/// Lets a thread see this error in the place of what the kernel says.
fn answer(thread: Pid, error: Errno) {
    let mut registers = ptrace::getregs(thread).unwrap();
    registers.rax = -i64::from(error as i32) as u64;
    ptrace::setregs(thread, registers).unwrap();
}

/// Which argument says what the call is about.
enum About {
    Path(usize),
    /// A descriptor, and what is sent where it is a socket.
    Open(Sent),
}

enum Sent {
    Nothing,
    Bytes,
    Vector,
    Message,
}

/// The calls that change a file, a folder or what somebody else knows. `open` alone changes nothing,
/// but between it and the next call others may come.
fn about(call: c_long) -> Option<(&'static str, About)> {
    use About::{Open, Path};
    Some(match call {
        libc::SYS_openat => ("openat", Path(1)),
        libc::SYS_open => ("open", Path(0)),
        libc::SYS_mkdir => ("mkdir", Path(0)),
        libc::SYS_rename => ("rename", Path(1)),
        libc::SYS_renameat => ("renameat", Path(3)),
        libc::SYS_renameat2 => ("renameat2", Path(3)),
        libc::SYS_unlink => ("unlink", Path(0)),
        libc::SYS_unlinkat => ("unlinkat", Path(1)),
        libc::SYS_link => ("link", Path(1)),
        libc::SYS_linkat => ("linkat", Path(3)),
        libc::SYS_write => ("write", Open(Sent::Bytes)),
        libc::SYS_pwrite64 => ("pwrite64", Open(Sent::Bytes)),
        libc::SYS_writev => ("writev", Open(Sent::Vector)),
        libc::SYS_sendto => ("sendto", Open(Sent::Bytes)),
        libc::SYS_sendmsg => ("sendmsg", Open(Sent::Message)),
        libc::SYS_ftruncate => ("ftruncate", Open(Sent::Nothing)),
        libc::SYS_fsync => ("fsync", Open(Sent::Nothing)),
        libc::SYS_fdatasync => ("fdatasync", Open(Sent::Nothing)),
        libc::SYS_fchmod => ("fchmod", Open(Sent::Nothing)),
        libc::SYS_flock => ("flock", Open(Sent::Nothing)),
        libc::SYS_utimensat => ("utimensat", Open(Sent::Nothing)),
        libc::SYS_copy_file_range => ("copy_file_range", Open(Sent::Nothing)),
        libc::SYS_connect => ("connect", Open(Sent::Nothing)),
        _ => return None,
    })
}

/// The point at which a thread of the worker stands.
fn point(worker: Pid, thread: Pid) -> Option<Point> {
    let registers = ptrace::getregs(thread).ok()?;
    let (call, about) = about(registers.orig_rax as c_long)?;
    let on = match about {
        About::Path(at) => name(&text(worker, argument(&registers, at)))?,
        About::Open(sent) => {
            let descriptor = argument(&registers, 0);
            let open = fs::read_link(format!("/proc/{worker}/fd/{descriptor}")).ok()?;
            match open.to_str()? {
                socket if socket.starts_with("socket:") => {
                    let bytes = message(worker, &registers, &sent);
                    shown(&bytes)
                }
                path => name(path)?,
            }
        }
    };
    // The kernel puts this error there before it has done anything.
    let side = match registers.rax as i64 == -i64::from(libc::ENOSYS) {
        true => Side::Before,
        false => Side::After,
    };
    Some(Point { call, on, side })
}

fn argument(registers: &user_regs_struct, at: usize) -> u64 {
    let r = registers;
    [r.rdi, r.rsi, r.rdx, r.r10][at]
}

/// The name of a file that is the pipeline's: in a data dir or a lake.
fn name(path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').collect();
    let below = parts
        .iter()
        .position(|part| matches!(*part, "data" | "lake"))?;
    Some(parts[below..].join("/"))
}

/// What a call sends, as far as it tells what it is.
fn message(worker: Pid, registers: &user_regs_struct, sent: &Sent) -> Vec<u8> {
    let word = |at: u64| u64::from_ne_bytes(memory(worker, at, 8).try_into().unwrap_or_default());
    let (at, length) = match sent {
        Sent::Nothing => return vec![],
        Sent::Bytes => (registers.rsi, registers.rdx),
        Sent::Vector => (word(registers.rsi), word(registers.rsi + 8)),
        Sent::Message => {
            let vector = word(registers.rsi + 16);
            (word(vector), word(vector + 8))
        }
    };
    memory(worker, at, length.min(64) as usize)
}

fn text(worker: Pid, at: u64) -> String {
    let bytes = memory(worker, at, libc::PATH_MAX as usize);
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into()
}

fn memory(worker: Pid, at: u64, length: usize) -> Vec<u8> {
    let memory = PathBuf::from(format!("/proc/{worker}/mem"));
    let mut bytes = vec![0; length];
    // It may end before the length does, where nothing is mapped any more.
    let read = fs::File::open(memory).and_then(|memory| memory.read_at(&mut bytes, at));
    bytes.truncate(read.unwrap_or(0));
    bytes
}

/// How a message begins, without what no person reads.
fn shown(bytes: &[u8]) -> String {
    let readable = |byte: &u8| matches!(byte, b' '..=b'~').then_some(char::from(*byte));
    let text: String = bytes.iter().map(|b| readable(b).unwrap_or(' ')).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
