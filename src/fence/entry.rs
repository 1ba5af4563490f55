//! What the gate looks at of one person for one triple, in eight bytes.

use crate::domain::{Adult, Assurance, Micros};
use crate::gate::Projection;

const END_BITS: u32 = 42;
const NOTICE_BITS: u32 = 14;
const END_MAX: u64 = (1 << END_BITS) - 1;
const NOTICE_MAX: u64 = (1 << NOTICE_BITS) - 1;
const MICROS_PER_MILLI: i64 = 1000;

/// From the lowest bit: the end of the grant in milliseconds since 1970, rounded down (42 bits, to the year 2109); the version of the
/// notice (14); whether 18 or over (2); how that is known (2); erased, held, opted out, said to be a child (1 each). A grant never ended at
/// the very beginning of 1970: that is nobody's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u64);

const ADULTS: [Adult; 3] = [Adult::Unknown, Adult::Yes, Adult::No];

impl Entry {
    /// Of whoever is not in the table: read by the same work as everybody's (G12).
    pub(super) const NOBODY: Self = Self(0);

    /// Nothing where there is no grant, or one on a notice of a version that does not fit: whoever is not in the table is denied.
    pub(super) fn of(person: &Projection) -> Option<Self> {
        let (notice, end) = person.grant?;
        let notice = u64::try_from(notice).ok().filter(|notice| *notice <= NOTICE_MAX)?;
        let end = u64::try_from(end.0.div_euclid(MICROS_PER_MILLI)).unwrap_or_default().min(END_MAX);
        let adult = ADULTS.iter().position(|one| *one == person.adult)?;
        let assurance = Assurance::ALL.iter().position(|one| *one == person.assurance)?;
        let mut bits = end | notice << END_BITS;
        let mut place = END_BITS + NOTICE_BITS;
        for (value, width) in [(adult, 2), (assurance, 2)] {
            bits |= u64::try_from(value).ok()? << place;
            place += width;
        }
        for flag in [person.erased, person.held, person.suppressed, person.latched] {
            bits |= u64::from(flag) << place;
            place += 1;
        }
        Some(Self(bits))
    }

    /// What it says. A value that nobody wrote is read as of nobody.
    #[inline]
    pub(super) fn projection(self) -> Projection {
        let part = |from: u32, mask: u64| self.0 >> from & mask;
        let flag = |place: u32| part(place, 1) != 0;
        let kind = |from: u32| usize::try_from(part(from, 3)).unwrap_or(usize::MAX);
        let (Some(adult), Some(assurance)) = (ADULTS.get(kind(56)), Assurance::ALL.get(kind(58))) else {
            return Projection::NOBODY;
        };
        let notice = i64::try_from(part(END_BITS, NOTICE_MAX)).unwrap_or_default();
        let end = i64::try_from(part(0, END_MAX)).unwrap_or_default() * MICROS_PER_MILLI;
        Projection {
            erased: flag(60),
            held: flag(61),
            suppressed: flag(62),
            latched: flag(63),
            adult: *adult,
            assurance: *assurance,
            grant: (end > 0).then_some((notice, Micros(end))),
        }
    }
}
