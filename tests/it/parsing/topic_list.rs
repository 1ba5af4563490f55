//! The list of topics: one for each hashtag, none for a strange one, and none that tells a special category.

use sayso::ingest::Topics;

use super::topics;

#[test]
fn a_hashtag_counts_for_its_one_topic_and_a_strange_one_for_none() {
    let topics = topics();
    for same in ["#Rust", "rust", "RUSTLANG", " #programming "] {
        assert_eq!(topics.of(same).unwrap().as_str(), "programming");
    }
    assert_eq!(topics.of("#FUSSBALL"), topics.of("soccer"));
    assert_eq!(topics.of("#tuesday"), None);
    let of = |tag: &str| topics.of(tag).unwrap();
    assert_eq!(topics.counted(&[of("jazz"), of("chess")]).as_str(), "music");
    assert_eq!(topics.counted(&[]).as_str(), "general");
}

#[test]
fn no_topic_tells_a_special_category() {
    let list = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/topics.toml"));
    let deny = "health fitness yoga diet vegan mental illness disab autis adhd cancer pregnan therap sober religi church \
        christ catholic muslim islam jewish hindu buddh atheis prayer bible quran politic politik democrat \
        republican election socialis climate protest activis feminis palestin lgbt queer gender lesbian bisexual \
        ethnic racis refugee migra strike gewerkschaft laborunion berlin london paris newyork";
    let entries: String = list.lines().filter(|line| !line.starts_with('#')).collect();
    for word in deny.split(' ') {
        assert!(!entries.to_lowercase().contains(word), "{word}");
    }
    let count = entries.matches(" = [").count();
    assert!((40..=60).contains(&count), "{count} topics");
    for word in ["mentalhealth", "islam", "Socialism", "gay", "pride-trans", "Gewerkschaft", "race"] {
        assert!(Topics::load(&format!("[topics]\nfun = [\"{word}\"]")).is_err(), "{word}");
    }
    for wrong in [
        "",
        "topics = 1",
        "[topics]\nGOLF = []",
        "[topics]\ngeneral = []",
        "[topics]\na = [\" \"]",
        "[topics]\na = [\"b\"]\nb = []",
        "[topics]\n[x]",
    ] {
        assert!(Topics::load(wrong).is_err(), "{wrong}");
    }
}
