//! The URL of the database.

use std::fmt;
use std::path::{Path, PathBuf};

use storage_persistence::StoreSettings;

use super::reader::Reader;
use super::table::DATABASE_URL;

/// The database's name in the state directory.
const FILE: &str = "storage.db";
/// What opens a SQLite file only if it exists.
const EXISTING: &str = "mode=rw";
/// What creates a SQLite file.
const CREATING: &str = "mode=rwc";

/// The URL of the database. It has no `Debug`, and is displayed without its password.
#[derive(Clone, Default)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Reads a URL of SQLite or PostgreSQL.
    ///
    /// # Errors
    /// The rule that it breaks, without the text: it may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is = |scheme: &&str| text.len() > scheme.len() && text.starts_with(*scheme);
        if is(&StoreSettings::SQLITE_SCHEME) {
            return Ok(Self(text.to_owned()));
        }
        if !StoreSettings::POSTGRES_SCHEMES.iter().any(is) {
            return Err("must be sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME (the text is not shown, because it may hold a password)".to_owned());
        }
        let url = Self(text.to_owned());
        let (_, rest) = url.parts();
        if !url.is_plain() || rest.split('?').next().is_some_and(|path| path.contains('@')) {
            return Err("must have the characters / ? # @ : and % of its user and password percent-encoded, such as %2F for / (the text is not shown, because it may hold a password)".to_owned());
        }
        Ok(url)
    }

    /// Returns the URL of a file. `%` and `?` would begin an escape, or end its path.
    fn of_file(file: &Path) -> Self {
        let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3F");
        Self(format!("{}//{path}", StoreSettings::SQLITE_SCHEME))
    }

    /// Returns the whole URL, for the driver alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the same database, which is opened only if it exists.
    pub(crate) fn existing(&self) -> Self {
        if !self.is_sqlite() {
            return self.clone();
        }
        let (file, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let given = query
            .split('&')
            .filter(|part| !part.is_empty() && *part != CREATING);
        let mut parts: Vec<&str> = given.collect();
        if !parts.iter().any(|part| part.starts_with("mode=")) {
            parts.push(EXISTING);
        }
        Self(format!("{file}?{}", parts.join("&")))
    }

    fn is_sqlite(&self) -> bool {
        self.0.starts_with(StoreSettings::SQLITE_SCHEME)
    }

    /// Returns the authority (user, password, host and port), and what follows it.
    fn parts(&self) -> (&str, &str) {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
    }

    /// Returns whether the authority is `USER:PASSWORD@HOST:PORT` or a part of it: a password with a slash ends it early.
    fn is_plain(&self) -> bool {
        let (authority, _) = self.parts();
        match (authority.rsplit_once('@'), authority.rsplit_once(':')) {
            (Some((user, _)), _) => !user.contains('@'),
            (None, Some((_, port))) => authority.ends_with(']') || port.parse::<u16>().is_ok(),
            (None, None) => true,
        }
    }

    /// Returns whether the URL has a password.
    pub(super) fn has_password(&self) -> bool {
        let (authority, rest) = self.parts();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        !self.is_sqlite() && (user.contains(':') || rest.contains("password="))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_sqlite() {
            return f.write_str(self.0.split('?').next().unwrap_or_default());
        }
        let (authority, rest) = self.parts();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let name = rest.split(['?', '#']).next().unwrap_or_default();
        write!(f, "postgres://{host}{name}")
    }
}

/// Reads the setting.
pub(super) fn read(reader: &mut Reader, state_dir: Option<&PathBuf>) -> Option<DatabaseUrl> {
    if !reader.given(&DATABASE_URL) {
        return state_dir.map(|dir| DatabaseUrl::of_file(&dir.join(FILE)));
    }
    let url = reader.one(&DATABASE_URL)?;
    if !url.has_password() {
        return Some(url);
    }
    if reader.is_flag(&DATABASE_URL) {
        reader.warn(format!(
            "every user of this machine can read a password in --{} (ps). Set database_url in the file, or {}",
            DATABASE_URL.flag(),
            DATABASE_URL.env()
        ));
    }
    if let Some(mode) = reader.open_file(&DATABASE_URL) {
        reader.mistake(
            &DATABASE_URL,
            &format!("holds a password, which other users may read (mode {mode:04o}). Close the file: chmod 0600, or 0640 for a group"),
        );
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres://u:p@h/d", true, "postgres://h/d")]
    #[case("postgresql://u@h:5432/d", false, "postgres://h:5432/d")]
    #[case("postgres://h/d?user=u&password=p", true, "postgres://h/d")]
    #[case("postgres://u:p%40:x@h", true, "postgres://h")]
    #[case("postgres://u:p%2Fx@[::1]/d", true, "postgres://[::1]/d")]
    #[case("postgres://[::1]/d", false, "postgres://[::1]/d")]
    #[case("postgres:///d?host=/run/postgresql&user=u@x", false, "postgres:///d")]
    #[case(
        "sqlite:///srv/a:b@c/storage.db?mode=rw",
        false,
        "sqlite:///srv/a:b@c/storage.db"
    )]
    fn urls_and_their_passwords(#[case] text: &str, #[case] has_password: bool, #[case] shown: &str) {
        let url = DatabaseUrl::parse(text).unwrap();
        assert_eq!(
            (url.has_password(), url.to_string().as_str()),
            (has_password, shown)
        );
    }

    #[rstest]
    #[case("postgres://u:hid/den@h/d")]
    #[case("postgres://u:12/3@h/d")]
    #[case("postgres://u:hid?den@h/d")]
    #[case("postgres://u:hid#den@h/d")]
    #[case("postgres://u:hid@den@h/d")]
    fn a_password_that_is_not_encoded_is_explained(#[case] text: &str) {
        let rule = DatabaseUrl::parse(text).err().unwrap();
        assert!(
            rule.contains("percent-encoded") && !rule.contains("hid"),
            "{rule}"
        );
    }

    #[rstest]
    #[case("sqlite:///a.db", "sqlite:///a.db?mode=rw")]
    #[case("sqlite:///a.db?mode=rwc", "sqlite:///a.db?mode=rw")]
    #[case("sqlite:///a.db?mode=ro", "sqlite:///a.db?mode=ro")]
    #[case("postgres://h/d", "postgres://h/d")]
    fn an_existing_database_is_not_created(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(DatabaseUrl::parse(text).unwrap().existing().0, expected);
    }
}
