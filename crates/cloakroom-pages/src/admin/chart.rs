//! Charts as SVG: where each line and bar goes. Nothing here draws; the template does.

use cloakroom::Timestamp;

use crate::history::{Live, Point};
use crate::moment::time_of_day;

/// The size of a chart, in its own units; it grows and shrinks with the page.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 190.0;

/// Room for the numbers at the left, the times below, and half a line of text above.
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 8.0;

/// A chart's frame: lines across with their numbers, and times below.
#[derive(Debug, PartialEq)]
pub(super) struct Axes {
    pub(super) lines: Vec<(String, String)>,
    pub(super) times: Vec<Time>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Time {
    pub(super) x: String,
    pub(super) text: String,
    pub(super) anchor: &'static str,
}

/// What began and ended: two bars for each step, side by side.
#[derive(Debug, PartialEq)]
pub(super) struct Bars {
    pub(super) axes: Axes,
    pub(super) began: Vec<Bar>,
    pub(super) ended: Vec<Bar>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

/// What lives: a line through the samples, with a gap where there is none.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) axes: Axes,
    /// The points of each unbroken stretch, as SVG has them.
    pub(super) stretches: Vec<String>,
    /// The last sample.
    pub(super) last: Option<(String, String)>,
}

pub(super) fn bars(points: &[Point]) -> Bars {
    let highest = points.iter().map(|point| point.began.max(point.ended)).max().unwrap_or_default();
    let scale = Scale::of(points, highest);
    let width = (scale.step() * 0.4).max(0.8);
    let bar = |index: usize, offset: f64, count: u64| {
        let y = scale.y(count);
        let x = scale.left(index) + offset;
        let height = scale.y(0) - y;
        (count > 0).then(|| Bar { x: number(x), y: number(y), width: number(width), height: number(height) })
    };
    let all = || points.iter().enumerate();
    Bars {
        began: all().filter_map(|(index, point)| bar(index, scale.step() * 0.08, point.began)).collect(),
        ended: all().filter_map(|(index, point)| bar(index, scale.step() * 0.52, point.ended)).collect(),
        axes: scale.axes(points),
    }
}

pub(super) fn line(points: &[Point]) -> Line {
    let live = |point: &Point| point.live.map(Live::number);
    let scale = Scale::of(points, points.iter().filter_map(live).max().unwrap_or_default());
    let mut stretches: Vec<Vec<String>> = Vec::new();
    let (mut last, mut is_unbroken) = (None, false);
    for (index, point) in points.iter().enumerate() {
        let Some(count) = live(point) else {
            is_unbroken = false;
            continue;
        };
        let (x, y) = (number(scale.left(index) + scale.step() / 2.0), number(scale.y(count)));
        let at = format!("{x},{y}");
        last = Some((x, y));
        match stretches.last_mut().filter(|_| is_unbroken) {
            Some(stretch) => stretch.push(at),
            None => stretches.push(vec![at]),
        }
        is_unbroken = true;
    }
    Line { axes: scale.axes(points), stretches: stretches.iter().map(|stretch| stretch.join(" ")).collect(), last }
}

struct Scale {
    steps: usize,
    /// The number at the uppermost line.
    top: u64,
}

impl Scale {
    fn of(points: &[Point], highest: u64) -> Scale {
        Scale { steps: points.len().max(1), top: round_up(highest) }
    }

    fn step(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.steps as f64
    }

    fn left(&self, index: usize) -> f64 {
        LEFT + self.step() * index as f64
    }

    fn y(&self, count: u64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (count as f64 / self.top as f64)
    }

    fn axes(&self, points: &[Point]) -> Axes {
        let counts = [0, self.top / 2, self.top];
        let lines = counts.into_iter().map(|count| (number(self.y(count)), with_commas(count))).collect();
        let time = |index: usize, x: f64, anchor| {
            let from: Timestamp = points.get(index)?.from;
            Some(Time { x: number(x), text: time_of_day(from), anchor })
        };
        let middle = self.steps / 2;
        let times = [
            time(0, LEFT, "start"),
            time(middle, self.left(middle), "middle").filter(|_| self.steps > 4),
            time(self.steps - 1, WIDTH - RIGHT, "end").filter(|_| self.steps > 1),
        ];
        Axes { lines, times: times.into_iter().flatten().collect() }
    }
}

/// The next even number that begins with a digit and has zeros behind, at least 2.
fn round_up(count: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for digit in [2, 4, 6, 8, 10] {
            match unit.checked_mul(digit) {
                Some(rounded) if rounded >= count => return rounded,
                Some(_) => {}
                None => return count,
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A length, to a tenth.
fn number(length: f64) -> String {
    format!("{length:.1}")
}

/// A number with a comma between thousands.
pub(super) fn with_commas(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::History;

    fn points(live: &[Option<u64>]) -> Vec<Point> {
        let mut points = History::new(Duration::from_secs(60), live.len()).points();
        for (point, live) in points.iter_mut().zip(live) {
            point.live = live.map(Live::Exactly);
        }
        points
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        let tops = [0, 1, 2, 3, 5, 11, 60, 61, 199, 10_000, 12_345];
        assert_eq!(tops.map(round_up), [2, 2, 2, 4, 6, 20, 60, 80, 200, 10_000, 20_000]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
        assert_eq!([0, 999, 1_000, 1_234_567].map(with_commas), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_missing_sample_is_a_gap() {
        let line = line(&points(&[Some(1), Some(2), None, Some(2), None]));
        assert_eq!(line.stretches.len(), 2, "{line:?}");
        assert_eq!(line.stretches[0].split(' ').count(), 2);
        assert!(line.stretches[1].ends_with(",10.0"), "the highest is at the top: {line:?}");
        assert!(super::line(&points(&[None, None])).last.is_none());
    }

    #[test]
    fn bars_stand_on_the_ground_and_never_leave_the_chart() {
        let mut points = points(&[None; 60]);
        (points[0].began, points[59].ended) = (7, 8);
        let bars = bars(&points);
        assert_eq!((bars.began.len(), bars.ended.len()), (1, 1));
        for bar in bars.began.iter().chain(&bars.ended) {
            let [x, y, width, height] =
                [&bar.x, &bar.y, &bar.width, &bar.height].map(|text| text.parse::<f64>().unwrap());
            assert!((y + height - (HEIGHT - BOTTOM)).abs() < 0.2 && y >= TOP, "{bar:?}");
            assert!(x >= LEFT && x + width <= WIDTH - RIGHT, "{bar:?}");
        }
    }
}
