//! Proofs of settled fixtures: what `prove` makes verifies and yields the machine's bytes, and anything else is refused.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES};
use travertine_merkle::{
    Claim, ClaimError, ProveError, Proven, RegionHeader, VerifyError, verify_memory_proof,
};
use travertine_tests::Random;
use travertine_tests::fixtures::{self, Console};
use travertine_vm::{Call, Machine};

const FIXTURES: [&str; 6] = ["counter", "token", "guestbook", "ledger", "sieve", "torture_high"];
/// The longest claim that is drawn, in bytes: more than a plane.
const LONGEST: u64 = PLANE_BYTES + 3 * PAGE_BYTES;

fn settled() -> impl Iterator<Item = (&'static str, Machine)> {
    FIXTURES.into_iter().map(|name| (name, fixtures::named(name).settled()))
}

fn peek(machine: &Machine, claim: &Claim) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(claim.length).unwrap()];
    machine.peek(claim.address, &mut bytes).unwrap();
    bytes
}

/// What the machine itself says of a claim.
fn truth(machine: &Machine, claim: &Claim) -> Proven {
    let number = u8::try_from(claim.address / REGION_BYTES).unwrap();
    let region = machine.state().memory().region(number);
    let header = region.map(|region| RegionHeader {
        meta: region.meta(),
        size: region.cap().size(),
        generator: region.cap().backing().generator(),
    });
    if claim.length == 0 {
        return Proven::Region(header);
    }
    Proven::Bytes { data: peek(machine, claim), region: header.unwrap() }
}

fn prove(machine: &Machine, claims: &[Claim]) -> Vec<u8> {
    machine.state().prove(claims).unwrap().encode().unwrap()
}

/// A claim of bytes in a region that is present: at its start or end, around a page or plane, at a page with content,
/// or anywhere.
fn draw_bytes(random: &mut Random, machine: &Machine) -> Claim {
    let regions: Vec<_> = machine.state().memory().regions().collect();
    let (number, region) = regions[usize::try_from(random.below(regions.len() as u64)).unwrap()];
    let cap = region.cap();
    let filled: Vec<u32> = cap.pages_in(0..cap.page_count()).map(|(page, _)| page).collect();
    let near = |random: &mut Random, offset: u64| offset.saturating_add_signed(random.between(-70, 70));
    let offset = match random.below(6) {
        0 => random.below(70),
        1 => near(random, cap.size()),
        2 => random.below(cap.size() / PAGE_BYTES) * PAGE_BYTES,
        3 => {
            let plane = random.below(cap.size().div_ceil(PLANE_BYTES)) * PLANE_BYTES;
            near(random, plane)
        }
        4 if !filled.is_empty() => {
            let page = u64::from(random.pick(&filled));
            near(random, page * PAGE_BYTES) + random.below(PAGE_BYTES)
        }
        _ => random.below(cap.size()),
    };
    let offset = offset.min(cap.size() - 1);
    let longest = random.pick(&[1, 8, 32, 200, PAGE_BYTES, LONGEST]).min(cap.size() - offset);
    Claim::bytes(u64::from(number) * REGION_BYTES + offset, 1 + random.below(longest))
}

fn draw(random: &mut Random, machine: &Machine) -> Claim {
    if random.chance(15) {
        Claim::region(u8::try_from(random.below(12)).unwrap())
    } else {
        draw_bytes(random, machine)
    }
}

#[test]
fn proofs_of_random_ranges_yield_the_machines_bytes() {
    let mut random = Random::new(1);
    for (name, machine) in settled() {
        for _ in 0..300 {
            let claim = draw_bytes(&mut random, &machine);
            let proven = verify_memory_proof(&prove(&machine, &[claim]), &machine.root(), &[claim]).unwrap();
            assert_eq!(proven, [truth(&machine, &claim)], "{name}: {claim:?}");
        }
    }
}

#[test]
fn proofs_of_many_claims_yield_the_machines_values() {
    let mut random = Random::new(2);
    for (name, machine) in settled() {
        for _ in 0..60 {
            let count = random.between(2, 9);
            let claims: Vec<Claim> = (0..count).map(|_| draw(&mut random, &machine)).collect();
            let proven = verify_memory_proof(&prove(&machine, &claims), &machine.root(), &claims).unwrap();
            let expected: Vec<Proven> = claims.iter().map(|claim| truth(&machine, claim)).collect();
            assert_eq!(proven, expected, "{name}: {claims:?}");
        }
    }
}

/// Proofs of every shape that are short enough to try every bit.
fn short_proofs() -> Vec<(Machine, Vec<Claim>)> {
    let [counter, token, guestbook] =
        ["counter", "token", "guestbook"].map(|name| fixtures::named(name).settled());
    let text = Claim::bytes(counter.program().image().entry(), 16);
    vec![
        (counter.clone(), vec![Claim::bytes(0x2_0000_0000, 8)]),
        (counter.clone(), vec![text]),
        // An absent region, a region's header, and a page that was never written.
        (counter.clone(), vec![Claim::region(9)]),
        (counter.clone(), vec![Claim::region(2)]),
        (counter, vec![Claim::bytes(0x4_0000_0000, 4_096)]),
        // Across a page, a plane, and from content into a zero page.
        (token.clone(), vec![Claim::bytes(0x2_0001_0ff0, 32)]),
        (token.clone(), vec![Claim::bytes(0x2_0000_fff0, 32)]),
        (token, vec![Claim::bytes(0x2_0001_0000, 40), Claim::region(3), Claim::bytes(0x7_0000_0000, 1)]),
        (guestbook, vec![Claim::bytes(0x2_0000_0000, 300)]),
    ]
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    for (machine, claims) in short_proofs() {
        let root = machine.root();
        let mut proof = prove(&machine, &claims);
        assert!(verify_memory_proof(&proof, &root, &claims).is_ok());
        for byte in 0..proof.len() {
            for bit in 0..8 {
                proof[byte] ^= 1 << bit;
                let verified = verify_memory_proof(&proof, &root, &claims);
                assert!(verified.is_err(), "{claims:?}: bit {bit} of byte {byte} is not checked");
                proof[byte] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn every_prefix_and_every_longer_proof_is_refused() {
    for (machine, claims) in short_proofs() {
        let proof = prove(&machine, &claims);
        for length in 0..proof.len() {
            let verified = verify_memory_proof(&proof[..length], &machine.root(), &claims);
            assert!(verified.is_err(), "{claims:?}: {length} bytes");
        }
        for surplus in [1, 8, 24, 32, 64] {
            let longer = [&proof[..], &vec![0; surplus]].concat();
            let verified = verify_memory_proof(&longer, &machine.root(), &claims);
            assert!(verified.is_err(), "{claims:?}: {surplus} bytes more");
        }
    }
}

#[test]
fn a_proof_holds_under_its_root_alone() {
    for (machine, claims) in short_proofs() {
        let proof = prove(&machine, &claims);
        let mut root = machine.root();
        for byte in 0..root.len() {
            for bit in 0..8 {
                root[byte] ^= 1 << bit;
                assert_eq!(verify_memory_proof(&proof, &root, &claims), Err(VerifyError::OtherRoot));
                // The label alone does not help: the nodes lead to another root.
                let mut relabelled = machine.state().prove(&claims).unwrap();
                relabelled.root = root;
                let verified = relabelled.verify(&root, &claims);
                assert!(matches!(verified, Err(VerifyError::Multiproof(_))), "{verified:?}");
                root[byte] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_proof_answers_its_claims_alone() {
    for (machine, claims) in short_proofs() {
        let proof = machine.state().prove(&claims).unwrap();
        let Claim { kind, address, length } = claims[0];
        let others = [
            vec![Claim { kind: kind ^ 1, ..claims[0] }],
            vec![Claim { address: address + 1, ..claims[0] }],
            vec![Claim { address: address ^ (1 << 32), ..claims[0] }],
            vec![Claim { length: length + 1, ..claims[0] }],
            vec![Claim { length: length.saturating_sub(1), address: address + 1, kind }],
            [&claims[..], &claims[..1]].concat(),
            claims[1..].to_vec(),
        ];
        for other in others {
            assert_eq!(proof.verify(&machine.root(), &other), Err(VerifyError::OtherClaims), "{claims:?}");
            // The label alone does not help: these claims have other leaves, or bytes that the leaves do not hold.
            let mut relabelled = proof.clone();
            relabelled.claims.clone_from(&other);
            match relabelled.verify(&machine.root(), &other) {
                Err(_) => {}
                Ok(proven) => {
                    let truths: Vec<Proven> = other.iter().map(|claim| truth(&machine, claim)).collect();
                    assert_eq!(proven, truths, "{other:?}: what is accepted is true");
                }
            }
        }
    }
}

#[test]
fn a_proof_of_the_state_before_a_call_does_not_hold_after_it() {
    let fixture = fixtures::named("counter");
    let mut machine = fixture.machine();
    let claims = [Claim::bytes(0x2_0000_0000, 8)];
    let before = (prove(&machine, &claims), machine.root());
    machine.call(&fixture.calls[0].call, &mut Console::default()).unwrap();
    assert_eq!(verify_memory_proof(&before.0, &machine.root(), &claims), Err(VerifyError::OtherRoot));
    let values = [(before.0, before.1, 0_u64), (prove(&machine, &claims), machine.root(), 1)];
    for (proof, root, value) in values {
        let proven = verify_memory_proof(&proof, &root, &claims).unwrap();
        assert_eq!(proven[0].bytes(), Some(&value.to_le_bytes()[..]));
    }
}

#[test]
fn a_balance_is_proven_where_the_token_says_that_it_lies() {
    let mut machine = fixtures::named("token").settled();
    for account in [0x01, 0x02, 0x03_u8] {
        let call = Call::new([&[3], &[account; 32][..]].concat(), 1_000_000);
        let settlement = machine.call(&call, &mut Console::default()).unwrap();
        let words: Vec<u64> =
            settlement.receipt.output.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word)).collect();
        let &[balance, address] = &words[..] else { panic!("a balance and its address: {words:?}") };
        assert_ne!(address, 0, "the account is known");
        // The account's name lies in the chunk before.
        let claims = [Claim::bytes(address, 8), Claim::bytes(address - 32, 32)];
        let proven = verify_memory_proof(&prove(&machine, &claims), &machine.root(), &claims).unwrap();
        assert_eq!(proven[0].bytes(), Some(&balance.to_le_bytes()[..]));
        assert_eq!(proven[1].bytes(), Some(&[account; 32][..]));
    }
}

#[test]
fn what_is_not_there_cannot_be_proven() {
    let machine = fixtures::named("counter").settled();
    let refused = |claim| machine.state().prove(&[claim]).unwrap_err();
    let absent = refused(Claim::bytes(0x9_0000_0000, 1));
    assert_eq!(absent, ProveError::Claim(ClaimError::RegionAbsent { region: 9 }));
    for (address, length) in [(0x2_0000_1000, 1), (0x2_0000_0fff, 2), (0x2_ffff_ffff, 1)] {
        let behind = refused(Claim::bytes(address, length));
        assert!(matches!(behind, ProveError::Claim(ClaimError::BeyondSize { region: 2, .. })), "{behind:?}");
    }
    for (address, length) in [(0x2_0000_0000, 0), (1 << 40, 1), (0x2_ffff_ffff, 2), (u64::MAX, u64::MAX)] {
        let malformed = refused(Claim::bytes(address, length));
        assert!(matches!(malformed, ProveError::Claim(_)), "{malformed:?}");
    }
}
