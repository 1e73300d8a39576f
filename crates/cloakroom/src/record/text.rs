//! Text that is kept in place where it is short.

use std::sync::Arc;

/// Up to `N` bytes of text in place, at most 255, and longer text shared.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Text<const N: usize> {
    InPlace {
        bytes: [u8; N],
        length: u8,
    },
    /// Always longer than `N` bytes, so that equal texts are kept alike.
    Shared(Arc<str>),
}

impl<const N: usize> Text<N> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            // Only text is put there.
            Text::InPlace { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Text::Shared(text) => text,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Text::InPlace { bytes, length } => &bytes[..usize::from(*length)],
            Text::Shared(text) => text.as_bytes(),
        }
    }

    fn in_place(text: &str) -> Option<Text<N>> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Text::InPlace { bytes, length: u8::try_from(text.len()).ok()? })
    }
}

impl<const N: usize> From<&str> for Text<N> {
    fn from(text: &str) -> Text<N> {
        Text::in_place(text).unwrap_or_else(|| Text::Shared(text.into()))
    }
}

impl<const N: usize> From<Arc<str>> for Text<N> {
    fn from(text: Arc<str>) -> Text<N> {
        Text::in_place(&text).unwrap_or(Text::Shared(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_is_kept_whole_and_alike() {
        for length in 0..40 {
            let text = "é1".chars().cycle().take(length).collect::<String>();
            let kept = Text::<16>::from(&*text);
            assert_eq!((kept.as_str(), kept.as_bytes()), (&*text, text.as_bytes()));
            assert!(kept == Text::from(Arc::<str>::from(text)));
        }
    }

    #[test]
    fn what_differs_is_never_equal() {
        assert!(Text::<16>::from("a") != Text::from("a\0") && Text::<16>::from("") != Text::from("\0"));
    }
}
