//! The address of a lake.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use object_store::path::Path as Key;

/// The address of a lake: `s3://bucket[/prefix]`, `file:///dir`, or a plain folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LakeUrl {
    /// A bucket of an S3 service.
    S3 {
        /// Its name.
        bucket: String,
        /// What every key begins with; may be empty.
        prefix: Key,
    },
    /// A folder of this machine.
    Folder(PathBuf),
}

impl FromStr for LakeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "give s3://bucket[/prefix], file:///dir or a folder";
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.is_empty() {
                return Err(format!("it is empty: {FORMS}"));
            }
            // An address that has lost its beginning; not shown, a key and its secret may come first.
            if text
                .split_once('@')
                .is_some_and(|(user, _)| user.contains(':'))
            {
                return Err(format!("it looks like an address with a user: {FORMS}"));
            }
            return Ok(LakeUrl::Folder(text.into()));
        };
        match scheme {
            "file" => {
                let url = url::Url::parse(text).ok();
                let whole = url.filter(|u| u.query().is_none() && u.fragment().is_none());
                let path = whole.and_then(|u| u.to_file_path().ok());
                path.map(LakeUrl::Folder)
                    .ok_or_else(|| format!("not file:///dir, with ? and # as %3F and %23: {FORMS}"))
            }
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let legal =
                    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
                if bucket.len() < 3 || !bucket.bytes().all(legal) {
                    // Not shown: in some addresses a key and its secret come first.
                    return Err(format!("it has no name of a bucket: {FORMS}"));
                }
                let prefix = Key::parse(prefix).map_err(|e| format!("{e}: {FORMS}"))?;
                Ok(LakeUrl::S3 {
                    bucket: bucket.into(),
                    prefix,
                })
            }
            // Else not shown: it may be a key and its secret.
            _ if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(format!("{scheme}:// is no lake: {FORMS}"))
            }
            _ => Err(format!("it is no lake: {FORMS}")),
        }
    }
}

impl fmt::Display for LakeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LakeUrl::S3 { bucket, prefix } if prefix.as_ref().is_empty() => {
                write!(f, "s3://{bucket}")
            }
            LakeUrl::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            LakeUrl::Folder(dir) => write!(f, "{}", dir.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_three_forms() {
        let folder = |p: &str| Ok(LakeUrl::Folder(p.into()));
        assert_eq!("examples/lake".parse(), folder("examples/lake"));
        assert_eq!("file:///srv/a%20lake".parse(), folder("/srv/a lake"));
        let s3 = "s3://flights/team/a".parse::<LakeUrl>().unwrap();
        assert_eq!(
            s3,
            LakeUrl::S3 {
                bucket: "flights".into(),
                prefix: Key::from("team/a")
            }
        );
        assert_eq!(s3.to_string(), "s3://flights/team/a");
        assert_eq!(
            "s3://flights/".parse::<LakeUrl>().unwrap().to_string(),
            "s3://flights"
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_forms_that_are_not() {
        for text in [
            "",
            "ftp://host/dir",
            "s3://",
            "s3://A bucket",
            "file://host/dir",
            "file:///dir?x=1",
            "file:///dir#x",
            "s3://ab//c/../d",
            "key:secret@flights",
            "key:secret@s3://flights",
        ] {
            let error = text.parse::<LakeUrl>().unwrap_err();
            assert!(!error.contains("secret"), "{text}: {error}");
            assert!(error.contains("give s3://bucket"), "{text}: {error}");
        }
    }
}
