//! The regions that the allocator has opened, and sums over them.

use super::request::ALLOCATABLE_KINDS;
use super::space::Space;
use crate::persistent::{Held, Rest};
use crate::region::RegionKind;

#[derive(Debug, Clone, Default)]
pub(crate) struct Spaces {
    /// By number of the region, as far as the highest one that is open.
    by_number: Vec<Option<Held<Space>>>,
    /// Planes of all regions of each of [`ALLOCATABLE_KINDS`].
    planes: [u64; ALLOCATABLE_KINDS.len()],
    /// Frames in use in all regions.
    frames: u64,
}

impl Spaces {
    #[inline]
    pub(crate) fn get(&self, region: u8) -> Option<&Space> {
        self.by_number.get(usize::from(region))?.as_deref()
    }

    /// A region that is open, for changes that leave its planes and frames alone.
    #[inline]
    pub(crate) fn get_mut(&mut self, region: u8) -> &mut Space {
        let space = self.by_number.get_mut(usize::from(region)).and_then(Option::as_mut);
        space.expect("the plan's region is the allocator's").to_mut()
    }

    /// All regions, ascending by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Space)> {
        (0..).zip(&self.by_number).filter_map(|(region, space)| Some((region, &**space.as_ref()?)))
    }

    /// Opens a region.
    pub(crate) fn open(&mut self, region: u8, kind: RegionKind) {
        let place = usize::from(region);
        if self.by_number.len() <= place {
            self.by_number.resize(place + 1, None);
        }
        self.by_number[place] = Some(Held::new(Space::new(kind)));
    }

    /// Forgets a region in which nothing is allocated any more.
    pub(crate) fn close(&mut self, region: u8) {
        if let Some(space) = self.by_number.get_mut(usize::from(region)).and_then(Option::take) {
            self.planes[kind_index(space.kind)] -= u64::from(space.frames.planes());
        }
    }

    /// Lets `change` work on a region, and keeps the sums over all regions.
    #[inline]
    pub(crate) fn update<T>(&mut self, region: u8, change: impl FnOnce(&mut Space) -> T) -> T {
        let space = self.get_mut(region);
        let kind = space.kind;
        let before = (space.frames.planes(), space.frames.used());
        let result = change(space);
        let after = (space.frames.planes(), space.frames.used());
        if before.0 != after.0 {
            let planes = &mut self.planes[kind_index(kind)];
            *planes = *planes + u64::from(after.0) - u64::from(before.0);
        }
        self.frames = self.frames + u64::from(after.1) - u64::from(before.1);
        result
    }

    /// Lets clones share what a region's frames are, if it is open.
    pub(crate) fn rest_frames(&mut self, region: u8) {
        if let Some(Some(Held::Own(space))) = self.by_number.get_mut(usize::from(region)) {
            space.frames.rest();
        }
    }

    /// Planes of all regions of a kind.
    #[inline]
    pub(crate) fn planes(&self, kind: RegionKind) -> u64 {
        self.planes[kind_index(kind)]
    }

    /// Frames in use in all regions.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }
}

impl Rest for Spaces {
    fn rest(&mut self) {
        self.by_number.rest();
    }
}

#[inline]
fn kind_index(kind: RegionKind) -> usize {
    ALLOCATABLE_KINDS
        .iter()
        .position(|allocatable| *allocatable == kind)
        .expect("the allocator opened the region")
}
