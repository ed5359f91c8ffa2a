//! The password file, one `host:port:database:user:password` a line; see "The Password File" in
//! PostgreSQL's documentation.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The text of a password file.
pub(crate) struct PasswordFile(String);

impl PasswordFile {
    /// Reads the file. A file that others can read is ignored, as PostgreSQL's own programs do.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            log::warn!(
                "{} is ignored because others can read it: chmod 600 it",
                path.display()
            );
            return None;
        }
        fs::read_to_string(path).ok().map(PasswordFile)
    }

    /// The password in the first line that fits.
    pub(crate) fn password(
        &self,
        host: &str,
        port: u16,
        database: &str,
        user: &str,
    ) -> Option<String> {
        // A socket's folder counts as this host.
        let host = if host.starts_with('/') {
            "localhost"
        } else {
            host
        };
        find(&self.0, [host, &port.to_string(), database, user])
    }
}

fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = fields(line);
            let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
            let right = fields.len() == 5 && fields.iter().zip(&wanted).all(fits);
            right.then(|| fields[4].clone())
        })
}

/// Splits at colons; a backslash makes the next character an ordinary one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let last = fields.len() - 1;
        match c {
            ':' if last < 4 => fields.push(String::new()),
            '\\' => fields[last].extend(characters.next()),
            c => fields[last].push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits() {
        let text = "# host:port\ndb:5432:ml_results:etl:first\n*:*:*:etl:a\\:b\\\\c\ntoo:few\n";
        let of = |host, user| find(text, [host, "5432", "ml_results", user]);
        assert_eq!(of("db", "etl").as_deref(), Some("first"));
        assert_eq!(of("other", "etl").as_deref(), Some("a:b\\c"));
        assert_eq!(of("db", "else"), None);
    }
}
