//! `travertine gmem plot`: pictures of cells, as SVG.

use std::io::Write;
use std::path::PathBuf;

use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::prelude::{ChartBuilder, Color, LineSeries, RGBColor, Rectangle, SVGBackend, WHITE};
use serde::Serialize;
use travertine_memory::generative::trinity::Grid;
use travertine_memory::generative::vrns::PAGE_CELLS;
use travertine_memory::generative::{Context, to_f64};

use super::error::GmemError;
use super::source::Source;
use crate::arguments::parse_number;
use crate::error::InputError;
use crate::files;
use crate::output::{HexNumber, Output, Verdict};

/// The longest side of a map, in cells.
const SIDE_LIMIT: u64 = 256;
/// Pages of cells: 2^64 / 1,024.
const PAGES: u64 = 1 << 54;
/// A picture's width and height.
const CHART: (u32, u32) = (1024, 384);
const MAP: (u32, u32) = (1024, 1024);

/// Draw a page as a curve, which shows the sawtooth of the sequence, or a range as a map along the Hilbert curve.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  travertine gmem plot --seed 12345 --page 0 -o page.svg
  travertine gmem plot --log land.gmal --map 0 --side 64 -o map.svg")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The page of 1,024 cells to draw as a curve.
    #[arg(long, value_name = "NUMBER", value_parser = parse_number, required_unless_present = "map")]
    page: Option<u64>,
    /// The first cell of a range to draw as a map.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number, conflicts_with = "page")]
    map: Option<u64>,
    /// The side of the map: a power of two up to 256. The range has side · side cells.
    #[arg(long, value_name = "N", value_parser = parse_number, default_value_t = 64, conflicts_with = "page")]
    side: u64,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    /// `page` or `map`.
    kind: &'static str,
    seed: HexNumber,
    start: HexNumber,
    cells: u64,
    file: String,
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it by value")]
fn plot_error(error: impl ToString) -> GmemError {
    GmemError::Plot(error.to_string())
}

/// Cells as numbers; what is infinite or NaN is not drawn.
fn numbers(context: &Context, start: u64, count: usize) -> Vec<Option<f64>> {
    let mut cells = vec![0; count];
    context.fill(start, &mut cells);
    cells.into_iter().map(|cell| Some(to_f64(cell)).filter(|number| number.is_finite())).collect()
}

/// The least and the greatest of the numbers, and 0 and 1.
fn extent(numbers: &[Option<f64>]) -> (f64, f64) {
    numbers
        .iter()
        .flatten()
        .fold((0.0, 1.0), |(least, greatest), number| (least.min(*number), greatest.max(*number)))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// An SVG picture that `draw` makes on a white ground.
fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), GmemError>,
) -> Result<String, GmemError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(plot_error)?;
        draw(&area)?;
        area.present().map_err(plot_error)?;
    }
    Ok(svg)
}

fn draw_page(context: &Context, start: u64) -> Result<String, GmemError> {
    let numbers = numbers(context, start, PAGE_CELLS);
    let (least, greatest) = extent(&numbers);
    picture(CHART, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(48)
            .build_cartesian_2d(0..PAGE_CELLS, least..greatest)
            .map_err(plot_error)?;
        chart.configure_mesh().max_light_lines(1).draw().map_err(plot_error)?;
        let points = numbers.iter().enumerate().filter_map(|(index, number)| Some((index, (*number)?)));
        chart.draw_series(LineSeries::new(points, RGBColor(31, 119, 180))).map_err(plot_error)?;
        Ok(())
    })
}

fn draw_map(context: &Context, start: u64, side: u64) -> Result<String, GmemError> {
    let grid = Grid::new(side)?;
    let count = usize::try_from(side * side).expect("the side is limited");
    let numbers = numbers(context, start, count);
    let (least, greatest) = extent(&numbers);
    picture(MAP, |area| {
        let pixels = i64::from(MAP.0) / i64::try_from(side).expect("the side is limited");
        for (place, number) in (0..).zip(&numbers) {
            let Some(number) = number else { continue };
            let (x, y) = grid.point(place)?;
            let edge = |coordinate: u64, more: i64| {
                let coordinate = i64::try_from(coordinate).expect("less than the side") + more;
                i32::try_from(coordinate * pixels).expect("inside of the picture")
            };
            let square = [(edge(x, 0), edge(y, 0)), (edge(x, 1), edge(y, 1))];
            area.draw(&Rectangle::new(square, shade((number - least) / (greatest - least)).filled()))
                .map_err(plot_error)?;
        }
        Ok(())
    })
}

/// From dark blue at 0 to light yellow at 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "colours have eight bits")]
fn shade(part: f64) -> RGBColor {
    let channel = |from: f64, to: f64| (from + (to - from) * part).round() as u8;
    RGBColor(channel(12.0, 250.0), channel(32.0, 240.0), channel(84.0, 180.0))
}

pub(super) fn run(arguments: &Arguments) -> Result<Verdict, InputError> {
    let side = arguments.side;
    if side > SIDE_LIMIT {
        let count = side.saturating_mul(side);
        let limit = SIDE_LIMIT * SIDE_LIMIT;
        return Err(GmemError::TooManyCells { count, limit, what: "drawn" }.into());
    }
    let context = arguments.source.context()?;
    let (kind, start, cells, svg) = if let Some(start) = arguments.map {
        ("map", start, side * side, draw_map(&context, start, side)?)
    } else {
        let page = arguments.page.unwrap_or_default();
        if page >= PAGES {
            return Err(GmemError::Page(page).into());
        }
        let start = page * PAGE_CELLS as u64;
        ("page", start, PAGE_CELLS as u64, draw_page(&context, start)?)
    };
    files::write_atomically(&arguments.output, svg.as_bytes())?;
    let file = arguments.output.display().to_string();
    let report = Report { kind, seed: HexNumber(context.seed()), start: HexNumber(start), cells, file };
    Output::new().print(arguments.json, &report, |out| {
        writeln!(out, "{} of {} cells from {} in {}", report.kind, report.cells, report.start, report.file)
    })?;
    Ok(Verdict::Success)
}
