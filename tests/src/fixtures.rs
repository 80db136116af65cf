//! The fixtures of `fixtures/expected.json`: ELF files, the calls that are made on them, and what each must answer.

use std::path::{Path, PathBuf};

use serde_json::Value;
use travertine_memory::substrate::Substrate;
use travertine_merkle::Hash;
use travertine_vm::{Call, Context, Engine, Host, Machine, Outcome, Settlement, symbols};

/// More gas than any fixture needs, unless its call says otherwise.
pub const GAS_LIMIT: u64 = 1 << 32;

/// A contract or program, and the calls that are made on it, each on the state that the previous one left.
#[derive(Debug)]
pub struct Fixture {
    /// Its name, and that of its folder.
    pub name: String,
    /// The ELF file's bytes.
    pub elf: Vec<u8>,
    /// The header of the block that the calls are in, if there is one; it begins at time 0.
    pub header: Option<Vec<u8>>,
    /// The calls, in order.
    pub calls: Vec<ExpectedCall>,
}

/// A call, and what it must answer.
#[derive(Debug)]
pub struct ExpectedCall {
    /// The call.
    pub call: Call,
    /// How it must end.
    pub ending: Ending,
    /// What it must write to file descriptors 1 and 2.
    pub debug: String,
    /// Topics and data of the events that its receipt must have.
    pub events: Vec<(Vec<Hash>, Vec<u8>)>,
}

/// How a call ends, with everything that a contract can know in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// `exit` with this code.
    Exited(u64),
    /// `return` with this output.
    Returned(Vec<u8>),
    /// `revert` with this output.
    Reverted(Vec<u8>),
    /// A trap of this name.
    Trapped {
        /// The trap's stable name.
        trap: String,
        /// [`TrapCause::detail`](travertine_vm::TrapCause::detail): bits, address, or number of the host call; `None` if nobody says.
        detail: Option<u64>,
        /// [`Trap::entry`](travertine_vm::Trap::entry).
        entry: Option<u64>,
    },
    /// The gas limit was reached.
    OutOfGas,
}

impl Ending {
    /// Whether the call's writes are kept.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0) | Self::Returned(_))
    }

    /// Whether a call that ended as `settlement` says has ended like this.
    pub fn agrees(&self, settlement: &Settlement) -> bool {
        let output: &[u8] = settlement.receipt.output.as_ref();
        match (self, &settlement.outcome) {
            (Self::Exited(code), Outcome::Halted { exit }) => code == exit && output.is_empty(),
            (Self::Returned(expected), Outcome::Returned) | (Self::Reverted(expected), Outcome::Reverted) => {
                expected == output
            }
            (Self::Trapped { trap, detail, entry }, Outcome::Trapped(found)) => {
                let detail_agrees = detail.is_none_or(|detail| detail == found.cause.detail());
                let entry_agrees = *entry == found.entry.map(u64::from);
                trap == found.cause.name() && detail_agrees && entry_agrees && output.is_empty()
            }
            (Self::OutOfGas, Outcome::OutOfGas { .. }) => output.is_empty(),
            _ => false,
        }
    }
}

/// A host that keeps what is written to file descriptors 1 and 2.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Console {
    /// What was written.
    pub text: Vec<u8>,
}

impl Host for Console {
    fn write(&mut self, _descriptor: u64, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }
}

impl Fixture {
    /// A machine that runs this fixture, never called before.
    pub fn machine(&self) -> Machine {
        let engine = Engine::default();
        let program = engine.load(&self.elf).expect("the fixture can be loaded");
        self.in_block(engine.instantiate(&program))
    }

    /// A new machine of this fixture in the block that its calls are in, if they are in one.
    pub fn in_block(&self, mut machine: Machine) -> Machine {
        if let Some(header) = &self.header {
            machine.begin_block(&Substrate::default(), header, 0).expect("the block can begin");
        }
        machine
    }

    /// The machine after all calls.
    pub fn settled(&self) -> Machine {
        let mut machine = self.machine();
        for call in &self.calls {
            machine.call(&call.call, &mut Console::default()).expect("the call can be made");
        }
        machine
    }
}

/// Every fixture, programs first.
pub fn all() -> Vec<Fixture> {
    let mut fixtures = programs();
    fixtures.extend(array(&expected(), "sequences").iter().map(read_sequence));
    assert_eq!(fixtures.len(), 18, "expected.json lists all fixtures");
    fixtures
}

/// The fixtures that take no input and use only `write` and `exit`.
pub fn programs() -> Vec<Fixture> {
    array(&expected(), "programs").iter().map(read_program).collect()
}

fn expected() -> Value {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json is there");
    serde_json::from_str(&text).expect("expected.json is JSON")
}

/// The fixture with this name.
pub fn named(name: &str) -> Fixture {
    all().into_iter().find(|fixture| fixture.name == name).expect("there is such a fixture")
}

/// The folder `fixtures`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn read_program(program: &Value) -> Fixture {
    let name = text(program, "name");
    let call = ExpectedCall {
        call: Call::new([], GAS_LIMIT),
        ending: Ending::Exited(number(program, "exit_code")),
        debug: text(program, "stdout"),
        events: Vec::new(),
    };
    Fixture { elf: read_elf(&name), name, header: None, calls: vec![call] }
}

fn read_sequence(sequence: &Value) -> Fixture {
    let name = text(sequence, "contract");
    let elf = read_elf(&name);
    let calls = array(sequence, "calls").iter().map(|call| read_call(call, &elf)).collect();
    let header = sequence.get("header").map(unhex);
    Fixture { name, elf, header, calls }
}

fn read_call(call: &Value, elf: &[u8]) -> ExpectedCall {
    let event = |event: &Value| {
        let topics = array(event, "topics").iter().map(|topic| hash(&unhex(topic)));
        (topics.collect(), unhex(&event["data"]))
    };
    ExpectedCall {
        call: Call {
            input: unhex(&call["input"]),
            gas_limit: call["gas_limit"].as_u64().unwrap_or(GAS_LIMIT),
            context: Context { caller: hash(&unhex(&call["caller"])), ..Context::default() },
        },
        ending: read_ending(&call["outcome"], elf),
        debug: text(call, "debug"),
        events: array(call, "events").iter().map(event).collect(),
    }
}

fn read_ending(outcome: &Value, elf: &[u8]) -> Ending {
    match text(outcome, "kind").as_str() {
        "exited" => Ending::Exited(number(outcome, "code")),
        "returned" => Ending::Returned(unhex(&outcome["output"])),
        "reverted" => Ending::Reverted(unhex(&outcome["output"])),
        "trapped" => Ending::Trapped {
            trap: text(outcome, "trap"),
            detail: read_detail(outcome, elf),
            entry: outcome["entry"].as_u64(),
        },
        "out_of_gas" => Ending::OutOfGas,
        kind => panic!("expected.json has an outcome of kind {kind}"),
    }
}

fn read_detail(outcome: &Value, elf: &[u8]) -> Option<u64> {
    if let Some(symbol) = outcome["symbol"].as_str() {
        let symbols = symbols(elf).expect("the fixture has a symbol table");
        let found = symbols.iter().find(|found| found.name == symbol).expect("the fixture has the symbol");
        return Some(found.address + number(outcome, "plus"));
    }
    ["bits", "address", "number"].iter().find_map(|key| outcome[key].as_u64())
}

fn read_elf(name: &str) -> Vec<u8> {
    std::fs::read(folder().join("contracts").join(name).join(format!("{name}.elf")))
        .expect("the ELF file is there")
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("expected.json: no list `{key}` in {value}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("expected.json: no text `{key}` in {value}")).to_owned()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("expected.json: no number `{key}` in {value}"))
}

fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex is text")).expect("expected.json has valid hex")
}

fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().expect("32 bytes")
}
