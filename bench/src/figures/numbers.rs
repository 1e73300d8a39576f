//! Numbers as the tables show them.

/// Microseconds, with as many digits as mean something.
pub fn microseconds(figure: f64) -> String {
    if figure.abs() < 100.0 { format!("{figure:.1}") } else { thousands(figure) }
}

/// A whole number with a comma after each three digits.
pub fn thousands(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let sign = if figure < 0.0 && digits != "0" { "-" } else { "" };
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0.0, 999.4, 1000.0, 1234567.0, -1234.0, -0.2].map(thousands),
            ["0", "999", "1,000", "1,234,567", "-1,234", "0"]
        );
        assert_eq!([9.96, 99.94, 1234.5].map(microseconds), ["10.0", "99.9", "1,234"]);
    }
}
