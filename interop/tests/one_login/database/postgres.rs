//! A schema of PostgreSQL.

use mongodb::bson::{DateTime, Document, doc};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

use super::{new_name, new_runtime, server};

/// Dropped at the end.
pub(crate) struct Postgres {
    server: String,
    schema: String,
    runtime: Runtime,
    client: Client,
}

impl Postgres {
    pub(super) fn new() -> Postgres {
        let (server, schema, runtime) = (server("CLOAKROOM_TEST_POSTGRES"), new_name(), new_runtime());
        let (client, connection) = runtime.block_on(tokio_postgres::connect(&server, NoTls)).unwrap();
        // It ends with the client.
        runtime.spawn(connection);
        runtime.block_on(client.batch_execute(&format!("CREATE SCHEMA {schema}"))).unwrap();
        Postgres { server, schema, runtime, client }
    }

    pub(super) fn url(&self) -> String {
        let between = if self.server.contains('?') { "&" } else { "?" };
        format!("{}{between}schema={}", self.server, self.schema)
    }

    pub(super) fn documents(&self) -> Vec<Document> {
        // A connection has the server's time zone, as those of both sides have.
        let end = "(extract(epoch FROM expire::timestamptz) * 1000)::bigint";
        let rows = self.ask(&format!("SELECT sid, sess::text, {end} FROM {}.session", self.schema));
        let read = |row: &Row| {
            let (id, text): (&str, &str) = (row.get(0), row.get(1));
            doc! { "sid": id, "sess": text, "expire": DateTime::from_millis(row.get(2)) }
        };
        rows.iter().map(read).collect()
    }

    pub(super) fn set_text(&self, text: &str) {
        let set = format!("UPDATE {}.session SET sess = $1::text::json", self.schema);
        self.runtime.block_on(self.client.execute(&set, &[&text])).unwrap();
    }

    pub(super) fn clear(&self) {
        self.ask(&format!("DELETE FROM {}.session", self.schema));
    }

    fn ask(&self, statement: &str) -> Vec<Row> {
        self.runtime.block_on(self.client.query(statement, &[])).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        let dropped = self.runtime.block_on(self.client.batch_execute(&drop));
        assert!(std::thread::panicking() || dropped.is_ok(), "the schema is still there: {dropped:?}");
    }
}
