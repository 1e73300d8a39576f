//! Plots as SVG.

use std::fmt::Write as _;

use cloakroom_bench::figures::{Group, Line, Plot, Shape, microseconds, thousands};

const WIDTH: f64 = 860.0;
const TITLE: f64 = 46.0;
const MARGIN: f64 = 20.0;

/// What is ours, and what is not.
const OURS: &str = "#b3432b";
const OTHERS: [&str; 8] = ["#4c6a92", "#5b8c5a", "#8a6fa8", "#a88c3c", "#4f9a9a", "#7a7a7a", "#b06a8f", "#6b5b4b"];

/// The plot as an SVG file.
pub(crate) fn draw(plot: &Plot) -> String {
    let (height, body) = match &plot.shape {
        Shape::Bars(groups) => bars(groups),
        Shape::Lines { axis, lines } => self::lines(axis, lines),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\" \
         fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"16\" font-weight=\"bold\">{}</text>\n{body}</svg>\n",
        escape(&plot.title)
    )
}

fn bars(groups: &[Group]) -> (f64, String) {
    const LABEL: f64 = 290.0;
    const ROW: f64 = 19.0;
    const VALUE: f64 = 70.0;
    let longest = groups.iter().flat_map(|group| &group.bars).map(|(_, value)| *value).fold(0.0, f64::max);
    let scale = if longest > 0.0 { (WIDTH - LABEL - VALUE - MARGIN) / longest } else { 0.0 };
    let mut text = String::new();
    let mut y = TITLE;
    for group in groups {
        put(&mut text, MARGIN, y + 14.0, "start", " font-weight=\"bold\"", &group.name);
        y += ROW + 4.0;
        for (index, (name, value)) in group.bars.iter().enumerate() {
            let (length, color) = (value * scale, color(name, index));
            put(&mut text, LABEL - 8.0, y + 13.0, "end", "", name);
            add(
                &mut text,
                &format!("<rect x=\"{LABEL}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"14\" fill=\"{color}\"/>"),
            );
            put(&mut text, LABEL + length + 6.0, y + 12.0, "start", "", &microseconds(*value));
            y += ROW;
        }
        y += 12.0;
    }
    (y + MARGIN, text)
}

fn lines(axis: &str, lines: &[Line]) -> (f64, String) {
    const LEFT: f64 = 80.0;
    const RIGHT: f64 = 240.0;
    const TALL: f64 = 360.0;
    let points = || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let across = Axis::over(points().map(|(x, _)| *x), LEFT, WIDTH - RIGHT);
    let up = Axis::over(points().map(|(_, y)| *y), TITLE + TALL, TITLE);
    let mut text = String::new();
    for (value, x) in across.decades() {
        let (top, bottom) = (TITLE, TITLE + TALL);
        add(&mut text, &format!("<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#ddd\"/>"));
        put(&mut text, x, bottom + 18.0, "middle", "", &thousands(value));
    }
    for (value, y) in up.decades() {
        add(&mut text, &format!("<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"#ddd\"/>", WIDTH - RIGHT));
        put(&mut text, LEFT - 8.0, y + 4.0, "end", "", &thousands(value));
    }
    put(&mut text, (LEFT + WIDTH - RIGHT) / 2.0, TITLE + TALL + 38.0, "middle", "", axis);
    for (index, line) in lines.iter().enumerate() {
        let color = color(&line.name, index);
        let at: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| (across.at(*x), up.at(*y))).collect();
        let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        // A second line of a name is told from the first by its strokes.
        let dashes = if line.name.ends_with(", read") { " stroke-dasharray=\"5 4\"" } else { "" };
        if !path.is_empty() {
            let path = path.join("L");
            add(
                &mut text,
                &format!("<path d=\"M{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dashes}/>"),
            );
        }
        for (x, y) in at {
            add(&mut text, &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{color}\"/>"));
        }
        let y = TITLE + 14.0 + index as f64 * 20.0;
        let x = WIDTH - RIGHT + 24.0;
        let stroke = format!("stroke=\"{color}\" stroke-width=\"3\"{dashes}");
        add(&mut text, &format!("<path d=\"M{x} {:.1}h24\" {stroke}/>", y - 4.0));
        put(&mut text, x + 32.0, y, "start", "", &line.name);
    }
    (TITLE + TALL + 58.0, text)
}

/// A logarithmic axis.
struct Axis {
    /// The first and the last decade, as exponents.
    first: i32,
    last: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let (lowest, highest) =
            values.fold((f64::INFINITY, 0.0_f64), |(lowest, highest), value| (lowest.min(value), highest.max(value)));
        let first = if lowest.is_finite() { lowest.log10().floor() as i32 } else { 0 };
        let last = if highest > 0.0 { (highest.log10().ceil() as i32).max(first + 1) } else { first + 1 };
        Axis { first, last, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        self.from + part * (self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = (f64, f64)> {
        (self.first..=self.last).map(|exponent| {
            let value = 10_f64.powi(exponent);
            (value, self.at(value))
        })
    }
}

fn color(name: &str, index: usize) -> &'static str {
    if name.starts_with("Cloakroom") { OURS } else { OTHERS[index % OTHERS.len()] }
}

fn put(text: &mut String, x: f64, y: f64, anchor: &str, more: &str, what: &str) {
    add(text, &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{}</text>", escape(what)));
}

fn add(text: &mut String, element: &str) {
    // Writing to a string does not fail.
    writeln!(text, "{element}").ok();
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(shape: Shape) -> String {
        draw(&Plot { file: "f".to_owned(), title: "a < b".to_owned(), shape })
    }

    #[test]
    fn the_longest_bar_is_as_long_as_can_be_and_the_others_in_proportion() {
        let bars = vec![("Cloakroom".to_owned(), 1.0), ("axum".to_owned(), 4.0)];
        let svg = plot(Shape::Bars(vec![Group { name: "read".to_owned(), bars }]));
        assert!(
            svg.contains("width=\"120.0\"") && svg.contains("width=\"480.0\"") && svg.contains("a &lt; b"),
            "{svg}"
        );
    }

    #[test]
    fn an_axis_has_whole_decades() {
        let axis = Axis::over([20.0, 3_000.0].into_iter(), 0.0, 300.0);
        let decades: Vec<(f64, f64)> = axis.decades().collect();
        assert_eq!(decades, [(10.0, 0.0), (100.0, 100.0), (1_000.0, 200.0), (10_000.0, 300.0)]);
        assert!(plot(Shape::Lines { axis: "x".to_owned(), lines: Vec::new() }).ends_with("</svg>\n"));
    }
}
