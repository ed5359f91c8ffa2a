//! A worker's binary, started as a user starts it, and what came of it.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// The six, in the order in which they run.
pub const ALL: [&str; 6] = ["extract", "clean", "aggregate", "detect", "load", "cleanup"];

/// Far more than any run takes; a worker that hangs fails its test.
const PATIENCE: Duration = Duration::from_secs(240);

/// A worker that is about to be started. It inherits nothing of the test's environment, so that
/// no variable of the developer's machine changes a result.
pub struct Worker {
    name: &'static str,
    command: Command,
}

impl Worker {
    /// The worker without any argument.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Worker::through(name, Command::new(binary(name)))
    }

    /// The same, started by another program that ends up running it: `["setpriv", "--reuid", "7"]`.
    #[must_use]
    pub fn behind(self, program: &[&str]) -> Self {
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        let mut behind = Worker::through(self.name, command);
        let variables = self.command.get_envs();
        let set = variables.filter_map(|(name, value)| Some((name, value?)));
        behind.command.envs(set);
        behind
    }

    /// The same, started by a line of `sh`, in which `"$@"` is the worker.
    #[must_use]
    pub fn in_shell(self, line: &str) -> Self {
        self.behind(&["sh", "-c", line, "sh"])
    }

    /// A command that ends up running the worker `name`.
    fn through(name: &'static str, mut command: Command) -> Self {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent");
        Worker { name, command }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments, given with spaces between them.
    #[must_use]
    pub fn args(mut self, args: &str) -> Self {
        self.command.args(args.split_whitespace());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets variables of its environment.
    #[must_use]
    pub fn envs(mut self, variables: &[(&str, String)]) -> Self {
        self.command
            .envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    /// Starts it in this folder.
    #[must_use]
    pub fn inside(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Running {
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running {
            name: self.name,
            child: child.unwrap(),
        }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Finished {
        self.start().wait()
    }
}

/// A worker under way.
pub struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        send(signal, self.child.id());
    }

    /// Whether the worker has said that it wants to hear of SIGTERM.
    #[must_use]
    pub fn handles_sigterm(&self) -> bool {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).unwrap_or(0) >> 14 & 1 == 1
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What a worker has left whose end, and its exit code, somebody else has waited for.
    #[must_use]
    pub fn ended(mut self, code: Option<i32>) -> Finished {
        let mut text = [String::new(), String::new()];
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        out.unwrap().read_to_string(&mut text[0]).unwrap();
        err.unwrap().read_to_string(&mut text[1]).unwrap();
        let [stdout, stderr] = text;
        Finished {
            name: self.name,
            code,
            stdout,
            stderr,
        }
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(self) -> Finished {
        let (name, pid) = (self.name, self.child.id());
        let (send_output, output) = mpsc::channel();
        std::thread::spawn(move || send_output.send(self.child.wait_with_output()));
        let Ok(output) = output.recv_timeout(PATIENCE) else {
            send("KILL", pid);
            panic!("{name} did not end within {PATIENCE:?}");
        };
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Finished {
            name,
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

fn send(signal: &str, pid: u32) {
    let kill = format!("kill -{signal} {pid}");
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success(),
        "{kill}"
    );
}

/// What a worker left on its streams, and its exit code.
#[derive(Debug)]
pub struct Finished {
    name: &'static str,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Finished {
    /// The summary of a worker that did its job: the one line on stdout.
    #[must_use]
    pub fn summary(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert!(!self.stderr.contains("error: "), "{self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The error of a worker that failed: the last line of stderr, without the worker's name.
    /// There is one only, nothing on stdout, and no trace of a panic.
    #[must_use]
    pub fn error(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let begin = format!("{}: error: ", self.name);
        let errors = self.stderr.lines().filter(|line| line.starts_with(&begin));
        assert_eq!(errors.count(), 1, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert!(self.stderr.ends_with('\n'), "{self:?}");
        let last = self.stderr.lines().next_back().unwrap_or_default();
        let error = last.strip_prefix(&begin);
        error.unwrap_or_else(|| panic!("the last line is no error: {self:?}"))
    }

    /// Asserts what holds however a worker ends by itself: an exit code that means something, every line with the
    /// worker's name, and one that says what is wrong.
    pub fn assert_in_order(&self) {
        let begin = format!("{}: ", self.name);
        let lines = || self.stderr.lines();
        assert!(lines().all(|line| line.starts_with(&begin)), "{self:?}");
        assert!(
            !self.stderr.contains("a defect of this program"),
            "{self:?}"
        );
        let orders = |c: char| c.is_control() && c != '\n';
        assert!(!self.stderr.contains(orders), "{self:?}");
        match self.code {
            Some(0) => drop(self.summary()),
            Some(1) => drop(self.error().to_owned()),
            Some(2 | 99) => {
                assert_eq!(self.stdout, "", "{self:?}");
                assert_eq!(lines().count(), 1, "{self:?}");
            }
            _ => panic!("no exit code of the contract: {self:?}"),
        }
    }

    /// The warnings, without the worker's name.
    #[must_use]
    pub fn warnings(&self) -> Vec<&str> {
        let begin = format!("{}: warning: ", self.name);
        self.stderr
            .lines()
            .filter_map(|line| line.strip_prefix(&begin))
            .collect()
    }
}

/// The binary of a worker, beside the folder of the test's own.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.is_file(),
        "no {}: run cargo test --release --workspace",
        path.display()
    );
    path
}
