//! The JSON form of proofs: the SSZ containers in the JSON mapping of the consensus specification
//! (`ssz/simple-serialize.md`): containers are objects, lists arrays, `uint64` are decimal digits in a string, `Bytes32`
//! are `0x` and 64 lower-case hexadecimal digits in a string.
//!
//! A proof has one JSON form, apart from white space and the order of an object's fields. Everything else is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::{
    ChangedRecord, ChangedRegion, Claim, LimitError, MemoryProof, PROOF_VERSION, PageChange, StateCounts,
    TRANSITION_BYTES_LIMIT, TRANSITION_VERSION, TransitionHeader, TransitionProof,
};
use crate::allocation::AllocationRecord;
use crate::hash::{Hash, ZERO_HASH};

/// Bytes of the longest JSON form that is read: no proof takes more than this without needless white space.
pub const JSON_BYTES_LIMIT: usize = 4 * TRANSITION_BYTES_LIMIT;

/// Why text is not the JSON form of a proof.
#[derive(Debug, Error)]
pub enum JsonError {
    /// The text is longer than the form of any proof.
    #[error("{length} bytes, the longest proof in JSON has at most {JSON_BYTES_LIMIT}")]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// The text is no JSON, or has other fields or values than a proof.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// The proof is of another version.
    #[error("a proof of version {version:#x}, not {expected:#x}")]
    Version {
        /// The version found.
        version: u64,
        /// The version that can be read.
        expected: u64,
    },
    /// A list is too long.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl MemoryProof {
    /// The JSON form, indented.
    ///
    /// # Errors
    /// [`LimitError`] if a list is longer than the format allows.
    pub fn to_json(&self) -> Result<String, LimitError> {
        self.check_limits()?;
        let claim = |claim: &Claim| {
            Object(ClaimForm {
                kind: Uint(claim.kind),
                address: Uint(claim.address),
                length: Uint(claim.length),
            })
        };
        Ok(write(&MemoryForm {
            version: Uint(self.version),
            root: Bytes32(self.root),
            claims: self.claims.iter().map(claim).collect(),
            gindices: self.gindices.iter().copied().map(Uint).collect(),
            leaves: self.leaves.iter().copied().map(Bytes32).collect(),
            helpers: self.helpers.iter().copied().map(Bytes32).collect(),
        }))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`JsonError`] for all text that is not the form of a proof of this version; unknown, missing and repeated fields,
    /// and values in another form, are among the reasons.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let form: MemoryForm = read(text)?;
        check_version(form.version, PROOF_VERSION)?;
        let claim = |Object(claim): Object<ClaimForm>| Claim {
            kind: claim.kind.0,
            address: claim.address.0,
            length: claim.length.0,
        };
        let proof = Self {
            version: form.version.0,
            root: form.root.0,
            claims: form.claims.into_iter().map(claim).collect(),
            gindices: form.gindices.into_iter().map(|index| index.0).collect(),
            leaves: form.leaves.into_iter().map(|node| node.0).collect(),
            helpers: form.helpers.into_iter().map(|node| node.0).collect(),
        };
        proof.check_limits()?;
        Ok(proof)
    }
}

impl TransitionProof {
    /// The JSON form, indented.
    ///
    /// # Errors
    /// [`LimitError`] if a list is longer than the format allows.
    pub fn to_json(&self) -> Result<String, LimitError> {
        self.check_limits()?;
        let region = |it: &ChangedRegion| {
            Object(RegionForm { region: Uint(it.region), old: it.old.into(), new: it.new.into() })
        };
        let record = |it: &ChangedRecord| {
            Object(ChangedRecordForm { slot: Uint(it.slot), old: it.old.into(), new: it.new.into() })
        };
        let change = |it: &PageChange| {
            Object(ChangeForm {
                region: Uint(it.region),
                page: Uint(it.page),
                old: Bytes32(it.old),
                new: Bytes32(it.new),
            })
        };
        Ok(write(&TransitionForm {
            version: Uint(self.version),
            old_root: Bytes32(self.old_root),
            new_root: Bytes32(self.new_root),
            old: self.old.into(),
            new: self.new.into(),
            regions: self.regions.iter().map(region).collect(),
            changes: self.changes.iter().map(change).collect(),
            records: self.records.iter().map(record).collect(),
            helpers: self.helpers.iter().copied().map(Bytes32).collect(),
        }))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// As for [`MemoryProof::from_json`].
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let form: TransitionForm = read(text)?;
        check_version(form.version, TRANSITION_VERSION)?;
        let region = |Object(it): Object<RegionForm>| ChangedRegion {
            region: it.region.0,
            old: it.old.into(),
            new: it.new.into(),
        };
        let record = |Object(it): Object<ChangedRecordForm>| ChangedRecord {
            slot: it.slot.0,
            old: it.old.into(),
            new: it.new.into(),
        };
        let change = |Object(it): Object<ChangeForm>| PageChange {
            region: it.region.0,
            page: it.page.0,
            old: it.old.0,
            new: it.new.0,
        };
        let proof = Self {
            version: form.version.0,
            old_root: form.old_root.0,
            new_root: form.new_root.0,
            old: form.old.into(),
            new: form.new.into(),
            regions: form.regions.into_iter().map(region).collect(),
            changes: form.changes.into_iter().map(change).collect(),
            records: form.records.into_iter().map(record).collect(),
            helpers: form.helpers.into_iter().map(|node| node.0).collect(),
        };
        proof.check_limits()?;
        Ok(proof)
    }
}

fn check_version(Uint(version): Uint, expected: u64) -> Result<(), JsonError> {
    if version == expected { Ok(()) } else { Err(JsonError::Version { version, expected }) }
}

fn write(form: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(form).expect("objects, arrays and strings have a JSON form");
    json.push('\n');
    json
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    if text.len() > JSON_BYTES_LIMIT {
        return Err(JsonError::TooLong { length: text.len() });
    }
    Ok(serde_json::from_str::<Object<T>>(text)?.0)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryForm {
    version: Uint,
    root: Bytes32,
    claims: Vec<Object<ClaimForm>>,
    gindices: Vec<Uint>,
    leaves: Vec<Bytes32>,
    helpers: Vec<Bytes32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimForm {
    kind: Uint,
    address: Uint,
    length: Uint,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransitionForm {
    version: Uint,
    old_root: Bytes32,
    new_root: Bytes32,
    old: Object<CountsForm>,
    new: Object<CountsForm>,
    regions: Vec<Object<RegionForm>>,
    changes: Vec<Object<ChangeForm>>,
    records: Vec<Object<ChangedRecordForm>>,
    helpers: Vec<Bytes32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionForm {
    region: Uint,
    old: Object<HeaderForm>,
    new: Object<HeaderForm>,
}

/// The JSON form of a container inside of another one, and how it becomes the container and back.
macro_rules! inner_form {
    ($form:ident of $container:ident { $($field:ident: $type:ident,)* }) => {
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $form {
            $($field: $type,)*
        }

        impl From<$container> for Object<$form> {
            fn from(container: $container) -> Self {
                Self($form { $($field: $type(container.$field),)* })
            }
        }

        impl From<Object<$form>> for $container {
            fn from(Object(form): Object<$form>) -> Self {
                Self { $($field: form.$field.0,)* }
            }
        }
    };
}

inner_form!(HeaderForm of TransitionHeader { meta: Uint, size: Uint, seed: Uint, mode: Uint, });
inner_form!(CountsForm of StateCounts { settlements: Uint, next_allocation: Uint, slots: Uint, });
inner_form!(RecordForm of AllocationRecord {
    id: Uint,
    address: Uint,
    size: Uint,
    kind: Uint,
    flags: Uint,
    owner: Bytes32,
    fragment_count: Uint,
    fragments: Bytes32,
});

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedRecordForm {
    slot: Uint,
    old: Object<RecordForm>,
    new: Object<RecordForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeForm {
    region: Uint,
    page: Uint,
    old: Bytes32,
    new: Bytes32,
}

/// A container that is an object: derived code would take an array of its fields, too.
#[derive(Serialize)]
#[serde(transparent)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// A `uint64` as decimal digits.
#[derive(Clone, Copy)]
struct Uint(u64);

impl Serialize for Uint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Uint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a uint64 in decimal digits", |digits| {
            // The parser would take a sign and leading zeros.
            let one_form = digits == "0" || digits.starts_with(|digit| matches!(digit, '1'..='9'));
            digits.parse().ok().filter(|_| one_form).map(Self)
        })
    }
}

/// A `Bytes32` as `0x` and hexadecimal digits.
struct Bytes32(Hash);

impl Serialize for Bytes32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).expect("two digits for each byte");
        let digits = core::str::from_utf8(&digits).expect("digits are ASCII");
        serializer.collect_str(&format_args!("0x{digits}"))
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "0x and 64 lower-case hexadecimal digits", |text| {
            let digits =
                text.strip_prefix("0x").filter(|digits| !digits.contains(|c: char| c.is_uppercase()))?;
            let mut bytes = ZERO_HASH;
            hex::decode_to_slice(digits, &mut bytes).ok()?;
            Some(Self(bytes))
        })
    }
}

/// Reads a string of a certain form.
fn text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    form: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Text<F>(&'static str, F);

    impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Text<F> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            self.1(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(Text(form, parse))
}
