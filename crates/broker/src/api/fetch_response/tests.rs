use bytes::{Buf, Bytes};
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::protocol::Decodable;
use uuid::Uuid;

use super::{PartitionAnswer, put_fetch_response};
use crate::fetch_session::TopicKey;
use crate::log::Aborted;
use crate::response::{Response, Slice};

fn answer(topic: TopicKey, partition: i32) -> PartitionAnswer {
    PartitionAnswer {
        topic,
        partition,
        error: None,
        high_watermark: 300,
        last_stable_offset: 200,
        start_offset: 100,
        aborted: Some(vec![Aborted { producer_id: 8, first_offset: 150, last_offset: 160 }]),
        slices: vec![Slice::Memory(Bytes::from_static(b"abc")), Slice::Memory(Bytes::from_static(b"de"))],
        bytes: 5,
    }
}

/// What `kafka-protocol` reads is what was written, in every version.
#[tokio::test]
async fn the_generated_messages_read_it() {
    for version in 4..=17 {
        let topic = |name: &str, id| match version {
            13.. => TopicKey::Id(Uuid::from_u128(id)),
            _ => TopicKey::Name(name.to_owned()),
        };
        let answers = vec![answer(topic("a", 1), 0), answer(topic("a", 1), 1), answer(topic("b", 2), 0)];
        let mut response = Response::default();
        put_fetch_response(&mut response, version, (0, 77), answers);
        let mut written = Vec::new();
        response.write_to(&mut written).await.expect("memory");
        let mut bytes = Bytes::from(written);
        bytes.advance(4);
        let read = FetchResponse::decode(&mut bytes, version).unwrap_or_else(|error| panic!("v{version}: {error}"));
        assert!(bytes.is_empty(), "v{version}");
        assert_eq!(read.session_id, if version >= 7 { 77 } else { 0 });
        let partitions: Vec<usize> = read.responses.iter().map(|topic| topic.partitions.len()).collect();
        assert_eq!(partitions, [2, 1], "v{version}");
        for partition in read.responses.iter().flat_map(|topic| &topic.partitions) {
            assert_eq!((partition.high_watermark, partition.last_stable_offset), (300, 200));
            assert_eq!(partition.records.as_deref(), Some(&b"abcde"[..]), "v{version}");
            let aborted = partition.aborted_transactions.as_ref().expect("they are listed");
            assert_eq!((aborted[0].producer_id.0, aborted[0].first_offset), (8, 150));
        }
    }
}
