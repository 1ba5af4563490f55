//! Which tile a path names: the log in static pieces for bulk reading (c2sp.org/tlog-tiles).

/// Hashes, or entries, in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree between two levels of tiles.
pub(super) const TILE_HEIGHT: u32 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of complete subtrees of this level of the tree.
    Hashes(u32),
    /// Leaves, each after its length as two bytes, the larger first.
    Entries,
}

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Which one of its level, from 0.
    pub index: u64,
    /// How many: 256, or fewer at the right edge of the tree.
    pub width: u64,
}

impl Tile {
    /// Reads what follows `tile/`: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, with N as `x001/x234/067`.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, place) = path.split_once('/')?;
        let kind = match level {
            "entries" => TileKind::Entries,
            number => TileKind::Hashes(TILE_HEIGHT * u32::try_from(decimal(number).filter(|level| *level < 8)?).ok()?),
        };
        let (place, width) = match place.split_once(".p/") {
            Some((place, width)) => (place, decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (place, TILE_WIDTH),
        };
        Some(Self { kind, index: index(place)?, width })
    }

    /// Its first hash or entry among all of its level.
    pub fn start(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH)
    }

    /// Whether a tree of this size has all of it.
    pub fn is_in(&self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        self.start().checked_add(self.width).is_some_and(|end| end <= size >> level)
    }

    /// The path of a bundle of entries.
    pub fn entries_path(index: u64, width: u64) -> String {
        let mut groups = vec![format!("{:03}", index % 1_000)];
        let mut rest = index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        let partial = if width < TILE_WIDTH { format!(".p/{width}") } else { String::new() };
        format!("entries/{}{partial}", groups.join("/"))
    }
}

/// The entries of a bundle; None if it is cut or has something left over.
pub fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    bundle.is_empty().then_some(entries)
}

/// Groups of three digits; all but the last begin with `x`, and the first is not zero unless it is the only one.
fn index(place: &str) -> Option<u64> {
    let (upper, last) = place.rsplit_once('/').map_or((None, place), |(upper, last)| (Some(upper), last));
    let mut number = 0u64;
    for group in upper.into_iter().flat_map(|upper| upper.split('/')) {
        let digits = group.strip_prefix('x').and_then(three)?;
        if number == 0 && digits == 0 {
            return None;
        }
        number = number.checked_mul(1_000)?.checked_add(digits)?;
    }
    number.checked_mul(1_000)?.checked_add(three(last)?)
}

fn three(text: &str) -> Option<u64> {
    (text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
