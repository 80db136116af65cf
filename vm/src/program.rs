//! A loaded program: its image, its decoded code, and the memory of a machine that starts with it.

use std::sync::Arc;

use travertine_memory::{DataCap, Memory, Page, PageRange, PageSlot, Permissions, Region, RegionKind};
use travertine_merkle::Hash;
use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES};

use crate::call::{CONTROL_REGION, STACK_BYTES, STACK_REGION};
use crate::code::Code;
use crate::context::MAX_INPUT_BYTES;
use crate::image::{Image, Segment};
use crate::state::regions_root;

/// A loaded program. Cloning it is cheap; all machines that run it share its decoded code and its first pages.
#[derive(Debug, Clone)]
pub struct Program(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    image: Image,
    root: Hash,
    code: Code,
    memory: Memory,
}

impl Program {
    /// The program with this image.
    pub fn new(image: Image) -> Self {
        let memory = first_memory(&image);
        let root = image.root(&regions_root(&memory));
        let code = Code::new(&image, &memory);
        Self(Arc::new(Loaded { image, root, code, memory }))
    }

    /// The image's root: version, entry, segments and the first content of all regions.
    pub fn root(&self) -> Hash {
        self.0.root
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.0.image
    }

    /// The memory of a machine before its first call.
    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn code(&self) -> &Code {
        &self.0.code
    }
}

/// The image's regions, generative ones among them, a stack, and the region of the call's context and input.
fn first_memory(image: &Image) -> Memory {
    const VALID: &str = "a checked image and the machine's own regions do not collide";
    let mut memory = Memory::new();
    for segments in image.segments().chunk_by(|a, b| a.region() == b.region()) {
        let number = u8::try_from(segments[0].region()).expect(VALID);
        memory.insert(number, image_region(number, segments)).expect(VALID);
    }
    for declared in image.generative() {
        memory.insert(declared.number, declared.region().expect(VALID)).expect(VALID);
    }
    let own = [
        (STACK_REGION, RegionKind::Stack, STACK_BYTES),
        (CONTROL_REGION, RegionKind::VmControl, PLANE_BYTES + MAX_INPUT_BYTES),
    ];
    for (number, kind, size) in own {
        let cap = DataCap::empty(size).expect(VALID);
        memory.insert(number, Region::new(kind, kind.default_permissions(), cap).expect(VALID)).expect(VALID);
    }
    memory
}

/// A region of these segments. Pages between them have no permissions.
fn image_region(number: u8, segments: &[Segment]) -> Region {
    const VALID: &str = "the segments of a checked image are page-aligned, disjoint and within their region";
    let start = u64::from(number) * REGION_BYTES;
    let end = segments.last().map_or(start, Segment::end);
    let page_index = |address: u64| u32::try_from((address - start) / PAGE_BYTES).expect(VALID);
    let ranges: Vec<PageRange> = segments
        .iter()
        .map(|segment| PageRange {
            first: page_index(segment.address),
            end: page_index(segment.end()),
            permissions: segment.permissions,
        })
        .collect();
    let pages = segments.iter().flat_map(|segment| {
        let first = page_index(segment.address);
        let filled = u32::try_from(segment.filled_pages()).expect(VALID);
        (0..filled).map(move |index| {
            (first + index, PageSlot::Loaded(Page::new(segment.page_bytes(u64::from(index)))))
        })
    });
    let cap = DataCap::from_pages(end - start, pages).expect(VALID);
    Region::with_page_ranges(region_kind(number, segments), &ranges, cap).expect(VALID)
}

/// What a region of a program is for: code if nothing in it can be written, else the kind that its number stands for.
fn region_kind(number: u8, segments: &[Segment]) -> RegionKind {
    let is_writable = segments.iter().any(|segment| segment.permissions.contains(Permissions::WRITE));
    match number {
        _ if !is_writable => RegionKind::Code,
        HEAP_REGION => RegionKind::Heap,
        _ => RegionKind::State,
    }
}

const HEAP_REGION: u8 = 3;
