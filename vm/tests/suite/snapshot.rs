//! Machines that go from one process to the next.

use std::sync::{Arc, Mutex};

use travertine_gas::Schedule;
use travertine_memory::{
    DataCap, Fault, FaultReason, Memory, Page, PageBytes, PageSlot, Permissions, Region, RegionKind,
};
use travertine_opcodes::Opcode;
use travertine_vm::{
    Call, Engine, Image, Machine, MachineError, NoHost, Place, Program, SnapshotError, State,
    open_cap_snapshot, snapshot_cap,
};

use crate::assembler::*;

/// Adds one to the first variable.
fn counter() -> Vec<Vec<u8>> {
    vec![
        data_address(T0),
        i(Opcode::Ld, A0, T0, 0),
        i(Opcode::Addi, T1, A0, 1),
        s(Opcode::Sd, T0, T1, 0),
        exit(0),
    ]
}

fn call() -> Call {
    Call::new([], 100_000)
}

/// A machine that counts in the first of these pages, each of which is filled with one byte.
fn counter_with_pages(bytes: &[u8], size: u64) -> Machine {
    let code = counter().concat();
    let data = bytes.iter().flat_map(|&byte| [byte; 4096]).collect();
    let segments = vec![
        segment(CODE, code.len() as u64, code, Permissions::READ_EXECUTE),
        segment(DATA, size, data, Permissions::READ_WRITE),
    ];
    Engine::default().instantiate(&Program::new(Image::new(CODE, segments).expect("the segments are valid")))
}

#[test]
fn a_restored_machine_goes_on_where_the_first_one_stopped() {
    let engine = Engine::default();
    let program = program(&counter());
    let mut machine = engine.instantiate(&program);
    machine.call(&call(), &mut NoHost).unwrap();

    let snapshot = machine.state().to_snapshot().unwrap();
    let state = State::from_snapshot(&snapshot).unwrap();
    assert_eq!(state.root(), machine.root());
    assert_eq!(state.to_snapshot().unwrap(), snapshot);
    let mut restored = engine.restore(&program, state.clone()).unwrap();
    assert_eq!(restored.call(&call(), &mut NoHost).unwrap(), machine.call(&call(), &mut NoHost).unwrap());

    let other = crate::assembler::program(&[exit(0)]);
    assert!(matches!(engine.restore(&other, state.clone()), Err(MachineError::OtherProgram { .. })));
    let dearer = Engine::new(Schedule { load: Schedule::default().load + 1, ..Schedule::default() }).unwrap();
    assert!(matches!(dearer.restore(&program, state), Err(MachineError::OtherSchedule { .. })));
}

#[test]
fn snapshots_do_not_tell_how_often_the_state_was_stored() {
    let mut machine = counter_with_pages(&[1, 2, 0, 3, 2], 1 << 30);
    let (program, engine) = (machine.program().clone(), Engine::default());
    let mut stored = engine.instantiate(&program);
    for _ in 0..3 {
        let snapshot = stored.state().snapshot().unwrap();
        let bytes = snapshot.to_bytes();
        assert_eq!(snapshot.size(), bytes.len() as u64);
        stored = engine.restore(&program, State::open_snapshot(bytes).unwrap()).unwrap();
        assert_eq!(stored.call(&call(), &mut NoHost).unwrap(), machine.call(&call(), &mut NoHost).unwrap());
        assert_eq!(stored.state().to_snapshot().unwrap(), machine.state().to_snapshot().unwrap());
        assert_eq!(stored.state().check_pages(), Ok(()));
    }
    // Proofs and reads of untouched pages come from the snapshot.
    let mut bytes = [0; 2];
    stored.peek(DATA + 2 * 4096 - 1, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 0]);
    let claims = [travertine_merkle::Claim::bytes(DATA + 3 * 4096 - 8, 5000)];
    let prove = |machine: &Machine| machine.state().prove(&claims).unwrap().encode().unwrap();
    assert_eq!(prove(&stored), prove(&machine));
}

#[test]
fn equal_pages_are_stored_once_and_zero_pages_never() {
    let size = |pages: &[u8]| counter_with_pages(pages, 1 << 30).state().to_snapshot().unwrap().len();
    let one = size(&[1]);
    assert_eq!(one, 3 * 4096, "what is not pages, the code and the page");
    for pages in [&[1, 1, 1, 1][..], &[0, 1, 0], &[1; 100]] {
        assert_eq!(size(pages), one, "{pages:?}");
    }
    assert_eq!(size(&[1, 2, 1, 2]), one + 4096);
    assert_eq!(size(&[0, 0]), one - 4096);
}

#[test]
fn the_bytes_may_lie_anywhere() {
    /// A snapshot that begins at an offset of its owner's bytes.
    struct Shifted(Vec<u8>, usize);

    impl AsRef<[u8]> for Shifted {
        fn as_ref(&self) -> &[u8] {
            &self.0[self.1..]
        }
    }

    let machine = counter_with_pages(&[1, 2], 1 << 20);
    let snapshot = machine.state().to_snapshot().unwrap();
    for shift in 0..17 {
        let shifted = Shifted([&vec![0; shift], &snapshot[..]].concat(), shift);
        let state = State::open_snapshot(shifted).unwrap();
        assert_eq!((state.root(), state.check_pages()), (machine.root(), Ok(())));
    }
}

#[test]
fn a_damaged_page_is_an_error_when_it_is_touched_and_no_sooner() {
    let machine = counter_with_pages(&[1, 2], 1 << 20);
    let program = machine.program().clone();
    let mut snapshot = machine.state().to_snapshot().unwrap();
    let damaged = |snapshot: &[u8]| {
        let state = State::from_snapshot(snapshot).unwrap();
        assert_eq!(state.root(), machine.root());
        (state.clone(), Engine::default().restore(&program, state).unwrap())
    };
    // The second variable's page: the counter never looks at it.
    let second = snapshot.len() - 1;
    snapshot[second] ^= 0x80;
    let (state, mut counter) = damaged(&snapshot);
    let error = SnapshotError::DamagedPage { place: Place::Region(2), page: 1 };
    assert_eq!(state.check_pages(), Err(error.clone()));
    assert!(counter.call(&call(), &mut NoHost).unwrap().outcome.is_success());
    let fault = counter.peek(DATA + 4096, &mut [0]).unwrap_err();
    assert_eq!(fault.reason, FaultReason::WrongPage);
    assert!(counter.state().prove(&[travertine_merkle::Claim::bytes(DATA + 4096, 8)]).is_err());
    // Storing the state again neither hides the damage nor adds to it.
    let again = State::from_snapshot(&counter.state().to_snapshot().unwrap()).unwrap();
    assert_eq!(again.check_pages(), Err(error));
    // The first one's, by every kind of damage: also to zeros, and to another page's content.
    for content in [[0; 4096], [2; 4096], [3; 4096]] {
        let mut snapshot = machine.state().to_snapshot().unwrap();
        let first = snapshot.len() - 2 * 4096;
        snapshot[first..first + 4096].copy_from_slice(&content);
        let (state, mut counter) = damaged(&snapshot);
        for _ in 0..2 {
            let error = counter.call(&call(), &mut NoHost).unwrap_err();
            let MachineError::MissingPage(Fault { address, reason, .. }) = error else { panic!("{error}") };
            assert_eq!((address, reason), (DATA, FaultReason::WrongPage));
            assert_eq!(counter.root(), machine.root());
        }
        assert_eq!(counter.state().to_snapshot().unwrap(), snapshot);
        let error = SnapshotError::DamagedPage { place: Place::Region(2), page: 0 };
        assert_eq!(state.check_pages(), Err(error));
    }
}

#[test]
fn bytes_that_vanish_are_missing_pages() {
    /// Bytes that someone else cuts short.
    #[derive(Clone)]
    struct Cut(Arc<Mutex<&'static [u8]>>);

    impl AsRef<[u8]> for Cut {
        fn as_ref(&self) -> &[u8] {
            *self.0.lock().unwrap()
        }
    }

    let machine = counter_with_pages(&[1, 2], 1 << 20);
    let snapshot: &'static [u8] = machine.state().to_snapshot().unwrap().leak();
    let owner = Cut(Arc::new(Mutex::new(snapshot)));
    let state = State::open_snapshot(owner.clone()).unwrap();
    *owner.0.lock().unwrap() = &snapshot[..snapshot.len() - 1];
    let fault = state.memory().peek(DATA, &mut [0]).unwrap_err();
    assert_eq!(fault.reason, FaultReason::MissingPage);
    let missing = SnapshotError::MissingPage { place: Place::Region(1), page: 0xf_0000 };
    assert_eq!(state.check_pages(), Err(missing.clone()));
    assert_eq!(state.to_snapshot().unwrap_err(), missing);
}

#[test]
fn a_cap_can_stand_alone() {
    let slot = |byte| PageSlot::from(Page::new(PageBytes::starting_with(&[byte; 4096])));
    let pages = [(0, slot(1)), (7, slot(2)), (8, slot(1)), (0xf_ffff, slot(3)), (9, slot(0))];
    let mut cap = DataCap::from_pages(1 << 32, pages).unwrap();
    let snapshot = snapshot_cap(&cap, None).unwrap().to_bytes();
    assert_eq!(snapshot.len(), 4 * 4096, "three pages, and what is not pages");
    let loaded = open_cap_snapshot(snapshot.clone()).unwrap();
    assert_eq!((loaded.cap.root(), loaded.cap.size()), (cap.root(), cap.size()));
    assert_eq!(snapshot_cap(&loaded.cap, Some(&*loaded.pages)).unwrap().to_bytes(), snapshot);
    let missing = SnapshotError::MissingPage { place: Place::Cap, page: 0 };
    assert_eq!(snapshot_cap(&loaded.cap, None).unwrap_err(), missing);

    let mut memory = Memory::new();
    memory.set_page_source(loaded.pages);
    memory.insert(2, Region::new(RegionKind::State, Permissions::READ_WRITE, loaded.cap).unwrap()).unwrap();
    let mut bytes = [0; 2];
    memory.peek(DATA + 8 * 4096 - 1, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 1]);

    cap.write(5, slot(5)).unwrap();
    assert!(matches!(snapshot_cap(&cap, None), Err(SnapshotError::Dirty(_))));
}
