//! Planes over time as SVG: a picture for each workload and schedule, with a line for each allocator.

use plotters::prelude::*;

use super::Row;

/// Width and height of a picture, in pixels.
const SIZE: (u32, u32) = (900, 480);
/// Points of a line at most: more cannot be seen.
const POINTS: usize = 2 * SIZE.0 as usize;
const COLOURS: [RGBColor; 3] = [RGBColor(178, 34, 34), RGBColor(200, 130, 0), RGBColor(24, 98, 160)];

/// The picture of one row of the table.
pub(super) fn svg(row: &Row) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut svg = String::new();
    draw(row, &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area())
        .map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw<B: DrawingBackend>(
    row: &Row,
    area: &DrawingArea<B, plotters::coord::Shift>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let requests = row.costs.iter().map(|cost| cost.planes.len()).max().unwrap_or_default();
    let peak = row.costs.iter().map(|cost| cost.peak_planes).max().unwrap_or_default();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, growth: {}", row.workload, row.schedule), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0..requests, 0..peak + 1)?;
    chart.configure_mesh().x_desc("requests").y_desc("planes of 64 KiB").draw()?;
    for ((cost, name), colour) in row.costs.iter().zip(super::ALLOCATORS).zip(COLOURS) {
        let every = cost.planes.len().div_ceil(POINTS).max(1);
        let points = cost.planes.iter().copied().enumerate().step_by(every);
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()
}
