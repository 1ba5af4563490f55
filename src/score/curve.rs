//! When a score is published, and the familiar 1 to 100.

use serde::Serialize;

use super::Attention;

/// How many people must have responded in the window before a score is published.
pub const RESPONDERS_MIN: usize = 5;
/// In how many weeks of the window they must have.
pub const WEEKS_MIN: usize = 4;

/// `floor(50_000 * 2^(k/8))` for k = 0 to 98, in micro-attentions a week. Eight steps double it; 1 is less than a
/// twentieth of one whole attention, 100 is 243 of them or more.
///
/// The formula fixes 99 thresholds and not where k begins; it begins at 0, so that the first one is the 50,000 itself.
#[rustfmt::skip]
pub const THRESHOLDS: [i64; 99] = [
    50_000, 54_525, 59_460, 64_841, 70_710, 77_110, 84_089, 91_700, 100_000, 109_050, 118_920, 129_683, 141_421,
    154_221, 168_179, 183_400, 200_000, 218_101, 237_841, 259_367, 282_842, 308_442, 336_358, 366_801, 400_000, 436_203,
    475_682, 518_735, 565_685, 616_884, 672_717, 733_603, 800_000, 872_406, 951_365, 1_037_471, 1_131_370, 1_233_768,
    1_345_434, 1_467_206, 1_600_000, 1_744_812, 1_902_731, 2_074_943, 2_262_741, 2_467_537, 2_690_868, 2_934_412,
    3_200_000, 3_489_624, 3_805_462, 4_149_886, 4_525_483, 4_935_074, 5_381_737, 5_868_825, 6_400_000, 6_979_249,
    7_610_925, 8_299_773, 9_050_966, 9_870_149, 10_763_474, 11_737_651, 12_800_000, 13_958_498, 15_221_851, 16_599_546,
    18_101_933, 19_740_298, 21_526_948, 23_475_303, 25_600_000, 27_916_997, 30_443_702, 33_199_092, 36_203_867,
    39_480_597, 43_053_896, 46_950_607, 51_200_000, 55_833_995, 60_887_404, 66_398_185, 72_407_734, 78_961_194,
    86_107_792, 93_901_214, 102_400_000, 111_667_991, 121_774_808, 132_796_370, 144_815_468, 157_922_388, 172_215_585,
    187_802_428, 204_800_000, 223_335_983, 243_549_617,
];

/// What may be said about a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Verdict {
    /// Enough people in enough weeks.
    Scored {
        /// The familiar value, 1 to 100.
        value: u8,
        /// The attention, in micro-attentions a week.
        micro: i64,
    },
    /// Too few people or weeks: no number at all.
    InsufficientData,
}

/// Decides whether there is a score, and gives it.
pub fn publish(attention: &Attention) -> Verdict {
    if attention.responders < RESPONDERS_MIN || attention.weeks < WEEKS_MIN {
        return Verdict::InsufficientData;
    }
    let micro = attention.micro();
    Verdict::Scored { value: value(micro), micro }
}

/// The familiar value of an attention: one more than the number of thresholds that it reaches.
pub fn value(micro: i64) -> u8 {
    1 + THRESHOLDS.iter().map(|threshold| u8::from(*threshold <= micro)).sum::<u8>()
}
