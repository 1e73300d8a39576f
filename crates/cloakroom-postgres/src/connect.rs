//! From a connection string to a pool of connections.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::time::Duration;

use cloakroom::store::StoreError;
use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod};
use percent_encoding::percent_decode_str;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};

use crate::error;
use crate::feed::Ear;
use crate::tls::{Tls, Trust};

/// So many connections at most. More than the server has cores for helps nobody.
const CONNECTIONS: usize = 16;
const NAME: &str = "cloakroom";
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where the server is, and how to get there.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    tls: Tls,
}

impl Address {
    /// By a connection string. What it does not say is set as sessions need it.
    pub(crate) fn parse(url: &str) -> Result<Address, StoreError> {
        let (url, trust) = trust(url)?;
        let mut config = Config::from_str(&url).map_err(|_| error::bad_url("the driver can't read it"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(error::bad_url("it names no host"));
        }
        if config.get_application_name().is_none() {
            config.application_name(NAME);
        }
        // A standby shows sessions that have ended, and takes no write.
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_keepalives_idle() > KEEPALIVE {
            config.keepalives_idle(KEEPALIVE);
        }
        let trust = trust.unwrap_or(match config.get_ssl_mode() {
            SslMode::Require => Trust::Public,
            _ => Trust::Anyone,
        });
        Ok(Address { config, tls: Tls::new(&trust)? })
    }

    /// A connection to listen on.
    pub(crate) async fn hear(&self) -> Result<(Client, Ear), StoreError> {
        let connected = self.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| error::not_connected(&error))?;
        Ok((client, Ear::on(connection)))
    }

    /// A pool of connections, none of which is made yet. The server gives up a statement after so long, so that none
    /// lingers on that the client has given up.
    pub(crate) fn pool(&self, statement_timeout: Duration) -> Result<Pool, StoreError> {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default().to_owned();
        if !options.contains("statement_timeout") {
            let millis = statement_timeout.as_millis().clamp(1, 2_147_483_647);
            config.options(format!("{options} -c statement_timeout={millis}").trim_start());
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config, Quiet(self.tls.clone()), recycling);
        Pool::builder(manager).max_size(CONNECTIONS).build().map_err(|_| error::other("there can be no pool"))
    }
}

/// Takes out of a URL what the driver does not know: `sslrootcert`, and more words for `sslmode`.
fn trust(url: &str) -> Result<(String, Option<Trust>), StoreError> {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let Some((base, query)) = url.split_once('?').filter(|_| is_url) else { return Ok((url.to_owned(), None)) };
    let (mut kept, mut mode, mut file) = (Vec::new(), None, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => {
                let path = percent_decode_str(value).decode_utf8();
                file = Some(path.map_err(|_| error::bad_url("`sslrootcert` is no text"))?.into_owned());
            }
            _ => kept.push(pair),
        }
    }
    let verified = file.map_or(Trust::Public, Trust::File);
    let (mode, trust) = match mode {
        None | Some("prefer" | "allow") => ("prefer", Trust::Anyone),
        Some("disable") => ("disable", Trust::Anyone),
        Some("require" | "verify-ca" | "verify-full") => ("require", verified),
        Some(_) => return Err(error::bad_url("`sslmode` is none that is known")),
    };
    let mode = format!("sslmode={mode}");
    kept.push(&mode);
    Ok((format!("{base}?{}", kept.join("&")), Some(trust)))
}

/// Makes connections whose messages are not logged: a server's may quote anything.
struct Quiet(Tls);

impl Connect for Quiet {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = config.connect(self.0.clone()).await?;
            // That it ended is seen by the next one who wants to use it.
            let driven = tokio::spawn(async move { drop(connection.await) });
            Ok((client, driven))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> (String, Option<Trust>) {
        trust(&format!("postgres://h/d{query}")).unwrap()
    }

    #[test]
    fn certificates_are_checked_where_tls_is_asked_for() {
        assert_eq!(read("").1, None);
        assert_eq!(read("?a=b"), ("postgres://h/d?a=b&sslmode=prefer".to_owned(), Some(Trust::Anyone)));
        for mode in ["require", "verify-ca", "verify-full"] {
            let (url, trust) = read(&format!("?sslmode={mode}&application_name=x"));
            assert_eq!(url, "postgres://h/d?application_name=x&sslmode=require");
            assert_eq!(trust, Some(Trust::Public));
        }
        let (_, trust) = read("?sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-full");
        assert_eq!(trust, Some(Trust::File("/etc/ca.pem".to_owned())));
        assert!(super::trust("postgres://h/d?sslmode=bogus").is_err());
    }

    #[test]
    fn a_bad_connection_string_is_an_error_that_tells_no_password() {
        for url in ["", "postgres://u:hunter2@h:99999999/d", "postgres://u:hunter2@h/d?hunter2=1", "password=hunter2"] {
            let error = Address::parse(url).err().unwrap();
            let source = std::error::Error::source(&error).unwrap();
            assert!(!format!("{error:?} {source}").contains("hunter2"), "{url}");
        }
        assert!(Address::parse("postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere.pem").is_err());
    }

    #[test]
    fn standbys_are_passed_over_and_statements_end() {
        let address = Address::parse("postgres://h/d?options=-c%20statement_timeout%3D7").unwrap();
        assert_eq!(address.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert!(address.pool(Duration::from_secs(2)).is_ok());
    }
}
