//! Finding the raw file of a year, or what a person may take for it.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;

use crate::names::{self, Kind};
use crate::{Lake, Object, Store, key, look};

/// A file or a folder in the folder of raw files.
struct Entry {
    name: String,
    is_folder: bool,
}

impl Lake {
    /// The raw file of a year, or `None` when the lake has none.
    ///
    /// # Errors
    /// When the lake cannot be read, has no folder of raw files, has the year in more than one form, or has
    /// it in no form but has something of a similar name.
    pub fn bronze(&self, year: i32) -> Result<Option<Object>> {
        let (mut found, mut similar) = (vec![], vec![]);
        for entry in self.entries_of(year)? {
            match names::kind(&entry.name, entry.is_folder, year) {
                Some(Kind::Form) => found.push(entry),
                Some(Kind::Parts) if !self.entries_inside(&entry)?.is_empty() => found.push(entry),
                Some(_) => similar.push(entry),
                None => {}
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        if found.len() > 1 {
            let places: Vec<_> = found.iter().map(|entry| self.place_of(entry)).collect();
            let all = if found.len() == 2 { "both" } else { "all" };
            bail!("{} are {all} there: keep one of them", places.join(" and "));
        }
        match found.pop() {
            Some(parts) if parts.is_folder => self.refuse(vec![parts], year),
            Some(file) => {
                let folder = self.key(key::BRONZE);
                self.head(&folder.parts().chain([file.name.into()]).collect())
                    .map(Some)
            }
            None => self.refuse(similar, year),
        }
    }

    /// Fails where the year is in the lake under names that cannot be read.
    fn refuse(&self, mut similar: Vec<Entry>, year: i32) -> Result<Option<Object>> {
        let of_year = year.to_string();
        similar.sort_by_key(|entry| (!entry.name.starts_with(&of_year), entry.name.clone()));
        let mut refusal: Option<(String, String)> = None;
        let mut others = vec![];
        for entry in similar {
            let inside = match entry.is_folder {
                true => self.entries_inside(&entry)?,
                false => vec![],
            };
            if entry.is_folder && inside.is_empty() {
                continue;
            }
            match refusal {
                Some(_) => others.push(entry.name),
                None => refusal = Some(self.refusal(&entry, &inside, year)),
            }
        }
        let Some((place, remedy)) = refusal else {
            return Ok(None);
        };
        let others = match others.as_slice() {
            [] => String::new(),
            others => format!(" (and {})", a_few(others)),
        };
        bail!("found {place}{others}: {remedy}, or move it away to skip {year}")
    }

    /// What was found, and what to do with it.
    fn refusal(&self, entry: &Entry, inside: &[Entry], year: i32) -> (String, String) {
        let place = self.place_of(entry);
        if !entry.is_folder {
            return (place, names::remedy(&entry.name, year));
        }
        if let [file] = inside
            && !file.is_folder
            && let Some(form) = names::form(&file.name)
        {
            let target = format!("{}/{year}.{form}", self.place(&self.key(key::BRONZE)));
            return (
                format!("{place}{}", file.name),
                format!("move it to {target}"),
            );
        }
        let names: Vec<_> = inside.iter().map(|part| part.name.clone()).collect();
        (
            format!("the folder {place} with {}", a_few(&names)),
            format!(
                "a year in parts is not supported yet, join the parts into one file {year}.csv"
            ),
        )
    }

    /// Everything in the folder of raw files that has the year in its name.
    fn entries_of(&self, year: i32) -> Result<Vec<Entry>> {
        let wanted = |name: &str, is_folder| names::kind(name, is_folder, year).is_some();
        match &self.store {
            Store::Folder(lake) => {
                let folder = self.key(key::BRONZE);
                let path = lake.path_to_filesystem(&folder)?;
                ensure!(
                    look(&path)?.is_some_and(|found| found.is_dir()),
                    "no folder {}: create it, or correct --lake (LAKE_URL)",
                    self.place(&folder)
                );
                let mut entries = entries_in(&path)?;
                entries.retain(|entry| wanted(&entry.name, entry.is_folder));
                for entry in &entries {
                    let is_form = names::kind(&entry.name, false, year) == Some(Kind::Form);
                    // A link that leads nowhere is something, and an error.
                    if is_form && !entry.is_folder {
                        let there = look(&path.join(&entry.name))?;
                        ensure!(
                            there.is_none_or(|there| there.is_file()),
                            "{} is not a file: move it away",
                            self.place_of(entry)
                        );
                    }
                }
                Ok(entries)
            }
            Store::Bucket(bucket) => {
                // Two requests where the year is there. The folder may have any number of other keys.
                let mut entries = self.entries_under(bucket, &format!("{year}"), wanted)?;
                entries.extend(self.entries_under(bucket, &format!("year={year}"), wanted)?);
                let is_form = |entry: &Entry| {
                    names::kind(&entry.name, entry.is_folder, year) == Some(Kind::Form)
                };
                if !entries.iter().any(is_form) {
                    entries = self.entries_under(bucket, "", wanted)?;
                }
                Ok(entries)
            }
        }
    }

    /// What is in a folder beside the raw files, without what is hidden; of a bucket's the first page.
    fn entries_inside(&self, folder: &Entry) -> Result<Vec<Entry>> {
        let mut entries = match &self.store {
            Store::Folder(lake) => {
                let path = lake.path_to_filesystem(&self.key(key::BRONZE))?;
                entries_in(&path.join(&folder.name))?
            }
            Store::Bucket(bucket) => self.page(bucket, &format!("{}/", folder.name), None)?.0,
        };
        entries.retain(|entry| !names::is_hidden(&entry.name));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What the bucket has in the folder of raw files under names that begin like this, as far as it is wanted.
    fn entries_under(
        &self,
        bucket: &AmazonS3,
        beginning: &str,
        wanted: impl Fn(&str, bool) -> bool,
    ) -> Result<Vec<Entry>> {
        let (mut all, mut next_page) = (vec![], None);
        loop {
            let (entries, token) = self.page(bucket, beginning, next_page)?;
            all.extend(
                entries
                    .into_iter()
                    .filter(|entry| wanted(&entry.name, entry.is_folder)),
            );
            next_page = token;
            if next_page.is_none() {
                return Ok(all);
            }
        }
    }

    /// One page of a listing; a HEAD would not tell a bucket that is not there from an object that is not.
    fn page(
        &self,
        bucket: &AmazonS3,
        beginning: &str,
        token: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>)> {
        let folder = self.key(key::BRONZE);
        let prefix = format!("{folder}/{beginning}");
        let page = self.ask(|| {
            let options = PaginatedListOptions {
                delimiter: Some(Cow::Borrowed("/")),
                page_token: token.clone(),
                ..Default::default()
            };
            bucket.list_paginated(Some(&prefix), options)
        });
        let page =
            page.map_err(|e| self.explain(e, &format!("cannot list {}", self.place(&folder))))?;
        // The folder that is listed: with a marker of its own it is among its objects.
        let parent = match prefix.rsplit_once('/') {
            Some((parent, _)) => format!("{parent}/"),
            None => String::new(),
        };
        let entry = |key: &Key, is_folder| {
            let name = key.as_ref().strip_prefix(&parent)?.to_owned();
            Some(Entry { name, is_folder })
        };
        let files = page
            .result
            .objects
            .iter()
            .map(|object| entry(&object.location, false));
        let folders = page
            .result
            .common_prefixes
            .iter()
            .map(|key| entry(key, true));
        Ok((files.chain(folders).flatten().collect(), page.page_token))
    }

    /// What a person calls it; a folder ends with a slash.
    fn place_of(&self, entry: &Entry) -> String {
        let folder = self.place(&self.key(key::BRONZE));
        let slash = if entry.is_folder { "/" } else { "" };
        format!("{folder}/{}{slash}", entry.name)
    }
}

/// What is in a folder of this machine.
fn entries_in(folder: &Path) -> Result<Vec<Entry>> {
    let cannot = || {
        format!(
            "cannot list {}: check its owner, its mode and its disk",
            folder.display()
        )
    };
    let mut entries = vec![];
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            is_folder: entry.path().is_dir(),
        });
    }
    Ok(entries)
}

/// Two of the names, and how many more there are.
fn a_few(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [one, other] => format!("{one}, {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
        [] => String::new(),
    }
}
