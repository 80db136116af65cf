//! Proofs that are mutated: each is refused, or is the proof that it was.

use travertine_memory::Region;
use travertine_merkle::{Claim, MemoryProof, Proven, RegionHeader, verify_memory_proof};
use travertine_tests::{Random, fixtures};
use travertine_vm::Machine;

use crate::mutate::{index, mutant};
use crate::{alone, bounded};

const MUTANTS: usize = 3_000;
/// Bytes of a proof before its first list.
const FIXED_BYTES: usize = 56;

#[test]
fn mutated_proofs_are_refused() {
    let _alone = alone();
    let mut random = Random::new(4);
    let machine = fixtures::named("token").settled();
    let claims = [
        vec![Claim::bytes(0x2_0001_0000, 64)],
        vec![Claim::bytes(0x2_0000_f000, 9_000), Claim::region(2), Claim::region(9)],
        vec![Claim::bytes(0x4_0000_0000, 100_000)],
    ];
    let proofs = claims.map(|claims| {
        let proof = machine.state().prove(&claims).unwrap().encode().unwrap();
        (claims, proof)
    });
    for number in 0..MUTANTS {
        let (claims, proof) = &proofs[number % proofs.len()];
        let mut mutant = mutant(&mut random, proof, FIXED_BYTES + 24, 40);
        match random.below(6) {
            0 => mutant.truncate(index(&mut random, mutant.len() + 1)),
            1 => mutant.extend(vec![0; index(&mut random, 200)]),
            2 => {
                let (from, to) = (index(&mut random, mutant.len()), index(&mut random, mutant.len()));
                mutant.drain(from.min(to)..from.max(to));
            }
            _ => {}
        }
        let claimed = claims.iter().map(|claim| usize::try_from(claim.length).unwrap()).sum::<usize>();
        let verified =
            bounded(mutant.len() + claimed, || verify_memory_proof(&mutant, &machine.root(), claims));
        assert_eq!(verified.is_ok(), mutant == *proof, "mutant {number}: {:?}", verified.err());
        // Its own claims are as hostile. Whoever asks for them is told the truth or nothing.
        if let Ok(decoded) = bounded(mutant.len(), || MemoryProof::decode(&mutant)) {
            assert_eq!(decoded.encode().unwrap(), mutant, "mutant {number}: one proof, one encoding");
            let Ok(values) = decoded.verify(&machine.root(), &decoded.claims) else { continue };
            for (claim, value) in decoded.claims.iter().zip(&values) {
                assert!(is_true(&machine, claim, value), "mutant {number}: {claim:?}");
            }
        }
    }
}

/// Whether the machine says the same of a claim.
fn is_true(machine: &Machine, claim: &Claim, value: &Proven) -> bool {
    let Some(bytes) = value.bytes() else {
        let number = u8::try_from(claim.address >> 32).unwrap();
        let region = machine.state().memory().region(number);
        let header = |one: &Region| RegionHeader {
            meta: one.meta(),
            size: one.cap().size(),
            generator: one.cap().backing().generator(),
        };
        return *value == Proven::Region(region.map(header));
    };
    let mut expected = vec![0; usize::try_from(claim.length).unwrap()];
    machine.peek(claim.address, &mut expected).unwrap();
    bytes == expected
}

#[test]
fn claims_without_end_take_no_memory() {
    let _alone = alone();
    let machine = fixtures::named("counter").settled();
    let proof = machine.state().prove(&[Claim::bytes(0x2_0000_0000, 8)]).unwrap();
    let huge = [
        Claim::bytes(0x2_0000_0000, 1 << 32),
        Claim::bytes(0x2_0000_0000, u64::MAX),
        Claim::bytes(u64::MAX, u64::MAX),
        Claim { kind: u64::MAX, address: 0, length: 0 },
    ];
    for claim in huge {
        let forged = MemoryProof { claims: vec![claim], ..proof.clone() }.encode().unwrap();
        let verified = bounded(forged.len(), || verify_memory_proof(&forged, &machine.root(), &[claim]));
        assert!(verified.is_err(), "{claim:?}");
    }
    let many = vec![Claim::bytes(0x2_0000_0000, 1); 1 << 16];
    let forged = MemoryProof { claims: many.clone(), ..proof }.encode().unwrap();
    // All of these claims are about the same byte, so the leaves are those of one.
    let verified = bounded(8 * forged.len(), || verify_memory_proof(&forged, &machine.root(), &many));
    assert_eq!(verified.unwrap().len(), many.len());
}
