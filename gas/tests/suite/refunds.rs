//! Refunds against a twin that keeps a stack of planes, each with what was paid for it.

use proptest::prelude::*;
use travertine_gas::{Operation, PlaneKind, REFUND_QUOTIENT, Refunds, Schedule};

/// The call grows or shrinks the planes of a kind, or does something else.
#[derive(Debug, Clone)]
enum Step {
    Grow(PlaneKind, u64),
    Release(PlaneKind, u64),
    Spend(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = || prop::sample::select(PlaneKind::ALL.to_vec());
    let step = prop_oneof![
        (kind(), 1_u64..40).prop_map(|(kind, planes)| Step::Grow(kind, planes)),
        (kind(), 1_u64..40).prop_map(|(kind, planes)| Step::Release(kind, planes)),
        (1_u64..50_000).prop_map(Step::Spend),
    ];
    prop::collection::vec(step, 1..60)
}

/// A call: what it used, its refunds, and for each kind the planes with what this call paid for them.
#[derive(Debug, Clone)]
struct CallTwin {
    schedule: Schedule,
    used: u64,
    refunds: Refunds,
    paid: [Vec<u64>; PlaneKind::ALL.len()],
    counter: u64,
}

impl CallTwin {
    fn new(schedule: Schedule, planes: usize) -> Self {
        let paid = std::array::from_fn(|_| vec![0; planes]);
        Self { schedule, used: 0, refunds: Refunds::default(), paid, counter: 0 }
    }

    fn planes(&self, kind: PlaneKind) -> u64 {
        self.paid[kind as usize].len() as u64
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Spend(gas) => self.used += gas,
            Step::Grow(kind, planes) => {
                let before = self.planes(kind);
                let operation = Operation::Allocate {
                    bytes: 0,
                    kind,
                    planes_before: before,
                    planes_after: before + planes,
                    extra_planes: 0,
                    further_regions: 0,
                };
                self.used += self.schedule.cost(&operation).total().expect("it is below 2^64");
                self.refunds.planes_changed(&self.schedule, kind, before, before + planes);
                let each =
                    (before..before + planes).map(|plane| self.schedule.growth(kind, plane, plane + 1));
                let each: Vec<u64> = each.collect();
                self.paid[kind as usize].extend(each);
            }
            Step::Release(kind, planes) => {
                let operation = Operation::Free { pages: 0, resident_pages: 0 };
                self.used += self.schedule.cost(&operation).total().expect("it is below 2^64");
                let before = self.planes(kind);
                let stack = &mut self.paid[kind as usize];
                let released = (0..planes).map_while(|_| stack.pop());
                self.counter += released.sum::<u64>() / 2;
                self.refunds.planes_changed(&self.schedule, kind, before, self.planes(kind));
            }
        }
    }

    fn apply_all(&mut self, steps: &[Step]) {
        for step in steps {
            self.apply(step);
        }
    }

    fn net(&self) -> u64 {
        self.used - self.refunds.payable(self.used)
    }

    /// What the call could still be credited, at most, in half gas.
    fn outstanding(&self) -> u64 {
        self.paid.iter().flatten().sum()
    }

    /// Twice what the call costs after its best possible credit.
    fn score(&self) -> u64 {
        2 * self.used - 2 * self.counter - self.outstanding()
    }

    fn all_planes(&self) -> [u64; PlaneKind::ALL.len()] {
        PlaneKind::ALL.map(|kind| self.planes(kind))
    }

    /// Goes back to these planes.
    fn restore(&mut self, planes: [u64; PlaneKind::ALL.len()]) {
        for (kind, planes) in PlaneKind::ALL.into_iter().zip(planes) {
            let now = self.planes(kind);
            if now > planes {
                self.apply(&Step::Release(kind, now - planes));
            } else if now < planes {
                self.apply(&Step::Grow(kind, planes - now));
            }
        }
    }
}

/// Prices of growth up to absurd ones.
fn schedules() -> impl Strategy<Value = Schedule> {
    (0_u64..1 << 20, 0_u64..1 << 20).prop_map(|(plane, square)| Schedule {
        heap_plane: plane,
        heap_plane_square_1024ths: square,
        ..Schedule::default()
    })
}

proptest! {
    #[test]
    fn the_counter_is_half_of_what_was_paid_for_the_planes(schedule in schedules(), start in 0_usize..50, steps in steps()) {
        let mut call = CallTwin::new(schedule, start);
        for step in &steps {
            let (used, score) = (call.used, call.score());
            call.apply(step);
            prop_assert_eq!(call.refunds.counter(), call.counter);
            prop_assert!(call.used > used, "nothing is free");
            prop_assert!(call.counter * 2 + call.outstanding() <= call.used, "no more is credited than half of what was paid");
            prop_assert!(call.score() > score, "less its best credit, every step costs");
            prop_assert!(call.refunds.payable(call.used) <= call.used / REFUND_QUOTIENT);
            prop_assert!(call.net() >= call.used - call.used / REFUND_QUOTIENT);
        }
    }

    /// A sequence after which the call has the planes it had before makes it dearer, wherever it stands in the call.
    #[test]
    fn no_round_trip_lowers_the_cost_of_a_call(
        schedule in schedules(),
        start in 0_usize..50,
        before in steps(),
        trip in steps(),
        after in steps(),
    ) {
        let mut plain = CallTwin::new(schedule, start);
        plain.apply_all(&before);
        let mut detour = plain.clone();
        detour.apply_all(&trip);
        detour.restore(plain.all_planes());
        prop_assert!(detour.net() >= plain.net(), "{} < {}", detour.net(), plain.net());
        for step in &after {
            plain.apply(step);
            detour.apply(step);
            prop_assert!(detour.net() >= plain.net(), "{} < {}", detour.net(), plain.net());
        }
    }
}

#[test]
fn planes_that_were_there_before_the_call_are_not_refunded() {
    let schedule = Schedule::default();
    let mut refunds = Refunds::default();
    refunds.planes_changed(&schedule, PlaneKind::Heap, 10, 4);
    assert_eq!(refunds.counter(), 0);
    refunds.planes_changed(&schedule, PlaneKind::Heap, 4, 6);
    refunds.planes_changed(&schedule, PlaneKind::Heap, 6, 0);
    assert_eq!(refunds.counter(), schedule.growth(PlaneKind::Heap, 4, 6) / 2);
    assert_eq!((refunds.payable(10), refunds.payable(u64::MAX)), (2, refunds.counter()));
}
