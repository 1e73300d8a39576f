//! A request over HTTP to an application in another process.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anybody waits: an application that does not answer at all shows in the run's figures.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request on a connection of its own; none if that can't be made, or breaks before all of the answer is there.
pub(super) async fn exchange(
    address: &str,
    method: &Method,
    path: &str,
    cookie: Option<&str>,
) -> Result<Option<(StatusCode, HeaderMap, String)>> {
    let cookie = cookie.map(|pair| format!("Cookie: {pair}\r\n")).unwrap_or_default();
    let head = "Host: torture\r\nConnection: close\r\nContent-Length: 0";
    let request = format!("{method} {path} HTTP/1.1\r\n{head}\r\n{cookie}\r\n");
    // Whatever goes wrong on the way: nobody knows what became of the request.
    match timeout(PATIENCE, talk(address, request.as_bytes())).await {
        Ok(Ok(received)) => read(&received),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

async fn talk(address: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request).await?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await?;
    Ok(received)
}

/// None unless it is all there.
fn read(received: &[u8]) -> Result<Option<(StatusCode, HeaderMap, String)>> {
    let text = String::from_utf8_lossy(received);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(None) };
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("an answer without a status")?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { bail!("{line:?} is no header") };
        headers.append(HeaderName::try_from(name)?, HeaderValue::from_str(value.trim())?);
    }
    let length = headers.get(CONTENT_LENGTH).context("an answer without a length")?.to_str()?.parse::<usize>()?;
    let is_whole = body.len() == length;
    Ok(is_whole.then_some((status.parse()?, headers, body.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_all_of_it_or_none() {
        let whole = "HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\ncontent-length: 2\r\n\r\nok";
        let (status, headers, body) = read(whole.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (status, headers["set-cookie"].to_str().unwrap(), body.as_str()),
            (StatusCode::OK, "a=1; Path=/", "ok")
        );
        for length in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..length]).unwrap().is_none(), "{length}");
        }
    }
}
