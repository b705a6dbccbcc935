use super::{Partitioner, STICKY_BYTES, Sticky, murmur2, partition_of_key};

/// `org.apache.kafka.common.utils.Utils.murmur2` of Kafka 4.1 over bytes `37 * i + n` (for each length n) and over
/// texts.
#[test]
fn hashes_are_javas() {
    let lengths: [(usize, i32); 13] = [
        (0, 275_646_681),
        (1, 2_107_329_057),
        (2, 1_530_498_665),
        (3, -1_458_687_312),
        (4, 815_521_101),
        (5, 2_137_081_352),
        (7, 1_493_617_308),
        (8, 1_563_689_155),
        (15, 586_895_152),
        (16, -1_192_370_182),
        (21, -766_806_064),
        (33, 1_585_484_211),
        (100, 522_950_542),
    ];
    for (len, wanted) in lengths {
        let bytes: Vec<u8> = (0..len).map(|index| (index * 37 + len) as u8).collect();
        assert_eq!(murmur2(&bytes) as i32, wanted, "{len} bytes");
    }
    let texts = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ];
    for (text, wanted) in texts {
        assert_eq!(murmur2(text.as_bytes()) as i32, wanted, "{text}");
        assert_eq!(partition_of_key(text.as_bytes(), 7), (wanted & 0x7fff_ffff) % 7);
    }
}

#[test]
fn records_without_a_key_stay_until_a_batch_is_full() {
    let mut sticky = Sticky::new(42);
    let idle = || [Some(0); 8].into_iter();
    let mut taken = [0; 8];
    for _ in 0..800 {
        let first = sticky.partition(STICKY_BYTES / 4, idle());
        for _ in 0..3 {
            assert_eq!(sticky.partition(STICKY_BYTES / 4, idle()), first);
        }
        taken[first as usize] += 1;
    }
    // 100 each by chance; one in a million would lie outside of this.
    assert!(taken.iter().all(|&count| (50..160).contains(&count)), "{taken:?}");
}

#[test]
fn long_queues_and_missing_leaders_are_avoided() {
    let mut sticky = Sticky::new(7);
    let mut taken = [0; 3];
    for _ in 0..1000 {
        // Weights 10, none, 1.
        let loads = [Some(0), None, Some(9 * STICKY_BYTES)];
        taken[sticky.partition(STICKY_BYTES, loads.into_iter()) as usize] += 1;
    }
    assert_eq!(taken[1], 0);
    assert!((850..970).contains(&taken[0]), "{taken:?}");
    // With no leader at all any will do.
    assert!(sticky.partition(1, [None, None].into_iter()) < 2);
}

#[test]
fn a_topic_that_shrank_is_drawn_anew() {
    let mut sticky = Sticky::new(1);
    while sticky.partition(STICKY_BYTES, [Some(0); 4].into_iter()) < 2 {}
    assert!(sticky.partition(1, [Some(0); 2].into_iter()) < 2);
    let turns: Vec<_> = (0..5).map(|_| sticky.round_robin(3)).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1]);
}

#[test]
fn javas_classes_are_known_by_name() {
    let mut partitioner = Partitioner::default();
    partitioner.set_class("org.apache.kafka.clients.producer.RoundRobinPartitioner").expect("known");
    assert!(partitioner.is_round_robin);
    assert!(partitioner.set_class("com.example.Mine").is_err());
}
