//! The Hilbert curve on a square grid whose side is a power of two.

use thiserror::Error;

/// The longest side of a grid.
const SIDE_LIMIT: u64 = 1 << 32;

/// What is no grid, or not on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GridError {
    /// The side is no power of two, or too long.
    #[error("{0} is no side of a grid: it must be a power of two up to 2^32")]
    Side(u64),
    /// The point is not on the grid.
    #[error("({x}, {y}) is not on the grid: both must be less than {side}")]
    Point {
        /// The column.
        x: u64,
        /// The row.
        y: u64,
        /// The side.
        side: u64,
    },
    /// The curve is not that long.
    #[error("place {place} is not on the curve: the last one is {last}")]
    Place {
        /// The place.
        place: u64,
        /// The last one.
        last: u64,
    },
}

/// A square grid and the Hilbert curve through all its points, which begins at (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    side: u64,
}

impl Grid {
    /// A grid with this side.
    ///
    /// # Errors
    /// [`GridError::Side`] if it is no power of two, or above 2^32.
    pub fn new(side: u64) -> Result<Self, GridError> {
        if side.is_power_of_two() && side <= SIDE_LIMIT {
            Ok(Self { side })
        } else {
            Err(GridError::Side(side))
        }
    }

    /// The side.
    pub fn side(self) -> u64 {
        self.side
    }

    /// The last place on the curve: one less than the points.
    pub fn last(self) -> u64 {
        // A grid of 2^32 times 2^32 has one point more than fit.
        self.side.wrapping_mul(self.side).wrapping_sub(1)
    }

    /// The place of a point on the curve.
    ///
    /// # Errors
    /// [`GridError::Point`] if it is not on the grid.
    pub fn place(self, x: u64, y: u64) -> Result<u64, GridError> {
        if x >= self.side || y >= self.side {
            return Err(GridError::Point { x, y, side: self.side });
        }
        let (mut x, mut y) = (x, y);
        let mut place = 0;
        let mut step = self.side / 2;
        while step > 0 {
            let (right, down) = (u64::from(x & step > 0), u64::from(y & step > 0));
            place += step * step * ((3 * right) ^ down);
            (x, y) = turned(x, y, right, down, self.side - 1);
            step /= 2;
        }
        Ok(place)
    }

    /// The point, column and row, at a place of the curve.
    ///
    /// # Errors
    /// [`GridError::Place`] if the curve is not that long.
    pub fn point(self, place: u64) -> Result<(u64, u64), GridError> {
        if place > self.last() {
            return Err(GridError::Place { place, last: self.last() });
        }
        let (mut x, mut y, mut rest) = (0, 0, place);
        let mut step = 1;
        while step < self.side {
            let right = (rest >> 1) & 1;
            let down = (rest ^ right) & 1;
            (x, y) = turned(x, y, right, down, step - 1);
            x += step * right;
            y += step * down;
            rest >>= 2;
            step *= 2;
        }
        Ok((x, y))
    }
}

/// The point in the quarter's own orientation, for quarters that do not lie as the whole; `last` is the last coordinate.
fn turned(x: u64, y: u64, right: u64, down: u64, last: u64) -> (u64, u64) {
    match (right, down) {
        (_, 1) => (x, y),
        (0, _) => (y, x),
        _ => (last - y, last - x),
    }
}
