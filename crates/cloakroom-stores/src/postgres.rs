//! `postgres://…` and `postgresql://…`.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Store, StoreError};
use cloakroom_postgres::{ExpressLayout, PostgresStore};

use crate::StoreUrlError;
use crate::near::Near;
use crate::options::Options;

pub(crate) const KIND: &str = "PostgreSQL";

/// A database, by a connection string without what only we understand.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PostgresAt {
    url: String,
    table: Option<String>,
    schema: Option<String>,
    layout: Option<ExpressLayout>,
    near: Option<Near>,
}

impl PostgresAt {
    pub(crate) fn read(url: &str, more: &[(&str, &str)]) -> Result<PostgresAt, StoreUrlError> {
        let (url, mut options) = Options::take_from(url, KIND, more)?;
        let (table, schema) = (options.take("table"), options.take("schema"));
        let layout = options.layout(ExpressLayout::by_name, "`connect-pg-simple`")?;
        let layout = layout.map(|layout| set_up(layout, &mut options)).transpose()?;
        // The layout of Express tells nobody what happens to sessions.
        let near = if layout.is_some() { None } else { Near::take_from(&mut options)? };
        options.finish()?;
        Ok(PostgresAt { url, table, schema, layout, near })
    }

    pub(crate) fn is_express(&self) -> bool {
        self.layout.is_some()
    }

    pub(crate) async fn open(
        &self,
        default: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let mut store = PostgresStore::connect(&self.url).await?;
        if let Some(deadline) = deadline {
            store = store.with_deadline(deadline);
        }
        let default = default.filter(|_| !self.is_express());
        if let Some(name) = self.table.as_deref().or(default) {
            store = store.with_table(name);
        }
        if let Some(name) = &self.schema {
            store = store.with_schema(name);
        }
        let store: Arc<dyn Store> = match &self.layout {
            Some(layout) => Arc::new(store.with_layout(layout.clone())),
            None if self.near.is_some() => Arc::new(store.with_feed()),
            None => Arc::new(store),
        };
        Near::before(self.near, store)
    }
}

/// The layout with the options of its package.
fn set_up(mut layout: ExpressLayout, options: &mut Options) -> Result<ExpressLayout, StoreUrlError> {
    if let Some(ttl) = options.seconds("ttl")? {
        layout = layout.ttl(ttl);
    }
    if let Some(path) = options.take("user_at") {
        layout = layout.user_at(&path);
    }
    if let Some(name) = options.take("time_zone") {
        layout = layout.time_zone(&name);
    }
    Ok(if options.is_on("disable_touch")? { layout.disable_touch() } else { layout })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_never_sees_the_options() {
        let url = "postgres://u:p@a,b/db?sslmode=require&table=S&schema=app&layout=connect-pg-simple&disable_touch=1";
        let at = PostgresAt::read(url, &[]).unwrap();
        assert_eq!(at.url, "postgres://u:p@a,b/db?sslmode=require");
        assert_eq!((at.table.as_deref(), at.schema.as_deref()), (Some("S"), Some("app")));
        assert_eq!(at.layout, Some(ExpressLayout::connect_pg_simple().disable_touch()));
        assert!(!PostgresAt::read("postgresql://h/db?layout=native", &[]).unwrap().is_express());
    }
}
