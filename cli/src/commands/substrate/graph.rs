//! `travertine substrate graph`: what moved between regions in a machine's block, as a picture.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use svg::Document;
use svg::node::element::{Circle, Group, Path as Curve, Text, Title};
use travertine_memory::Memory;
use travertine_memory::substrate::{NodeField, Transfers};
use travertine_vm::MachineError;

use crate::error::InputError;
use crate::files;
use crate::output::{Output, Verdict, counted, grouped};
use crate::state_directory::StateDirectory;

/// Draw what was moved between regions in the machine's present block: copies, gathers, scatters, shares, moves of the compactor.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  travertine substrate graph --state my-machine -o graph.svg")]
pub(crate) struct Arguments {
    /// The directory that `run --state` keeps the machine in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The SVG file.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    edges: Vec<EdgeReport>,
    nodes: Vec<NodeReport>,
    picture: &'a Path,
}

#[derive(Serialize)]
struct EdgeReport {
    from: u8,
    to: u8,
    transfers: u64,
    bytes: u64,
}

/// A region's record.
#[derive(Serialize)]
struct NodeReport {
    region: u8,
    kind: String,
    allocations: u64,
    frees: u64,
    live_bytes: u64,
    total_bytes: u64,
    gas_spent: u64,
    promotions: u64,
    compactions: u64,
    refunds: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let state = StateDirectory(&arguments.state).require()?;
    if state.block().is_none() {
        return Err(InputError::NoBlock(arguments.state.clone()));
    }
    let report = Report::new(state.memory(), &arguments.output)?;
    files::write_atomically(&arguments.output, picture(&report).as_bytes())?;
    Output::new().print(arguments.json, &report, |out| {
        for EdgeReport { from, to, transfers, bytes } in &report.edges {
            let (transfers, bytes) = (counted(*transfers, "transfer"), counted(*bytes, "byte"));
            writeln!(out, "{from:#04x} -> {to:#04x}  {transfers}, {bytes}")?;
        }
        writeln!(out, "picture {}", arguments.output.display())?;

        Ok(())
    })?;
    Ok(Verdict::Success)
}

impl<'a> Report<'a> {
    fn new(memory: &Memory, picture: &'a Path) -> Result<Self, InputError> {
        let mut edges = Vec::new();
        let mut nodes = Vec::new();
        let missing = |fault| InputError::Machine(MachineError::MissingPage(fault));
        for from in 0..=u8::MAX {
            for to in 0..=u8::MAX {
                let Transfers { count: transfers, bytes } = memory.transfers(from, to).map_err(missing)?;
                if transfers > 0 {
                    edges.push(EdgeReport { from, to, transfers, bytes });
                }
            }
        }
        for region in 0..=u8::MAX {
            let mut fields = [0; NodeField::ALL.len()];
            for (value, field) in fields.iter_mut().zip(NodeField::ALL) {
                *value = memory.node_counter(region, field).map_err(missing)?;
            }
            let takes_part = edges.iter().any(|edge: &EdgeReport| edge.from == region || edge.to == region);
            if takes_part || fields.iter().any(|&field| field > 0) {
                nodes.push(NodeReport::new(memory, region, fields));
            }
        }
        Ok(Self { edges, nodes, picture })
    }
}

impl NodeReport {
    fn new(memory: &Memory, region: u8, fields: [u64; 8]) -> Self {
        let [allocations, frees, live_bytes, total_bytes, gas_spent, promotions, compactions, refunds] =
            fields;
        let kind =
            memory.region(region).map_or_else(|| "gone".to_owned(), |region| region.kind().to_string());
        Self {
            region,
            kind,
            allocations,
            frees,
            live_bytes,
            total_bytes,
            gas_spent,
            promotions,
            compactions,
            refunds,
        }
    }
}

const SIZE: f64 = 860.0;
const RING: f64 = 260.0;
const NODE: f64 = 38.0;

/// A point of the picture.
#[derive(Clone, Copy)]
struct Point(f64, f64);

impl Point {
    /// On a ray from the centre.
    fn at(angle: f64, distance: f64) -> Self {
        Self(SIZE / 2.0 + distance * angle.cos(), SIZE / 2.0 + distance * angle.sin())
    }

    fn towards(self, other: Self, distance: f64) -> Self {
        let (x, y) = (other.0 - self.0, other.1 - self.1);
        let length = x.hypot(y).max(1.0);
        Self(self.0 + x / length * distance, self.1 + y / length * distance)
    }
}

/// The regions on a ring, and an arrow for each edge: the more bytes, the thicker.
#[allow(clippy::cast_precision_loss, reason = "places in a picture")]
fn picture(report: &Report<'_>) -> String {
    let angle = |region: u8| {
        let place = report.nodes.binary_search_by_key(&region, |node| node.region).unwrap_or(0);
        std::f64::consts::TAU * (place as f64 / report.nodes.len().max(1) as f64 - 0.25)
    };
    let most = report.edges.iter().map(|edge| edge.bytes).max().unwrap_or(1);
    let mut document =
        Document::new().add(text(Point(SIZE / 2.0, 24.0), "bytes moved between regions in this block", 15));
    for edge in &report.edges {
        document = document.add(arrow(edge, angle(edge.from), angle(edge.to), most));
    }
    for node in &report.nodes {
        document = document.add(circle(node, angle(node.region)));
    }
    let document = document
        .set("viewBox", (0, 0, SIZE, SIZE))
        .set("width", SIZE)
        .set("height", SIZE)
        .set("style", "background: white")
        .set("font-family", "sans-serif");
    format!("{document}\n")
}

/// An arrow that bends to its left, so that the one back does not lie on it; within a region a loop to the outside.
#[allow(clippy::cast_precision_loss, reason = "places in a picture")]
fn arrow(edge: &EdgeReport, from: f64, to: f64, most: u64) -> Group {
    let width = 1.5 + 6.5 * ((edge.bytes as f64 + 1.0).ln() / (most as f64 + 1.0).ln());
    let head = 6.0 + 1.6 * width;
    let (start, end, bend) = if edge.from == edge.to {
        (
            Point::at(from - 0.11, RING + NODE * 0.6),
            Point::at(from + 0.11, RING + NODE * 0.6),
            Point::at(from, RING + 150.0),
        )
    } else {
        let (start, end) = (Point::at(from, RING), Point::at(to, RING));
        let middle = Point(f64::midpoint(start.0, end.0), f64::midpoint(start.1, end.1));
        let (x, y) = (end.0 - start.0, end.1 - start.1);
        let bend = Point(middle.0 + 0.16 * y, middle.1 - 0.16 * x);
        (start.towards(bend, NODE), end.towards(bend, NODE + 2.0), bend)
    };
    let base = end.towards(bend, head);
    let (x, y) = (end.0 - base.0, end.1 - base.1);
    let curve =
        format!("M{:.1} {:.1} Q{:.1} {:.1} {:.1} {:.1}", start.0, start.1, bend.0, bend.1, base.0, base.1);
    let tip = format!(
        "M{:.1} {:.1} L{:.1} {:.1} L{:.1} {:.1} Z",
        end.0,
        end.1,
        base.0 - 0.45 * y,
        base.1 + 0.45 * x,
        base.0 + 0.45 * y,
        base.1 - 0.45 * x
    );
    let title = format!(
        "{:#04x} to {:#04x}: {}, {}",
        edge.from,
        edge.to,
        counted(edge.transfers, "transfer"),
        counted(edge.bytes, "byte")
    );
    let label = Point(
        0.25 * start.0 + 0.5 * bend.0 + 0.25 * end.0,
        0.25 * start.1 + 0.5 * bend.1 + 0.25 * end.1 - 5.0,
    );
    let line = Curve::new()
        .set("d", curve)
        .set("fill", "none")
        .set("stroke", "#4c78a8")
        .set("stroke-width", format!("{width:.1}"));
    Group::new()
        .add(Title::new(title))
        .add(line.set("opacity", 0.75))
        .add(Curve::new().set("d", tip).set("fill", "#4c78a8"))
        .add(halo(label, &grouped(edge.bytes)))
        .add(text(label, &grouped(edge.bytes), 12))
}

fn circle(node: &NodeReport, angle: f64) -> Group {
    let centre = Point::at(angle, RING);
    let disc = Circle::new().set("cx", centre.0).set("cy", centre.1).set("r", NODE);
    let about = format!(
        "{}, {}, {} live, {} gas",
        counted(node.allocations, "allocation"),
        counted(node.frees, "free"),
        counted(node.live_bytes, "byte"),
        grouped(node.gas_spent)
    );
    Group::new()
        .add(Title::new(about))
        .add(disc.set("fill", "#f4efe6").set("stroke", "#333333"))
        .add(text(Point(centre.0, centre.1 - 2.0), &format!("{:#04x}", node.region), 15))
        .add(text(Point(centre.0, centre.1 + 14.0), &node.kind, 11))
}

fn text(at: Point, content: &str, size: u32) -> Text {
    Text::new(content)
        .set("x", format!("{:.1}", at.0))
        .set("y", format!("{:.1}", at.1))
        .set("font-size", size)
        .set("text-anchor", "middle")
}

/// White behind a label, so that it can be read on an arrow.
fn halo(at: Point, content: &str) -> Text {
    text(at, content, 12).set("stroke", "white").set("stroke-width", 4)
}
