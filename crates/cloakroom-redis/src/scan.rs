//! Going through all keys of a kind, on one server or on each of a cluster.

use cloakroom::store::{Cursor, StoreError};

use crate::error::Call;
use crate::layout;
use crate::script::Request;
use crate::store::Place;

/// A server looks at so many keys for a step, at least: most of them may be others.
const LEAST: usize = 100;

/// One step: keys whose names begin with a prefix and hold a type, and where to go on.
pub(crate) async fn step(
    place: &Place,
    prefix: &str,
    kind: &str,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<String>, Option<Cursor>), StoreError> {
    let masters = place.server.masters().await.map_err(|failure| failure.of(Call::Read))?;
    // Which of the servers, in their order, and its own cursor.
    let (index, cursor) = after.and_then(|after| after.as_str().split_once(':')).unwrap_or(("0", "0"));
    let index: usize = index.parse().unwrap_or(usize::MAX);
    let Some(node) = masters.get(index) else { return Ok((Vec::new(), None)) };
    let request = Request::command("SCAN").arg(cursor).arg("MATCH").arg(format!("{}*", escaped(prefix)));
    let request = request.arg("COUNT").arg(limit.max(LEAST).to_string()).arg("TYPE").arg(kind);
    let mut answer = layout::list(place.server.ask_of(node, Call::Read, &request).await?)?.into_iter();
    let cursor = layout::string(answer.next().unwrap_or_default())?;
    let mut names = Vec::new();
    for key in layout::list(answer.next().unwrap_or_default())? {
        // What is no text is no key of a session.
        let Ok(key) = layout::string(key) else { continue };
        names.extend(key.strip_prefix(prefix).map(str::to_owned));
    }
    let next = match cursor.as_str() {
        "0" => (index + 1 < masters.len()).then(|| Cursor::new(format!("{}:0", index + 1))),
        cursor => Some(Cursor::new(format!("{index}:{cursor}"))),
    };
    Ok((names, next))
}

/// A text as a pattern that matches it alone.
pub(crate) fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(super::escaped("a*[b]?\\:"), "a\\*\\[b\\]\\?\\\\:");
    }
}
