use bytes::BytesMut;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchResponse as Generated, ProducerId, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};
use proptest::prelude::{ProptestConfig, any, proptest};
use uuid::Uuid;

use super::{TopicKey, VERSIONS, parse};

/// A response as the generated types write it.
fn encoded(version: i16) -> Vec<u8> {
    let partition = |index: i32, records: &'static [u8]| {
        PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(50)
            .with_last_stable_offset(40)
            .with_log_start_offset(3)
            .with_records(Some(bytes::Bytes::from_static(records)))
    };
    let eventful = partition(7, b"")
        .with_error_code(6)
        .with_aborted_transactions(Some(vec![
            AbortedTransaction::default().with_producer_id(ProducerId(9)).with_first_offset(11),
        ]))
        .with_diverging_epoch(EpochEndOffset::default().with_epoch(2).with_end_offset(33))
        .with_current_leader(LeaderIdAndEpoch::default().with_leader_id(BrokerId(5)).with_leader_epoch(8));
    let mut topic = FetchableTopicResponse::default().with_partitions(vec![partition(0, b"records"), eventful]);
    if version >= 13 {
        topic = topic.with_topic_id(Uuid::from_u128(77));
    } else {
        topic = topic.with_topic(TopicName(StrBytes::from_static_str("topic")));
    }
    let mut response = Generated::default().with_throttle_time_ms(12).with_responses(vec![topic]);
    if version >= 16 {
        response = response.with_node_endpoints(vec![NodeEndpoint::default().with_port(1)]);
    }
    let mut bytes = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(4);
    header.encode(&mut bytes, Generated::header_version(version)).expect("encodes");
    response.encode(&mut bytes, version).expect("encodes");
    bytes.to_vec()
}

#[test]
fn reads_what_the_generated_types_write() {
    for version in VERSIONS {
        let bytes = encoded(version);
        let response = parse(&bytes, version).expect("valid");
        assert_eq!((response.correlation_id, response.throttle_ms, response.error_code), (4, 12, 0));
        let [quiet, eventful] = &response.partitions[..] else { panic!("{response:?}") };
        match &quiet.topic {
            TopicKey::Name(name) => assert_eq!((version, &bytes[name.clone()]), (12, &b"topic"[..])),
            TopicKey::Id(id) => assert_eq!(*id, Uuid::from_u128(77)),
        }
        assert_eq!((quiet.partition, quiet.error_code, &bytes[quiet.records.clone()]), (0, 0, &b"records"[..]));
        assert_eq!((quiet.high_watermark, quiet.last_stable_offset, quiet.log_start_offset), (50, 40, 3));
        assert_eq!((quiet.diverging, quiet.current_leader), (None, None));
        assert_eq!((eventful.partition, eventful.error_code, eventful.records.len()), (7, 6, 0));
        assert_eq!(eventful.aborted, [(9, 11)]);
        assert_eq!((eventful.diverging, eventful.current_leader), (Some((2, 33)), Some((5, 8))));
    }
}

#[test]
fn a_cut_off_response_is_an_error() {
    for version in VERSIONS {
        let bytes = encoded(version);
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end], version).is_err(), "version {version}, {end} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bad_bytes_never_panic(changes in proptest::collection::vec((0usize..200, any::<u8>()), 1..6), version in 12i16..18) {
        let mut bytes = encoded(version);
        for (at, byte) in changes {
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
        }
        if let Ok(response) = parse(&bytes, version) {
            for partition in response.partitions {
                assert!(partition.records.end <= bytes.len());
            }
        }
    }
}
