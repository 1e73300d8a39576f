//! The style sheet of all pages.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

const STYLE: &str = include_str!("style.css");

/// Its path below each page. It names the version of this crate, so browsers may keep it, and never use an old one.
pub(crate) const STYLE_PATH: &str = concat!("/cloakroom-", env!("CARGO_PKG_VERSION"), ".css");

pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=86400"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE)
}

#[cfg(test)]
mod tests {
    use super::STYLE;

    /// The light and the dark colour of a variable.
    fn colours(name: &str) -> [[f64; 3]; 2] {
        let (_, rest) = STYLE.split_once(&format!("--_{name}:")).unwrap_or_else(|| panic!("there is no --_{name}"));
        let (_, pair) = rest.split_once("light-dark(").unwrap();
        let (pair, _) = pair.split_once(')').unwrap();
        let (light, dark) = pair.split_once(',').unwrap();
        [light, dark].map(|colour| {
            let hex = colour.trim().strip_prefix('#').unwrap();
            assert_eq!(hex.len(), 6, "{colour}");
            [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
        })
    }

    /// Contrast as WCAG 2.2 defines it.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let linear =
                colour.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_and_controls_have_the_contrast_of_level_aa() {
        let text = [
            ("ink", "paper"),
            ("ink", "card"),
            ("soft", "paper"),
            ("soft", "card"),
            ("accent", "paper"),
            ("accent", "card"),
            ("on-accent", "accent"),
            ("danger", "card"),
            ("danger", "paper"),
            ("good-ink", "good"),
        ];
        // The edges of controls, and the lines of charts.
        let shapes = [("edge", "card"), ("edge", "paper"), ("accent", "card"), ("created", "card"), ("ended", "card")];
        let pairs = text.map(|pair| (pair, 4.5)).into_iter().chain(shapes.map(|pair| (pair, 3.0)));
        for ((front, back), least) in pairs {
            for (scheme, (front_colour, back_colour)) in colours(front).into_iter().zip(colours(back)).enumerate() {
                let contrast = contrast(front_colour, back_colour);
                assert!(contrast >= least, "{front} on {back} in scheme {scheme}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn every_colour_can_be_replaced() {
        for line in STYLE.lines().filter(|line| line.trim_start().starts_with("--_")) {
            let (name, rest) = line.trim().trim_start_matches("--_").split_once(':').unwrap();
            assert!(rest.trim().starts_with(&format!("var(--cloakroom-{name},")), "{line}");
        }
    }
}
