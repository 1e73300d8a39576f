//! The name of a table, which may stand in a schema.

use std::fmt;

use cloakroom::store::StoreError;

use crate::error;

/// PostgreSQL cuts longer names off, so that two could become one.
const LONGEST: usize = 63;

/// A table by its name, exactly as it is: upper case, spaces and quotes are part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
}

impl TableName {
    pub(crate) fn new(table: &str) -> TableName {
        TableName { schema: None, table: table.to_owned() }
    }

    /// That a table can have the name.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let can_be = |name: &String| !name.is_empty() && name.len() <= LONGEST && !name.contains('\0');
        if self.schema.iter().chain([&self.table]).all(can_be) { Ok(()) } else { Err(error::bad_name()) }
    }
}

/// As it stands in a statement.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", identifier(schema))?;
        }
        f.write_str(&identifier(&self.table))
    }
}

/// A name as an identifier: whatever is in it, it stays one.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a constant, whatever `standard_conforming_strings` is.
pub(crate) fn constant(text: &str) -> String {
    format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_identifier() {
        let mut name = TableName::new("a\"; DROP TABLE b; --");
        assert_eq!(name.to_string(), "\"a\"\"; DROP TABLE b; --\"");
        name.schema = Some("Mine.Too".to_owned());
        assert_eq!(name.to_string(), "\"Mine.Too\".\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(constant("a'\\b"), " E'a''\\\\b'");
    }

    #[test]
    fn names_that_no_table_can_have_are_errors() {
        assert!(TableName::new(&"x".repeat(63)).check().is_ok());
        for name in ["", "a\0b", &"x".repeat(64)] {
            assert!(TableName::new(name).check().is_err(), "{name:?}");
        }
    }
}
