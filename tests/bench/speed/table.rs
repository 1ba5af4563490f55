//! The table of figures, as Markdown, JSON and a plot.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

/// What was measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    /// Microseconds for one id, by number of people.
    pub by_people: Vec<(usize, f64)>,
}

struct Row {
    what: String,
    divided_by: &'static str,
    ratio: f64,
    target: &'static str,
    holds: bool,
    note: String,
}

/// What a ratio should be.
pub enum Target {
    AtLeast(f64, &'static str),
    AtMost(f64, &'static str),
}

impl Table {
    pub fn row(&mut self, what: &str, divided_by: &'static str, ratio: f64, target: &Target, note: String) {
        let (holds, target) = match *target {
            Target::AtLeast(bound, text) => (ratio >= bound, text),
            Target::AtMost(bound, text) => (ratio <= bound, text),
        };
        println!("{what} / {divided_by}: {ratio:.3} ({target}{}) {note}", if holds { "" } else { ", MISSED" });
        self.rows.push(Row { what: what.to_owned(), divided_by, ratio, target, holds, note });
    }

    pub fn write(&self) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/speed");
        std::fs::create_dir_all(folder).unwrap();
        let mut text = String::from("| what | divided by | ratio | target | |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            let Row { what, divided_by, ratio, target, note, holds } = row;
            let missed = if *holds { "" } else { "**missed** " };
            writeln!(text, "| {what} | {divided_by} | {ratio:.2} | {target} | {missed}{note} |").unwrap();
        }
        println!("\n{text}");
        std::fs::write(format!("{folder}/speed.md"), text).unwrap();
        let rows = self.rows.iter().map(|row| {
            json!({ "what": row.what, "divided_by": row.divided_by, "ratio": row.ratio, "target": row.target,
                "holds": row.holds, "note": row.note })
        });
        let all = json!({ "rows": rows.collect::<Vec<_>>(), "microseconds_by_people": self.by_people });
        std::fs::write(format!("{folder}/speed.json"), all.to_string()).unwrap();
        std::fs::write(format!("{folder}/by-people.svg"), self.plot()).unwrap();
        println!("written to {folder}");
    }

    /// People on a logarithmic axis, microseconds for one id from zero.
    fn plot(&self) -> String {
        let most = self.by_people.iter().map(|(_, micros)| *micros).fold(1.0, f64::max);
        let place = |(people, micros): &(usize, f64)| {
            let x = 70.0 + ((*people as f64).log10() - 4.0) / 3.0 * 480.0;
            (x, 260.0 - micros / most * 220.0)
        };
        let points: Vec<(f64, f64)> = self.by_people.iter().map(place).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
        let mut svg = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 600 320\" font-family=\"sans-serif\" font-size=\"13\">\
             <title>What one id costs the gate, by number of people</title>\
             <path d=\"M70 30V260H560\" fill=\"none\" stroke=\"#444\"/>\
             <text x=\"70\" y=\"20\">microseconds for one id, in questions of a thousand</text>\
             <text x=\"470\" y=\"305\">people</text>",
        );
        write!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"2\"/>", line.join(" "))
            .unwrap();
        for ((people, micros), (x, y)) in self.by_people.iter().zip(points) {
            write!(svg, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"4\" fill=\"#06c\"/>").unwrap();
            write!(svg, "<text x=\"{x:.0}\" y=\"{:.0}\">{micros:.1}</text>", y - 10.0).unwrap();
            write!(svg, "<text x=\"{x:.0}\" y=\"280\" text-anchor=\"middle\">{people}</text>").unwrap();
        }
        svg + "</svg>\n"
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub fn seconds(times: &[Duration]) -> f64 {
    median(times.iter().map(Duration::as_secs_f64).collect())
}
