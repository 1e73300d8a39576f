//! [`ExpressLayout`]: how the session store of Express is set up.

use std::time::Duration;

use cloakroom::store::StoreError;

use crate::error;
use crate::name::TableName;

/// The table of the package, unless it is told another.
const TABLE: &str = "session";

/// One day, as the package has it.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The cookie in a session, and its attributes in the metadata of a record.
pub(crate) const COOKIE: &str = "cookie";

/// The layout of a session store of Express, as that store is set up. Repeat the options that the package was given:
///
/// ```
/// use std::time::Duration;
///
/// use cloakroom_postgres::ExpressLayout;
///
/// let layout = ExpressLayout::connect_pg_simple()
///     .table_name("user_sessions")
///     .ttl(Duration::from_secs(3_600))
///     .user_at("passport.user");
/// # let _ = layout;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressLayout {
    schema: Option<String>,
    table: Option<String>,
    pub(crate) ttl: Duration,
    pub(crate) disables_touch: bool,
    pub(crate) user_at: Option<Vec<String>>,
    pub(crate) time_zone: Option<String>,
}

impl ExpressLayout {
    /// The layout of `connect-pg-simple`: the session as a JSON text in the table `session`.
    pub fn connect_pg_simple() -> ExpressLayout {
        ExpressLayout { schema: None, table: None, ttl: TTL, disables_touch: false, user_at: None, time_zone: None }
    }

    /// The layout of this name: `connect-pg-simple`.
    pub fn by_name(name: &str) -> Option<ExpressLayout> {
        (name == "connect-pg-simple").then(ExpressLayout::connect_pg_simple)
    }

    /// The table, `tableName` of the package. Unless set, the one that
    /// [`with_table`](crate::PostgresStore::with_table) names, else `session`.
    #[must_use]
    pub fn table_name(self, name: &str) -> ExpressLayout {
        ExpressLayout { table: Some(name.to_owned()), ..self }
    }

    /// The schema of the table, `schemaName` of the package. Unless set, the one that
    /// [`with_schema`](crate::PostgresStore::with_schema) names, else the first of the connection's `search_path`.
    #[must_use]
    pub fn schema_name(self, name: &str) -> ExpressLayout {
        ExpressLayout { schema: Some(name.to_owned()), ..self }
    }

    /// How long the package keeps a session whose cookie has no time of its own, in whole milliseconds: its `ttl`, which is in
    /// seconds; one day unless set.
    ///
    /// Only what Express has touched last is reckoned by it: when that was is told by the end alone.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> ExpressLayout {
        ExpressLayout { ttl, ..self }
    }

    /// Lets a touch move nothing, as the package's `disableTouch` does: a session ends so long after its last change, however
    /// busy it is.
    ///
    /// A touch is then answered as done. That is less than the contract of a store asks.
    #[must_use]
    pub fn disable_touch(self) -> ExpressLayout {
        ExpressLayout { disables_touch: true, ..self }
    }

    /// Where in the session the application keeps its user, such as `passport.user`: names with dots in between.
    ///
    /// The user is then what stands there, a text or an integer, and nothing else; and a user who logs in is written
    /// there, so that Express sees it too. With a name that is empty or is the session's `cookie`, each call of the store is
    /// an error. To find the sessions of a user, the server searches all texts.
    #[must_use]
    pub fn user_at(self, path: &str) -> ExpressLayout {
        ExpressLayout { user_at: Some(path.split('.').map(str::to_owned).collect()), ..self }
    }

    /// The `TimeZone` of the package's connections, such as `Europe/Berlin`, where that differs from the one that this store's
    /// connections have.
    ///
    /// The column `expire` has no time zone: what it means depends on the connection that asks. Both have the server's or the
    /// database's setting unless they are told another. A name that the server does not know is an error of each call.
    #[must_use]
    pub fn time_zone(self, name: &str) -> ExpressLayout {
        ExpressLayout { time_zone: Some(name.to_owned()), ..self }
    }

    /// The table, where the store may have been given a name for it as well.
    pub(crate) fn table(&self, store: &TableName, is_named: bool) -> TableName {
        let own = if is_named { store.table.clone() } else { TABLE.to_owned() };
        TableName {
            schema: self.schema.clone().or_else(|| store.schema.clone()),
            table: self.table.clone().unwrap_or(own),
        }
    }

    /// The path of the user, if there is one.
    pub(crate) fn user_path(&self) -> Option<Vec<&str>> {
        self.user_at.as_ref().map(|path| path.iter().map(String::as_str).collect())
    }

    /// That the names can be what they are meant to be.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let path = self.user_at.iter().flatten();
        let is_path =
            path.clone().all(|name| !name.is_empty()) && path.clone().next().is_none_or(|name| name != COOKIE);
        let is_zone = self.time_zone.as_ref().is_none_or(|name| !name.contains('\0'));
        if is_path && is_zone { Ok(()) } else { Err(error::other("the layout has no place for a user of that path")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_own_names_come_first() {
        let layout = ExpressLayout::by_name("connect-pg-simple").unwrap();
        let store = TableName { schema: Some("app".to_owned()), table: "t".to_owned() };
        assert_eq!(layout.table(&store, false).to_string(), r#""app"."session""#);
        assert_eq!(layout.table(&store, true).to_string(), r#""app"."t""#);
        assert_eq!(layout.table_name("a\"b").schema_name("S").table(&store, true).to_string(), r#""S"."a""b""#);
        assert_eq!(ExpressLayout::by_name("native"), None);
    }

    #[test]
    fn paths_that_lead_nowhere_are_errors() {
        let layout = ExpressLayout::connect_pg_simple;
        assert!(layout().check().is_ok() && layout().user_at("passport.user").check().is_ok());
        for path in ["", "a..b", "cookie.user", "cookie"] {
            assert!(layout().user_at(path).check().is_err(), "{path}");
        }
    }
}
