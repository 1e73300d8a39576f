//! A patch as the wrapped store gets it; pure but for the nonces.

use cloakroom::record::{Change, Data, Numbers, Patch, Value, WrongType};

use crate::error::Fault;
use crate::seal::Sealer;

/// Whether a patch adds to a number. What it adds to has to be read first then, since no store adds to a ciphertext.
pub(crate) fn adds(patch: &Patch) -> bool {
    patch.changes().any(|(_, change)| matches!(change, Change::Add(_)))
}

/// Whether a patch sets values.
pub(crate) fn sets(patch: &Patch) -> bool {
    patch.changes().any(|(_, change)| matches!(change, Change::Set(_)))
}

/// The new numbers of a patch that adds to some of what is stored. Reads no other value.
pub(crate) fn numbers(
    patch: &Patch,
    stored: &Data,
    sealer: &mut Sealer<'_>,
) -> Result<Result<Numbers, WrongType>, Fault> {
    let mut numbers = Numbers::new();
    for (name, change) in patch.changes() {
        let Change::Add(by) = change else { continue };
        let before = match stored.get(name) {
            Some(stored) => sealer.open(name, stored)?.as_i64(),
            None => Some(0),
        };
        let Some(number) = before.and_then(|before| before.checked_add(*by)) else {
            return Ok(Err(WrongType));
        };
        numbers.push((name.clone(), number));
    }
    Ok(Ok(numbers))
}

/// The same patch with its values encrypted, and these numbers set in place of what it adds.
pub(crate) fn sealed(patch: &Patch, numbers: &Numbers, sealer: &mut Sealer<'_>) -> Result<Patch, Fault> {
    let mut sealed = patch.clone();
    for (name, change) in patch.changes() {
        if let Change::Set(value) = change {
            sealed.set(name.clone(), sealer.seal(name, value)?);
        }
    }
    for (name, number) in numbers {
        sealed.set(name.clone(), sealer.seal(name, &Value::from(*number))?);
    }
    Ok(sealed)
}

/// The patch that leaves these stored values and no others, and does all that the patch does beside the data.
pub(crate) fn replacing(patch: &Patch, stored: &Data) -> Patch {
    let mut replacing = patch.clone();
    replacing.clear();
    for (name, value) in stored.iter() {
        replacing.set(name.clone(), value.clone());
    }
    replacing
}
