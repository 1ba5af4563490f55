//! Which tile a path names (C2SP tlog-tiles), and what a bundle of entries holds.

use sayso::log::{Tile, TileKind, entries};

fn tile(kind: TileKind, index: u64, width: u64) -> Tile {
    Tile { kind, index, width }
}

#[test]
fn a_path_names_one_tile_and_only_in_one_spelling() {
    use TileKind::{Entries, Hashes};
    for (path, expected) in [
        ("0/000", tile(Hashes(0), 0, 256)),
        ("0/067", tile(Hashes(0), 67, 256)),
        ("1/x001/067", tile(Hashes(8), 1_067, 256)),
        ("7/x001/x234/067", tile(Hashes(56), 1_234_067, 256)),
        ("2/000.p/1", tile(Hashes(16), 0, 1)),
        ("entries/x001/234.p/255", tile(Entries, 1_234, 255)),
    ] {
        assert_eq!(Tile::parse(path), Some(expected), "{path}");
    }
    for path in [
        "",
        "0",
        "0/",
        "/000",
        "8/000",
        "63/000",
        "00/000",
        "-1/000",
        "a/000",
        "0/0",
        "0/00",
        "0/0000",
        "0/x000",
        "0/x000/001",
        "0/001/002",
        "0/x001/x002",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "0/000.p",
        "0/000.p/1/2",
        "entries",
        "entries/",
        "Entries/000",
        "0/../000",
        "0/ 00",
        "0/00\u{661}",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(Tile::parse(path), None, "{path}");
    }
    for index in [0, 1, 999, 1_000, 1_234_067, 999_999_999] {
        for width in [1, 255, 256] {
            assert_eq!(Tile::parse(&Tile::entries_path(index, width)), Some(tile(Entries, index, width)));
        }
    }
}

/// The example of the specification: a tree of 70,000.
#[test]
fn a_tree_has_the_tiles_that_its_size_gives() {
    let has = |path: &str| Tile::parse(path).unwrap().is_in(70_000);
    for path in ["0/000", "0/272", "0/273.p/112", "0/273.p/1", "1/000", "1/001.p/17", "2/000.p/1", "entries/273.p/112"]
    {
        assert!(has(path), "{path}");
    }
    for path in ["0/273", "0/273.p/113", "0/274.p/1", "1/001", "1/001.p/18", "2/000", "2/000.p/2", "3/000.p/1"] {
        assert!(!has(path), "{path}");
    }
}

#[test]
fn a_bundle_is_read_whole_or_not_at_all() {
    let bundle = [&[0, 2][..], b"ab", &[0, 0], &[0, 1], b"c"].concat();
    assert_eq!(entries(&bundle), Some(vec![&b"ab"[..], b"", b"c"]));
    assert_eq!(entries(&[]), Some(vec![]));
    for end in 1..bundle.len() {
        let whole = [4, 6].contains(&end);
        assert_eq!(entries(&bundle[..end]).is_some(), whole, "{end}");
    }
}
