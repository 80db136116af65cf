//! The schedules that allocators are compared under: `Memory3D`'s prices, and two prices of growth on top.

use travertine_gas::Schedule;

/// Gas for a plane, where growth is not free: a quarter gas for each of its bytes.
const PLANE: u64 = 16_384;
/// Gas for the k-th plane on top of that, in 1,024ths of `k * k`.
const SQUARE_1024THS: u64 = 1024 * 1024;

/// A schedule and its name in the table.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) schedule: Schedule,
}

/// The schedules of the comparison.
pub(super) fn schedules() -> [Named; 3] {
    let growing = |plane, square| Schedule {
        heap_plane: plane,
        heap_plane_square_1024ths: square,
        ..Schedule::memory3d()
    };
    [
        Named { name: "documented", about: "Memory3D's prices", schedule: Schedule::memory3d() },
        Named { name: "linear", about: "and 16,384 for each plane of growth", schedule: growing(PLANE, 0) },
        Named {
            name: "quadratic",
            about: "and 1,024 (2k - 1) more for the k-th plane",
            schedule: growing(PLANE, SQUARE_1024THS),
        },
    ]
}
