//! The connection parameters of this process: `DATABASE_URL`, then libpq's environment variables.

use std::collections::BTreeMap;

use anyhow::{Error, Result};
use task::Usage;

use crate::libpq::{Support, TABLE};
use crate::url;

/// The value of a parameter, and where it is from.
pub(crate) struct Value {
    pub(crate) text: String,
    /// As an error names it, such as `PGPORT`.
    pub(crate) source: String,
}

impl Value {
    /// The value as a whole number of `unit`.
    pub(crate) fn number(&self, unit: &str) -> Result<i32> {
        let number = self.text.trim().parse();
        number
            .map_err(|_| Usage(format!("{} is not a number: set it to {unit}", self.source)).into())
    }

    /// The error for a value that is not one of `known`.
    pub(crate) fn unknown(&self, known: &str) -> Error {
        Usage(format!("{} is unknown: set it to {known}", self.source)).into()
    }
}

/// The parameters of a connection that have a value, by their keyword.
pub(crate) struct Parameters(BTreeMap<&'static str, Value>);

impl Parameters {
    /// Reads the variables through `variable`, which returns `None` for an empty one, and
    /// `DATABASE_URL`, which goes before them.
    ///
    /// # Errors
    /// [`Usage`] for a parameter that is not supported; the text never holds a value.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut found = BTreeMap::new();
        for row in TABLE {
            let Some(name) = row.variable else { continue };
            let Some(text) = variable(name) else { continue };
            row.check(&text, name, "unset it")?;
            if let (Some(keyword), Support::Used) = (row.keyword, row.support) {
                let source = name.to_owned();
                found.insert(keyword, Value { text, source });
            }
        }
        // As libpq does it: only where PGSSLMODE is not set, and only for a value that begins with 1.
        if variable("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            found.entry("sslmode").or_insert_with(|| Value {
                text: "require".into(),
                source: "PGREQUIRESSL".into(),
            });
        }
        let pairs = match variable("DATABASE_URL") {
            Some(url) => url::parse(&url)?,
            None => vec![],
        };
        for (name, text) in pairs {
            let row = TABLE.iter().find(|row| row.keyword == Some(name.as_str()));
            let Some((row, keyword)) = row.and_then(|row| Some((row, row.keyword?))) else {
                // The name is not shown: behind a & in a password, it is the rest of the password.
                let text = "DATABASE_URL: libpq does not know one of its parameters: remove it, or write & in a value as %26";
                return Err(Usage(text.into()).into());
            };
            if text.is_empty() {
                continue;
            }
            let source = format!("{keyword} in DATABASE_URL");
            row.check(&text, &source, "remove it")?;
            if row.support == Support::Used {
                found.insert(keyword, Value { text, source });
            }
        }
        Ok(Parameters(found))
    }

    /// The value of the parameter with this keyword.
    pub(crate) fn get(&self, keyword: &str) -> Option<&Value> {
        debug_assert!(
            TABLE
                .iter()
                .any(|row| row.keyword == Some(keyword) && row.support == Support::Used)
        );
        self.0.get(keyword)
    }

    /// Only the text of the value.
    pub(crate) fn text(&self, keyword: &str) -> Option<&str> {
        self.get(keyword).map(|value| value.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Parameters> {
        let value = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Parameters::read(&value)
    }

    #[test]
    fn every_other_variable_is_refused_by_name_without_its_value() {
        for row in TABLE {
            let Some(name) = row.variable else { continue };
            let found = read(&[(name, "canary")]);
            let refused = matches!(row.support, Support::OnlyAs(_) | Support::Refused);
            assert_eq!(found.is_err(), refused, "{name}");
            if let Err(error) = found {
                assert!(error.is::<Usage>());
                let text = error.to_string();
                assert!(
                    text.starts_with(&format!("{name} is not supported")),
                    "{text}"
                );
                assert!(text.ends_with(": unset it"), "{text}");
                assert!(!text.contains("canary"), "{text}");
            }
            if let Support::OnlyAs(values) = row.support {
                for value in values {
                    assert!(read(&[(name, value)]).is_ok(), "{name}={value}");
                }
            }
        }
    }

    #[test]
    fn the_same_holds_for_parameters_of_the_url() {
        for row in TABLE {
            let Some(keyword) = row.keyword else { continue };
            let url = format!("postgresql://h/d?{keyword}=canary");
            let found = read(&[("DATABASE_URL", &url)]);
            let refused = matches!(row.support, Support::OnlyAs(_) | Support::Refused);
            assert_eq!(found.is_err(), refused, "{keyword}");
            if let Err(error) = found {
                let text = error.to_string();
                let begin = format!("{keyword} in DATABASE_URL is not supported");
                assert!(text.starts_with(&begin), "{text}");
                assert!(!text.contains("canary"), "{text}");
            }
        }
    }

    #[test]
    fn pgrequiressl_counts_where_no_mode_is_set() {
        let mode = |variables: &[(&str, &str)]| {
            let parameters = read(variables).unwrap();
            parameters.text("sslmode").map(String::from)
        };
        assert_eq!(mode(&[("PGREQUIRESSL", "1")]).as_deref(), Some("require"));
        assert_eq!(mode(&[("PGREQUIRESSL", "0")]), None);
        let both = [("PGREQUIRESSL", "1"), ("PGSSLMODE", "prefer")];
        assert_eq!(mode(&both).as_deref(), Some("prefer"));
    }
}
