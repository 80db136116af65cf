//! The declaration of the substrate as JSON (`substrate_runtime.json`), checked strictly.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};

use super::counters::{EDGE_BYTES, NODE_BYTES};
use super::map::{Substrate, Window, WindowName};

/// The version of the declaration.
const VERSION: &str = "1.1.0";
/// The one rule that there is.
const RULE: &str = "allocate iff (header_hash mod trigger_modulus) == 0";

/// The declaration as it is written. A field that is left out has its default; no other field is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubstrateConfig {
    /// `1.1.0`.
    pub version: String,
    /// Labels, without effect.
    pub axiom_anchor: Vec<String>,
    /// A label, without effect.
    pub state_schema: String,
    /// When a segment is allocated, and how large.
    pub allocation_policy: AllocationPolicy,
    /// Where the windows lie.
    pub mmio: Mmio,
}

/// When a segment is allocated, and how large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AllocationPolicy {
    /// A segment is allocated if the header's hash is a multiple of this.
    pub trigger_modulus: u64,
    /// Bytes of the segment, before they are padded to the alignment.
    pub allocation_size_bytes: u64,
    /// What the segment's base and size are multiples of, in bytes, and the length of a row. A power of two.
    pub alignment_bytes: u64,
    /// The rule in words: there is one.
    pub rule: String,
    /// Free text, without effect.
    pub description: String,
}

/// Where the windows lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mmio {
    /// Bytes of the header window.
    pub emulated_space_bytes: u64,
    /// Where the map begins: at the header window.
    pub base_address: String,
    /// The windows, in order.
    pub regions: Windows,
}

/// The first and the last byte of a window, `0x` and hexadecimal digits each.
pub type WindowBounds = [String; 2];

/// The windows, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// The block's header, and the status page.
    pub header: WindowBounds,
    /// Transfers between regions.
    pub edge_counters: WindowBounds,
    /// A record for each region.
    pub node_accums: WindowBounds,
    /// The segment.
    pub frames_packed: WindowBounds,
    /// The segment, de-interleaved.
    pub frames_planes: WindowBounds,
    /// Nothing.
    pub reserved: WindowBounds,
}

impl Default for SubstrateConfig {
    fn default() -> Self {
        Self {
            version: VERSION.to_owned(),
            axiom_anchor: ["0", "1", "CR", "SPACE"].map(str::to_owned).to_vec(),
            state_schema: "(X _ 0 1)".to_owned(),
            allocation_policy: AllocationPolicy::default(),
            mmio: Mmio::default(),
        }
    }
}

impl Default for AllocationPolicy {
    fn default() -> Self {
        Self {
            trigger_modulus: 256,
            allocation_size_bytes: 31_457_280,
            alignment_bytes: 64,
            rule: RULE.to_owned(),
            description: String::new(),
        }
    }
}

impl Default for Mmio {
    fn default() -> Self {
        Self {
            emulated_space_bytes: 1 << 30,
            base_address: "0x00000000".to_owned(),
            regions: Windows::default(),
        }
    }
}

impl Default for Windows {
    fn default() -> Self {
        let bounds = |first: &str, last: &str| [first.to_owned(), last.to_owned()];
        Self {
            header: bounds("0x00000000", "0x3FFFFFFF"),
            edge_counters: bounds("0x40000000", "0x4FFFFFFF"),
            node_accums: bounds("0x50000000", "0x5FFFFFFF"),
            frames_packed: bounds("0x60000000", "0x6FFFFFFF"),
            frames_planes: bounds("0x70000000", "0x7FFFFFFF"),
            reserved: bounds("0x80000000", "0xFFFFFFFF"),
        }
    }
}

impl Windows {
    fn bounds(&self, name: WindowName) -> &WindowBounds {
        match name {
            WindowName::Header => &self.header,
            WindowName::EdgeCounters => &self.edge_counters,
            WindowName::NodeAccums => &self.node_accums,
            WindowName::FramesPacked => &self.frames_packed,
            WindowName::FramesPlanes => &self.frames_planes,
            WindowName::Reserved => &self.reserved,
        }
    }
}

/// Why a declaration is refused: the field, its value, and what it must be.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It is no JSON, a field is unknown or twice there, or a value is of another type.
    #[error("the declaration is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// A part of the declaration is no object with named fields.
    #[error("`{0}` is a list; it must be an object")]
    List(&'static str),
    /// It is of another version.
    #[error("`version` is \"{0}\"; this machine knows \"{VERSION}\"")]
    Version(String),
    /// It is another rule.
    #[error("`allocation_policy.rule` is \"{0}\"; the one rule is \"{RULE}\"")]
    Rule(String),
    /// Nothing has a remainder modulo zero.
    #[error("`allocation_policy.trigger_modulus` is 0; it must be at least 1")]
    ZeroModulus,
    /// There is no such alignment.
    #[error("`allocation_policy.alignment_bytes` is {0}; it must be a power of two, at most 2^32")]
    Alignment(u64),
    /// The padded size is not that of pages.
    #[error(
        "`allocation_policy.allocation_size_bytes` is {size}, padded {padded}; that must be whole pages of {PAGE_BYTES} bytes, at \
         least one, within 4 GiB"
    )]
    Size {
        /// The size that is asked for, in bytes.
        size: u64,
        /// The size padded up to the alignment, in bytes; at most `u64::MAX`.
        padded: u64,
    },
    /// The text is no address.
    #[error("`{field}` is \"{value}\"; it must be 0x and 1 to 16 hexadecimal digits")]
    Number {
        /// The field.
        field: String,
        /// Its value.
        value: String,
    },
    /// The map begins elsewhere.
    #[error("`mmio.base_address` is {value:#x}; the header window begins at {first:#x}")]
    BaseAddress {
        /// The field's value.
        value: u64,
        /// Where the first window begins.
        first: u64,
    },
    /// The header window has another length.
    #[error("`mmio.emulated_space_bytes` is {value}; the header window has {extent} bytes")]
    EmulatedSpace {
        /// The field's value.
        value: u64,
        /// Bytes of the header window.
        extent: u64,
    },
    /// The window has no bytes.
    #[error("`mmio.regions.{window}` goes from {first:#x} to {last:#x}: it ends before it begins")]
    Empty {
        /// The window.
        window: WindowName,
        /// Its first byte.
        first: u64,
        /// Its last byte.
        last: u64,
    },
    /// The window leaves the region.
    #[error("`mmio.regions.{window}` ends at {last:#x}: a region has 4 GiB")]
    PastRegion {
        /// The window.
        window: WindowName,
        /// Its last byte.
        last: u64,
    },
    /// The window is not whole pages.
    #[error(
        "`mmio.regions.{window}` goes from {first:#x} to {last:#x}: windows are whole pages of {PAGE_BYTES} bytes"
    )]
    Pages {
        /// The window.
        window: WindowName,
        /// Its first byte.
        first: u64,
        /// Its last byte.
        last: u64,
    },
    /// Two windows share bytes.
    #[error("`mmio.regions.{window}` begins at {first:#x}, but `{before}` ends at {last:#x}: they overlap")]
    Overlap {
        /// The window.
        window: WindowName,
        /// Its first byte.
        first: u64,
        /// The window before it.
        before: WindowName,
        /// The last byte of that.
        last: u64,
    },
    /// The windows are not in their order.
    #[error(
        "`mmio.regions.{window}` begins at {first:#x}, before `{before}`, which begins at {before_first:#x}: they are out of order"
    )]
    Unordered {
        /// The window.
        window: WindowName,
        /// Its first byte.
        first: u64,
        /// The window that must come before it.
        before: WindowName,
        /// The first byte of that.
        before_first: u64,
    },
    /// The window does not hold what is in it.
    #[error("`mmio.regions.{window}` has {bytes} bytes; it needs {needed}")]
    TooSmall {
        /// The window.
        window: WindowName,
        /// Its length in bytes.
        bytes: u64,
        /// What is in it, in bytes.
        needed: u64,
    },
    /// The segment would begin between two multiples of the alignment.
    #[error(
        "`mmio.regions.{window}` begins at {first:#x}, which is no multiple of `allocation_policy.alignment_bytes`, {alignment}"
    )]
    BaseAlignment {
        /// The window.
        window: WindowName,
        /// Its first byte.
        first: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
}

impl SubstrateConfig {
    /// Reads a declaration; [`check`](Self::check) says whether it can be used.
    ///
    /// # Errors
    /// [`ConfigError::Json`], [`ConfigError::List`].
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config = serde_json::from_str(json)?;
        // The derived parser takes a list for an object whose fields stand in their order.
        let document: serde_json::Value = serde_json::from_str(json)?;
        let parts = ["", "/allocation_policy", "/mmio", "/mmio/regions"];
        let is_list = |part: &&str| document.pointer(part).is_some_and(serde_json::Value::is_array);
        parts.into_iter().find(is_list).map_or(Ok(config), |part| Err(ConfigError::List(part)))
    }

    /// The JSON form, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and integers have a JSON form")
    }

    /// What the declaration declares.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that cannot be so.
    pub fn check(&self) -> Result<Substrate, ConfigError> {
        if self.version != VERSION {
            return Err(ConfigError::Version(self.version.clone()));
        }
        let policy = &self.allocation_policy;
        if policy.rule != RULE {
            return Err(ConfigError::Rule(policy.rule.clone()));
        }
        let mut bounds = [[0; 2]; 6];
        for (bounds, name) in bounds.iter_mut().zip(WindowName::ALL) {
            let [first, last] = self.mmio.regions.bounds(name);
            let field = |index| format!("mmio.regions.{name}[{index}]");
            *bounds = [address(first, || field(0))?, address(last, || field(1))?];
        }
        let base = address(&self.mmio.base_address, || "mmio.base_address".to_owned())?;
        let (size, alignment) = (policy.allocation_size_bytes, policy.alignment_bytes);
        let substrate = Substrate::new(policy.trigger_modulus, size, alignment, bounds)?;
        let header = substrate.window(WindowName::Header);
        if base != u64::from(header.first) {
            return Err(ConfigError::BaseAddress { value: base, first: header.first.into() });
        }
        let (value, extent) = (self.mmio.emulated_space_bytes, header.bytes());
        if value != extent {
            return Err(ConfigError::EmulatedSpace { value, extent });
        }
        Ok(substrate)
    }
}

/// An address of the declaration.
fn address(text: &str, field: impl FnOnce() -> String) -> Result<u64, ConfigError> {
    let is_hex = |digits: &&str| digits.len() <= 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.strip_prefix("0x").filter(is_hex);
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| ConfigError::Number { field: field(), value: text.to_owned() })
}

impl Substrate {
    /// The substrate of these numbers: modulus, bytes of the segment before padding, alignment in bytes, and the first and
    /// last byte of each window in their order.
    ///
    /// # Errors
    /// [`ConfigError`] names the first of them that cannot be so, as a field of the declaration.
    pub fn new(
        modulus: u64,
        allocation_size: u64,
        alignment: u64,
        bounds: [[u64; 2]; 6],
    ) -> Result<Self, ConfigError> {
        if modulus == 0 {
            return Err(ConfigError::ZeroModulus);
        }
        if !alignment.is_power_of_two() || alignment > REGION_BYTES {
            return Err(ConfigError::Alignment(alignment));
        }
        let padded = allocation_size.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        if padded == 0 || padded > REGION_BYTES || !padded.is_multiple_of(PAGE_BYTES) {
            return Err(ConfigError::Size { size: allocation_size, padded });
        }
        let windows = windows(bounds)?;
        let substrate = Self { modulus, allocation_size, alignment, size: padded, windows };
        for (name, needed) in [
            (WindowName::Header, 2 * PAGE_BYTES),
            (WindowName::EdgeCounters, EDGE_BYTES),
            (WindowName::NodeAccums, NODE_BYTES),
            (WindowName::FramesPacked, padded),
            (WindowName::FramesPlanes, padded),
        ] {
            let bytes = substrate.window(name).bytes();
            if bytes < needed {
                return Err(ConfigError::TooSmall { window: name, bytes, needed });
            }
        }
        for window in [WindowName::FramesPacked, WindowName::FramesPlanes] {
            let first = u64::from(substrate.window(window).first);
            if !first.is_multiple_of(alignment) {
                return Err(ConfigError::BaseAlignment { window, first, alignment });
            }
        }
        Ok(substrate)
    }
}

/// The windows, which are whole pages, in order and apart.
fn windows(bounds: [[u64; 2]; 6]) -> Result<[Window; 6], ConfigError> {
    let mut windows = [Window { first: 0, last: 0 }; 6];
    let mut before: Option<(WindowName, [u64; 2])> = None;
    for ((checked, window), [first, last]) in windows.iter_mut().zip(WindowName::ALL).zip(bounds) {
        if last < first {
            return Err(ConfigError::Empty { window, first, last });
        }
        let (Ok(first_byte), Ok(last_byte)) = (u32::try_from(first), u32::try_from(last)) else {
            return Err(ConfigError::PastRegion { window, last });
        };
        if !first.is_multiple_of(PAGE_BYTES) || !(last + 1).is_multiple_of(PAGE_BYTES) {
            return Err(ConfigError::Pages { window, first, last });
        }
        if let Some((before, [before_first, before_last])) = before {
            if last < before_first {
                return Err(ConfigError::Unordered { window, first, before, before_first });
            }
            if first <= before_last {
                return Err(ConfigError::Overlap { window, first, before, last: before_last });
            }
        }
        before = Some((window, [first, last]));
        *checked = Window { first: first_byte, last: last_byte };
    }
    Ok(windows)
}
