//! A browser as small as can be: one connection for each request, a jar of cookies, no redirects followed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::cookie::SetCookie;
use crate::failure::{Failure, Outcome};

const PATIENCE: Duration = Duration::from_secs(10);
/// More of a page is not read.
const LONGEST: usize = 4 * 1024 * 1024;

/// A request as the command line tells it: `POST /login user=ada`.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    method: Method,
    path: String,
    body: String,
}

impl Asked {
    pub(crate) fn read(text: &str) -> Outcome<Asked> {
        let wrong = || Failure::usage("a request is a method, a path and maybe a body, such as 'POST /login user=ada'");
        let mut parts = text.splitn(3, ' ');
        let method = parts.next().and_then(|method| method.parse().ok()).ok_or_else(wrong)?;
        let path = parts.next().filter(|path| path.starts_with('/')).ok_or_else(wrong)?.to_owned();
        let body = match parts.next().unwrap_or_default().split_at_checked(1) {
            Some(("@", file)) => {
                let body =
                    std::fs::read_to_string(file).map_err(|error| Failure::because("the file of the body", error))?;
                body.trim_end().to_owned()
            }
            Some((first, rest)) => format!("{first}{rest}"),
            None => String::new(),
        };
        Ok(Asked { method, path, body })
    }

    pub(crate) fn get(path: &str) -> Asked {
        Asked { method: Method::GET, path: path.to_owned(), body: String::new() }
    }
}

/// Where the application is.
#[derive(Clone)]
pub(crate) struct Site {
    host: String,
    port: u16,
    is_tls: bool,
    /// The page that was named.
    pub(crate) path: String,
    tls: Arc<ClientConfig>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn cookies(&self) -> Vec<SetCookie> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        lines.filter_map(|line| SetCookie::read(&String::from_utf8_lossy(line.as_bytes()))).collect()
    }

    /// Whether two pages are the same for a browser, to the byte.
    pub(crate) fn is_like(&self, other: &Answer) -> bool {
        self.is_answered_like(other) && self.body == other.body
    }

    /// Whether both are shown, or refused, or lead elsewhere, whatever they hold.
    pub(crate) fn is_answered_like(&self, other: &Answer) -> bool {
        (self.status, self.headers.get(http::header::LOCATION))
            == (other.status, other.headers.get(http::header::LOCATION))
    }
}

/// One visitor.
#[derive(Clone)]
pub(crate) struct Browser {
    site: Site,
    jar: BTreeMap<String, String>,
}

impl Site {
    pub(crate) fn read(url: &str) -> Outcome<Site> {
        let wrong = || Failure::usage("the page is not http://… or https://… with a host");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::because("TLS", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Site { host, port, is_tls, path, tls: Arc::new(tls) })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl Browser {
    /// A visitor without cookies.
    pub(crate) fn new(site: &Site) -> Browser {
        Browser { site: site.clone(), jar: BTreeMap::new() }
    }

    /// The value of a cookie that it has.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(String::as_str)
    }

    /// Has a cookie that no server gave it.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    /// Asks, and keeps the cookies that come back.
    pub(crate) async fn ask(&mut self, asked: &Asked) -> Outcome<Answer> {
        let failed = "the application does not answer in time";
        let answer = tokio::time::timeout(PATIENCE, self.send(asked)).await.map_err(|_| Failure::words(failed))??;
        for cookie in answer.cookies() {
            if cookie.is_removal() {
                self.jar.remove(&cookie.name);
            } else {
                self.jar.insert(cookie.name, cookie.value);
            }
        }
        Ok(answer)
    }

    async fn send(&self, asked: &Asked) -> Outcome<Answer> {
        let Site { host, port, is_tls, tls, .. } = &self.site;
        let refused = |error: std::io::Error| Failure::because("the application can't be reached", error);
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(refused)?;
        if !is_tls {
            return self.talk(stream, asked).await;
        }
        let name = ServerName::try_from(host.clone()).map_err(|error| Failure::because("the host's name", error))?;
        let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(refused)?;
        self.talk(stream, asked).await
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        asked: &Asked,
    ) -> Outcome<Answer> {
        let no_http = |error: hyper::Error| Failure::because("the application does not speak HTTP", error);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(self.request(asked)?).await.map_err(no_http)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST).collect().await;
        let body = body.map_err(|error| Failure::because("the page can't be read", error))?.to_bytes();
        driver.abort();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn request(&self, asked: &Asked) -> Outcome<Request<Full<Bytes>>> {
        let Site { host, port, is_tls, .. } = &self.site;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = if *port == if *is_tls { 443 } else { 80 } { host } else { format!("{host}:{port}") };
        let mut request = Request::builder()
            .method(&asked.method)
            .uri(&asked.path)
            .header(HOST, &authority)
            // Who refuses forms from elsewhere looks at these.
            .header("origin", format!("{}://{authority}", if *is_tls { "https" } else { "http" }))
            .header("sec-fetch-site", "same-origin")
            .header(USER_AGENT, concat!("cloakroom-doctor/", env!("CARGO_PKG_VERSION")));
        if !self.jar.is_empty() {
            let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, cookies.join("; "));
        }
        if !asked.body.is_empty() {
            let is_json = asked.body.starts_with(['{', '[']);
            let kind = if is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(Full::new(Bytes::from(asked.body.clone())));
        request.map_err(|error| Failure::because("the request", error))
    }
}
