//! The parameters of a statement, which the driver would print.

use std::error::Error;
use std::fmt;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

/// A parameter.
pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A parameter whose Debug tells nothing: at its level `debug` the driver logs what it sends.
pub(crate) struct Hidden<'a>(pub(crate) Parameter<'a>);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Hidden<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(ty, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(ty, out)
    }

    fn encode_format(&self, ty: &Type) -> Format {
        self.0.encode_format(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_sent_as_it_is_and_never_printed() {
        let hidden = Hidden(&"hunter2");
        assert!(!format!("{hidden:?}").contains("hunter2"));
        let mut sent = BytesMut::new();
        hidden.to_sql_checked(&Type::TEXT, &mut sent).unwrap();
        assert_eq!(&sent[..], b"hunter2");
        assert!(hidden.to_sql_checked(&Type::INT8, &mut sent).is_err());
    }
}
