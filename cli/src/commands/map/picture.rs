//! The map as SVG: a block for each region, a row for each plane, a cell for each frame.

use std::ops::Range;

use svg::Document;
use svg::node::element::{Group, Rectangle, Text, Title};
use travertine_memory::RegionKind;

use super::frames::{Cell, PLANE_PAGES, Plane, RegionMap, Use};
use crate::output::{counted, grouped};

/// Rows that are drawn of a region at most; the rest is summed up.
const MAX_ROWS: usize = 1024;
const CELL: usize = 14;
const ROW: usize = CELL + 2;
const LEFT: usize = 80;
const WIDTH: usize = LEFT + PLANE_PAGES as usize * ROW + 300;

fn colour(used: Use) -> &'static str {
    match used {
        Use::Used => "#4c78a8",
        Use::Blocks => "#72b7b2",
        Use::Promoted => "#e0912f",
        Use::Shared => "#54a24b",
        Use::Pinned => "#7a5195",
    }
}

const FREE: &str = "#eeeeee";
const DIRTY: &str = "#d62728";

/// A row of a region's picture.
enum Row<'a> {
    Plane(u32, &'a Plane),
    /// Planes in which nothing lies.
    Empty(Range<u32>),
}

/// The picture.
pub(super) fn svg(maps: &[RegionMap]) -> String {
    let mut y = 30;
    let mut document = Document::new().add(legend());
    for map in maps {
        let (group, height) = region(map);
        document = document.add(group.set("transform", format!("translate(0 {y})")));
        y += height + ROW;
    }
    let document = document
        .set("viewBox", (0, 0, WIDTH, y))
        .set("width", WIDTH)
        .set("height", y)
        .set("font-family", "sans-serif")
        .set("font-size", 11);
    format!("{document}\n")
}

fn legend() -> Group {
    let entries = Use::ALL.map(|used| (used.name(), colour(used), "none"));
    let entries = [("free", FREE, "none")].into_iter().chain(entries).chain([("dirty", "white", DIRTY)]);
    entries.zip(0..).fold(Group::new(), |group, ((name, fill, stroke), place)| {
        let x = 8 + place * 88;
        group.add(square(x, 8, fill).set("stroke", stroke).set("stroke-width", 2)).add(text(
            x + ROW + 2,
            19,
            name,
        ))
    })
}

fn square(x: usize, y: usize, fill: &str) -> Rectangle {
    Rectangle::new().set("x", x).set("y", y).set("width", CELL).set("height", CELL).set("fill", fill)
}

fn text(x: usize, y: usize, content: impl Into<String>) -> Text {
    Text::new(content).set("x", x).set("y", y)
}

/// A region, and its height.
fn region(map: &RegionMap) -> (Group, usize) {
    let paid = map.budget.map_or(0, |budget| budget.planes);
    let heading = match map.budget {
        Some(budget) => format!(
            "region {:#04x}, {} {}: {} paid for, {} free, {}",
            map.region,
            map.kind,
            map.permissions,
            counted(budget.planes, "plane"),
            counted(budget.free_frames, "frame"),
            counted(map.allocations, "allocation"),
        ),
        None => format!(
            "region {:#04x}, {} {}: {} {}",
            map.region,
            map.kind,
            map.permissions,
            counted(map.cells().count() as u64, "page"),
            if map.kind == RegionKind::Generative { "written" } else { "not zero" },
        ),
    };
    let rows = rows(map, u32::try_from(paid).unwrap_or(u32::MAX));
    let mut group = Group::new().add(text(8, ROW, heading).set("font-weight", "bold"));
    let mut y = ROW + 6;
    for row in rows.iter().take(MAX_ROWS) {
        group = match row {
            Row::Plane(number, plane) => plane_row(group, y, *number, plane, map.budget.is_some()),
            Row::Empty(planes) => group.add(text(LEFT, y + 11, empty_title(planes, map))),
        };
        y += ROW;
    }
    if rows.len() > MAX_ROWS {
        let hidden = counted((rows.len() - MAX_ROWS) as u64, "more row");
        group = group.add(text(LEFT, y + 11, format!("and {hidden}")));
        y += ROW;
    }
    (group, y)
}

/// The planes in which something lies, and what is between them; in an allocator's region up to the last one that is paid for.
fn rows(map: &RegionMap, paid: u32) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut next = 0;
    for (&number, plane) in &map.planes {
        if number > next {
            rows.push(Row::Empty(next..number));
        }
        rows.push(Row::Plane(number, plane));
        next = number + 1;
    }
    if next < paid {
        rows.push(Row::Empty(next..paid));
    }
    rows
}

fn empty_title(planes: &Range<u32>, map: &RegionMap) -> String {
    let what = match map.kind {
        _ if map.budget.is_some() => "free",
        RegionKind::Generative => "as made from the seed",
        _ => "all zero",
    };
    format!(
        "{} {what}, from plane {} on",
        counted(planes.len() as u64, "plane"),
        grouped(planes.start.into())
    )
}

fn plane_row(group: Group, y: usize, number: u32, plane: &Plane, is_paid: bool) -> Group {
    let labelled = group.add(text(8, y + 11, format!("plane {number}")));
    (0..).zip(plane).fold(labelled, |group, (frame, cell)| {
        let x = LEFT + frame * ROW;
        match cell {
            Some(cell) => group.add(cell_square(x, y, cell)),
            None if is_paid => {
                let title = Title::new(format!("plane {number}, frame {frame}: free"));
                group.add(square(x, y, FREE).add(title))
            }
            None => group.add(square(x, y, "none").set("stroke", FREE)),
        }
    })
}

fn cell_square(x: usize, y: usize, cell: &Cell) -> Rectangle {
    let square = square(x, y, colour(cell.used));
    let dirty = if cell.dirty { ", dirty" } else { "" };
    let marked = if cell.dirty { square.set("stroke", DIRTY).set("stroke-width", 2) } else { square };
    marked.add(Title::new(format!("{}{dirty}", cell.title)))
}
