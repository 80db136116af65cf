//! Loss of power and failing disks, simulated: what was committed is there afterwards, and nothing that was not written.

use std::io;

use proptest::prelude::*;
use travertine_memory::generative::persistence::{
    HEADER_BYTES, Journal, JournalError, LogHeader, LogStorage, RECORD_BYTES, Recovery, WriteError, recover,
};

/// A disk that remembers what is safe.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    pub(crate) written: Vec<u8>,
    /// How much of it outlasts a loss of power.
    safe: usize,
    /// Operations until it fails.
    works_for: Option<u32>,
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.works_for {
            Some(0) => Err(io::Error::other("the disk is broken")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl LogStorage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.operate() {
            self.written.extend(&bytes[..bytes.len() / 2]);
            return Err(error);
        }
        self.written.extend(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.operate()?;
        self.safe = self.written.len();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.operate()?;
        let length = usize::try_from(length).expect("no more than was written");
        self.written.truncate(length);
        self.safe = self.safe.min(length);
        Ok(())
    }
}

const HEADER: LogHeader = LogHeader { seed: 5, size_cells: 0, mode: 1 };

/// What the disk holds after a loss of power: of what is not safe, any part, with zeros or garbage in it.
fn after_power_loss(disk: &Disk, kept: prop::sample::Index, holes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = disk.written.clone();
    bytes.truncate(disk.safe + kept.index(bytes.len() - disk.safe + 1));
    for (at, garbage) in holes {
        let unsafe_part = &mut bytes[disk.safe..];
        if !unsafe_part.is_empty() {
            let at = at.index(unsafe_part.len());
            unsafe_part[at] = *garbage;
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn committed_writes_outlast_a_loss_of_power(
        writes in prop::collection::vec(any::<(u64, u32, bool)>(), 0..60),
        window in 16_u64..200,
        kept: prop::sample::Index,
        holes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        later in prop::collection::vec(any::<(u64, u32)>(), 1..10),
    ) {
        let mut journal = Journal::create(Disk::default(), &HEADER, 0, window).unwrap();
        let mut committed = 0;
        for (count, (address, cell, commits)) in (1..).zip(&writes) {
            journal.write(*address, *cell).unwrap();
            if *commits {
                journal.commit().unwrap();
                committed = count;
            }
        }
        let (_, disk) = journal.into_parts();
        let bytes = after_power_loss(&disk, kept, &holes);

        let (Recovery::Clean(whole) | Recovery::Torn(whole)) = recover(&bytes, window).unwrap() else {
            panic!("the header was safe");
        };
        let mut expected: Vec<_> = writes.iter().map(|(address, cell, _)| (*address, *cell)).collect();
        let recovered = usize::try_from(whole.len()).unwrap();
        prop_assert!(recovered >= committed);
        expected.truncate(recovered);
        prop_assert_eq!(whole.iter().collect::<Vec<_>>(), expected.clone());

        // The log goes on, and is whole.
        let disk = Disk { safe: bytes.len(), written: bytes.clone(), works_for: None };
        let mut journal = Journal::resume(disk, &whole, 0, window).unwrap();
        for (address, cell) in &later {
            journal.write(*address, *cell).unwrap();
        }
        journal.commit().unwrap();
        let (context, disk) = journal.into_parts();
        let Ok(Recovery::Clean(whole)) = recover(&disk.written, window) else { panic!("it is clean") };
        expected.extend(later);
        prop_assert_eq!(whole.iter().collect::<Vec<_>>(), expected);
        for (address, cell) in whole.iter() {
            prop_assert!(context.overlay().lookup(address).is_some(), "{} {}", address, cell);
        }
    }
}

#[test]
fn never_more_than_the_window_is_unsafe() {
    for window in [0, 16, 17, 40, 160] {
        let mut journal = Journal::create(Disk::default(), &HEADER, 0, window).unwrap();
        for index in 0..100 {
            journal.write(index, 0).unwrap();
        }
        let (context, disk) = journal.into_parts();
        let records = (disk.safe - HEADER_BYTES) / RECORD_BYTES;
        let unsafe_bytes = (100 - records) * RECORD_BYTES;
        assert!(unsafe_bytes as u64 <= window.max(16), "{unsafe_bytes} of {window}");
        assert_eq!((disk.written.len(), context.overlay().len()), (disk.safe, 100));
    }
}

#[test]
fn after_a_failure_nothing_is_written_until_the_log_is_recovered() {
    for works_for in 3..30 {
        let disk = Disk { works_for: Some(works_for), ..Disk::default() };
        let mut journal = Journal::create(disk, &HEADER, 0, 32).unwrap();
        let failed = (0..100).find_map(|index| Some((index, journal.write(index, 1).err()?)));
        let (index, error) = failed.expect("the disk breaks");
        assert!(matches!(error, JournalError::Log(WriteError::Storage(_))), "{error}");
        assert_eq!(journal.context().overlay().lookup(index), None, "a write that failed is nowhere");
        let again = journal.write(index, 1).unwrap_err();
        assert!(matches!(again, JournalError::Log(WriteError::Failed)), "{again}");
        assert!(matches!(journal.commit(), Err(JournalError::Log(WriteError::Failed))));
        let (_, disk) = journal.into_parts();
        let (Recovery::Clean(whole) | Recovery::Torn(whole)) = recover(&disk.written, 32).unwrap() else {
            panic!("the header was safe");
        };
        assert!(whole.bytes() >= disk.safe as u64 && whole.len() <= index);
    }
    for works_for in 0..3 {
        let disk = Disk { works_for: Some(works_for), ..Disk::default() };
        assert!(matches!(
            Journal::create(disk, &HEADER, 0, 32),
            Err(JournalError::Log(WriteError::Storage(_)))
        ));
    }
}

#[test]
fn writes_above_the_quota_are_in_neither_the_context_nor_the_log() {
    let mut journal = Journal::create(Disk::default(), &HEADER, 2, 32).unwrap();
    journal.write_f64(1, 1.0).unwrap();
    journal.write(2, 2).unwrap();
    let before = journal.context().clone();
    assert!(
        matches!(journal.write(3, 3), Err(JournalError::Quota(error)) if (error.cells, error.limit) == (3, 2))
    );
    assert_eq!(*journal.context(), before);
    journal.write(2, 4).unwrap();
    journal.commit().unwrap();
    let (_, disk) = journal.into_parts();
    let Ok(Recovery::Clean(whole)) = recover(&disk.written, 32) else { panic!("it is clean") };
    assert_eq!(whole.iter().collect::<Vec<_>>(), [(1, 0x3F80_0000), (2, 2), (2, 4)]);
    assert!(matches!(
        Journal::resume(Disk::default(), &whole, 1, 32),
        Err(JournalError::Quota(error)) if (error.cells, error.limit) == (2, 1)
    ));
}
