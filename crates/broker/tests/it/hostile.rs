//! Peers that send garbage, too much, too slowly or nothing, many at once, and a disk that is full: others are served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest, MetadataRequest,
    ProduceRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use millstream_broker::{Broker, BrokerConfig};

use crate::crash::Process;
use crate::in_memory;

/// A connection without any cleverness.
struct Wire(TcpStream);

impl Wire {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        Self(stream)
    }

    fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let mut frame = BytesMut::new();
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        let header_version = ApiKey::try_from(R::KEY).expect("it is known").request_header_version(version);
        header.encode(&mut frame, header_version).expect("a header");
        request.encode(&mut frame, version).expect("a request");
        self.send(&frame);
        let mut body = self.receive().expect("an answer");
        ResponseHeader::decode(&mut body, R::Response::header_version(version)).expect("a header");
        R::Response::decode(&mut body, version).expect("a response")
    }

    fn send(&mut self, frame: &[u8]) {
        let mut framed = (frame.len() as u32).to_be_bytes().to_vec();
        framed.extend_from_slice(frame);
        self.0.write_all(&framed).expect("it is taken");
    }

    /// A frame; `None` when the broker closes.
    fn receive(&mut self) -> Option<Bytes> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(len) as usize];
        self.0.read_exact(&mut frame).ok()?;
        Some(frame.into())
    }

    /// Whether it is served.
    fn is_served(&mut self) -> bool {
        self.call(1, &MetadataRequest::default().with_topics(None)).brokers.len() == 1
    }
}

/// An uncompressed batch of one record with a value of this size.
fn batch(value_bytes: usize) -> Bytes {
    let mut record = BytesMut::new();
    record.put_slice(&[0, 0, 0, 1]); // no attributes, no deltas, a null key
    put_varint(&mut record, value_bytes as u64 * 2);
    record.put_bytes(b'v', value_bytes);
    record.put_u8(0);
    let mut batch = BytesMut::new();
    batch.put_bytes(0, 16);
    batch.put_i8(2);
    batch.put_u32(0);
    batch.put_i16(0);
    batch.put_i32(0);
    batch.put_i64(1);
    batch.put_i64(1);
    batch.put_i64(-1);
    batch.put_i16(-1);
    batch.put_i32(-1);
    batch.put_i32(1);
    put_varint(&mut batch, record.len() as u64 * 2);
    batch.put_slice(&record);
    let len = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&len.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.freeze()
}

fn put_varint(into: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        into.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    into.put_u8(value as u8);
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

fn produce(wire: &mut Wire, records: Bytes) -> i16 {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(1000).with_topic_data(vec![topic]);
    wire.call(9, &request).responses[0].partition_responses[0].error_code
}

fn create(wire: &mut Wire, settings: &[(&'static str, &'static str)]) {
    use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
    let configs = settings.iter().map(|(name, value)| {
        let value = Some(StrBytes::from_static_str(value));
        CreatableTopicConfig::default().with_name(StrBytes::from_static_str(name)).with_value(value)
    });
    let topic = CreatableTopic::default().with_name(name()).with_num_partitions(1).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic.with_configs(configs.collect())]);
    assert_eq!(wire.call(5, &request).topics[0].error_code, 0);
}

/// Bytes of records at offset 0, with time to wait for them.
fn fetch(wire: &mut Wire, (offset, wait_ms): (i64, i32)) -> (i16, usize) {
    let partition =
        FetchPartition::default().with_partition(0).with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_topics(vec![topic]);
    let answer = wire.call(11, &request);
    let partition = &answer.responses[0].partitions[0];
    (partition.error_code, partition.records.as_ref().map_or(0, Bytes::len))
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_the_connection_that_sent_it_and_nothing_else() {
    let broker = in_memory().await;
    let address = broker.address().to_string();
    let served = tokio::task::spawn_blocking(move || {
        let mut good = Wire::connect(&address);
        // A simple generator: the same garbage in every run.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..2000 {
            let mut bad = Wire::connect(&address);
            let mut frame: Vec<u8> = (0..random() % 300).map(|_| random() as u8).collect();
            if round % 2 == 0 && frame.len() > 8 {
                // As if it were a request: the key and the version of one that is served.
                frame[..4].copy_from_slice(&[0, (random() % 76) as u8, 0, (random() % 14) as u8]);
                let end = frame.len().min(10);
                frame[8..end].fill(0xff);
            }
            bad.send(&frame);
            bad.0.shutdown(std::net::Shutdown::Write).expect("it is open");
            // An answer or the end, but no waiting.
            while bad.receive().is_some() {}
        }
        good.is_served()
    });
    assert!(served.await.expect("no panic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_lengths_and_counts_are_refused_before_anything_is_allocated() {
    let broker = in_memory().await;
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        for len in [i32::MAX, -1, 0, 7, 200 << 20] {
            let mut wire = Wire::connect(&address);
            wire.0.write_all(&len.to_be_bytes()).expect("it is taken");
            assert!(wire.receive().is_none(), "length {len}");
        }
        // Metadata version 1 that says it names two billion topics.
        let mut wire = Wire::connect(&address);
        let mut frame = BytesMut::new();
        frame.put_slice(&[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff]);
        frame.put_i32(i32::MAX);
        wire.send(&frame);
        assert!(wire.receive().is_none());
        assert!(Wire::connect(&address).is_served());
    });
    check.await.expect("all is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_requests_and_readers_that_do_not_read_hold_up_nobody() {
    let broker = in_memory().await;
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        let mut good = Wire::connect(&address);
        create(&mut good, &[]);
        for _ in 0..50 {
            assert_eq!(produce(&mut good, batch(1_000_000)), 0);
        }
        let mut held = Vec::new();
        for _ in 0..50 {
            // A request of 100 MB that does not come, and one whose answer is not taken.
            let mut slow = Wire::connect(&address);
            slow.0.write_all(&(100_i32 << 20).to_be_bytes()).expect("it is taken");
            held.push(slow);
        }
        for _ in 0..20 {
            let mut deaf = Wire::connect(&address);
            let partition = FetchPartition::default().with_partition_max_bytes(50 << 20);
            let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
            let request = FetchRequest::default().with_max_bytes(50 << 20).with_topics(vec![topic]);
            let mut frame = BytesMut::new();
            frame.put_slice(&[0, 1, 0, 11, 0, 0, 0, 1, 0xff, 0xff]);
            request.encode(&mut frame, 11).expect("a request");
            deaf.send(&frame);
            held.push(deaf);
        }
        assert_eq!(fetch(&mut good, (0, 100)).0, 0);
        assert_eq!(produce(&mut good, batch(10)), 0);
        assert!(Wire::connect(&address).is_served());
        drop(held);
    });
    check.await.expect("others are served");
}

#[test]
fn a_thousand_connections_are_served() {
    let broker = Process::start("ulimit -n 4096 || exit 1;", &[]);
    let mut clients: Vec<Wire> = (0..400).map(|_| Wire::connect(&broker.address)).collect();
    // The other six hundred are of a process of their own, for this one may have no more open.
    let script =
        "ulimit -n 4096; for i in $(seq 600); do exec {fd}<>/dev/tcp/${0/://} || exit 1; done; echo there; read _";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, &broker.address]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut others = command.spawn().expect("bash can be run");
    let mut there = [0; 6];
    others.stdout.take().expect("piped").read_exact(&mut there).expect("all are connected");
    assert_eq!(&there, b"there\n");
    assert!(clients.iter_mut().all(Wire::is_served));
    others.kill().expect("it runs");
    others.wait().expect("it was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let config = BrokerConfig { max_connections: 2, ..BrokerConfig::default() };
    let broker = Broker::start(config).await.expect("a free port");
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        let mut first = Wire::connect(&address);
        let mut second = Wire::connect(&address);
        assert!(first.is_served() && second.is_served());
        assert!(Wire::connect(&address).receive().is_none());
        drop(first);
        // Room is there when the broker has seen the end of the first.
        let mut again = (0..1000).map(|_| Wire::connect(&address));
        assert!(again.any(|mut wire| {
            wire.send(&[0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
            wire.receive().is_some()
        }));
        assert!(second.is_served());
    });
    check.await.expect("the limit holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_is_told_as_an_error_that_clients_retry() {
    let broker =
        Broker::start(BrokerConfig { memory_limit: 4 << 20, ..BrokerConfig::default() }).await.expect("a port");
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(&address);
        create(&mut wire, &[]);
        let codes: Vec<i16> = (0..50).map(|_| produce(&mut wire, batch(100_000))).collect();
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 41, "4 MiB of batches of 100 kB");
        assert!(codes[41..].iter().all(|code| *code == ResponseError::KafkaStorageError.code()));
        assert_eq!(fetch(&mut wire, (0, 0)).0, 0, "readers are served");
    });
    check.await.expect("it is refused");
    assert!(broker.memory_bytes() <= 4 << 20);
}

#[test]
fn a_full_disk_refuses_records_and_takes_them_again_when_there_is_room() {
    let data = tempfile::tempdir().expect("a folder");
    // No file may grow beyond 1 MiB: to the broker that is a disk without room.
    let limits = "trap '' XFSZ; ulimit -f 1024;";
    let arguments = [format!("data={}", data.path().display())];
    let broker = Process::start(limits, &arguments);
    let mut wire = Wire::connect(&broker.address);
    create(&mut wire, &[]);
    let codes: Vec<i16> = (0..20).map(|_| produce(&mut wire, batch(100_000))).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 10, "1 MiB of batches of 100 kB");
    assert!(codes[10..].iter().all(|code| *code == ResponseError::KafkaStorageError.code()));
    assert_eq!(produce(&mut wire, batch(10)), 0, "a small one fits");
    assert!(fetch(&mut wire, (0, 0)).1 > 0);
    let partition = DeleteRecordsPartition::default().with_offset(-1);
    let topic = DeleteRecordsTopic::default().with_name(name()).with_partitions(vec![partition]);
    let deleted = wire.call(1, &DeleteRecordsRequest::default().with_topics(vec![topic]));
    assert_eq!(deleted.topics[0].partitions[0].low_watermark, 11);
    assert_eq!(produce(&mut wire, batch(100_000)), 0, "there is room again");
    broker.kill();
    let broker = Process::start("", &arguments);
    let mut wire = Wire::connect(&broker.address);
    assert_eq!(fetch(&mut wire, (11, 0)), (0, batch(100_000).len()));
}

/// On a broker with one thread for connections: how many requests of another client are answered between this request
/// and its answer.
async fn answered_meanwhile(data: &std::path::Path, request: impl Fn(&mut Wire) + Send + 'static) -> usize {
    let config = BrokerConfig { data: Some(data.to_owned()), ..BrokerConfig::default() };
    let broker = Broker::start(config).await.expect("a port");
    let address = broker.address().to_string();
    let counted = tokio::task::spawn_blocking(move || {
        let mut other = Wire::connect(&address);
        assert!(other.is_served());
        let busy = std::thread::spawn(move || request(&mut Wire::connect(&address)));
        let mut answered = 0;
        while !busy.is_finished() {
            assert!(other.is_served());
            answered += 1;
        }
        busy.join().expect("it is answered");
        answered
    });
    let counted = counted.await.expect("others are answered");
    broker.shutdown().await;
    counted
}

#[tokio::test]
async fn others_are_answered_while_thousands_of_partitions_are_made_and_removed() {
    const PARTITIONS: i32 = 5000;
    let data = tempfile::tempdir().expect("a folder");
    let made = answered_meanwhile(data.path(), |wire| {
        let topic =
            CreatableTopic::default().with_name(name()).with_num_partitions(PARTITIONS).with_replication_factor(1);
        let made = wire.call(5, &CreateTopicsRequest::default().with_topics(vec![topic]));
        assert_eq!(made.topics[0].error_code, 0);
    })
    .await;
    assert!(made > 20, "{made} requests were answered");
    let removed = answered_meanwhile(data.path(), |wire| {
        let removed = wire.call(4, &DeleteTopicsRequest::default().with_topic_names(vec![name()]));
        assert_eq!(removed.responses[0].error_code, 0);
    })
    .await;
    assert!(removed > 20, "{removed} requests were answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_broken_inside_is_refused_and_the_next_one_is_not() {
    let broker = in_memory().await;
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(&address);
        create(&mut wire, &[]);
        let mut broken = BytesMut::from(&batch(10)[..]);
        broken[22] |= 1; // says that it is gzip
        let crc = crc32c::crc32c(&broken[21..]);
        broken[17..21].copy_from_slice(&crc.to_be_bytes());
        // Kafka's answer to what its codecs cannot read.
        assert_eq!(produce(&mut wire, broken.freeze()), ResponseError::UnknownServerError.code());
        let good = batch(10);
        assert_eq!(produce(&mut wire, good.clone()), 0);
        assert_eq!(fetch(&mut wire, (0, 0)), (0, good.len()));
    });
    check.await.expect("it is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_fetch_is_answered_when_something_comes() {
    let broker = in_memory().await;
    let address = broker.address().to_string();
    let check = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(&address);
        create(&mut wire, &[]);
        let reader = std::thread::spawn(move || fetch(&mut Wire::connect(&address), (0, 50_000)));
        let records = batch(10);
        assert_eq!(produce(&mut wire, records.clone()), 0);
        assert_eq!(reader.join().expect("no panic"), (0, records.len()));
        let asked = MetadataRequestTopic::default().with_name(Some(name()));
        let known = wire.call(4, &MetadataRequest::default().with_topics(Some(vec![asked])));
        assert_eq!(known.topics[0].partitions.len(), 1);
    });
    check.await.expect("it is woken");
}
