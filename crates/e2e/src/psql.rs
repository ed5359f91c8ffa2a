//! PostgreSQL's own client programs and their library, which `load` has to agree with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::postgres::{python, repository};

/// The program psql that belongs to the servers of the tests. It has no TLS.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let code = "import sys, postgres; print(postgres.binary('psql'), end='')";
        let folder = repository().join("airflow/local");
        let output = run(Command::new(python())
            .args(["-c", code])
            .env("PYTHONPATH", folder)
            .env("PYTHONDONTWRITEBYTECODE", "1"));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().into()
    })
}

/// The psql of the operating system, which has TLS, if there is one.
#[must_use]
pub fn with_tls() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = folders.map(|folder| folder.unwrap().path().join("bin/psql"));
    programs.filter(|program| program.exists()).max()
}

/// Runs a statement with this psql and exactly these variables: its answer, or what it says is wrong.
pub fn ask(program: &Path, variables: &[(&str, String)], sql: &str) -> Result<String, String> {
    let output = run(Command::new(program)
        .args(["-XAtc", sql])
        .env_clear()
        .env("HOME", "/nonexistent")
        .envs(variables.iter().map(|(name, value)| (name, value))));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// The libraries libpq on this machine: that of [`program`], and the operating system's if there is
/// one.
fn libraries() -> Vec<PathBuf> {
    let folder = program().parent().unwrap().parent().unwrap();
    let own = folder.join("lib/libpq.so.5");
    assert!(own.exists(), "no {}", own.display());
    let of_the_system = PathBuf::from("/usr/lib/x86_64-linux-gnu/libpq.so.5");
    [own, of_the_system]
        .into_iter()
        .filter(|library| library.exists())
        .collect()
}

/// The names of all environment variables in libpq.
#[must_use]
pub fn variables() -> Vec<String> {
    let mut names = vec![];
    for library in libraries() {
        let bytes = std::fs::read(library).unwrap();
        let texts = bytes.split(|byte| *byte == 0);
        let texts = texts.filter_map(|text| std::str::from_utf8(text).ok());
        let is_name = |text: &&str| {
            text.len() > 3
                && text.starts_with("PG")
                // The names of the kinds of a result.
                && !text.starts_with("PGRES_")
                && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        names.extend(texts.filter(is_name).map(String::from));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The names of all connection parameters of libpq, as its function `PQconndefaults` gives them.
#[must_use]
pub fn parameters() -> Vec<String> {
    const CODE: &str = "
import ctypes, sys
class Option(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ('keyword', 'envvar', 'compiled', 'val', 'label', 'dispchar')]
    _fields_ += [('dispsize', ctypes.c_int)]
libpq = ctypes.CDLL(sys.argv[1])
libpq.PQconndefaults.restype = ctypes.POINTER(Option)
for option in libpq.PQconndefaults():
    if option.keyword is None: break
    print(option.keyword.decode())
";
    let mut names = vec![];
    for library in libraries() {
        let output = run(Command::new(python()).args(["-c", CODE]).arg(library));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        names.extend(text.lines().map(String::from));
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"))
}
