use arrow::array::{ArrayRef, RecordBatch, StringArray};
use millstream_testing::sink_config;

use super::*;

/// A sink that a query has opened, as far as errors are concerned.
fn opened(option: Option<(&str, &str)>) -> ExactlyOnceSink {
    let options = [("kafka.bootstrap.servers", "a:1"), ("topic", "t"), ("delivery.guarantee", "exactly-once")];
    let options: Vec<_> = options.into_iter().chain(option).collect();
    let column: ArrayRef = Arc::new(StringArray::from(vec!["v"]));
    let schema = RecordBatch::try_from_iter([("value", column)]).expect("a column").schema();
    let config = sink_config(schema, &options);
    let options = SinkOptions::parse(&config.options).expect("valid");
    let exactly_once = options.exactly_once.clone().expect("asked for");
    let rows = RowWriter::new(options.topic.clone(), &config).expect("valid");
    let sink = ExactlyOnceSink::new((options, exactly_once), rows, &config);
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("a UUID");
    let (query, id) = (QueryId(uuid), RunId(uuid));
    sink.run
        .set(Run { query, id, name: "millstream-0".to_owned(), steps: SinkStart::batch_write().steps })
        .expect("set once");
    sink
}

#[test]
fn a_lost_transaction_was_taken_over_or_took_too_long() {
    let check = |sink: &ExactlyOnceSink, seconds: u64, kind: ErrorKind, wanted: &str| {
        let error = sink.explain(Error::conflict("PRODUCER_FENCED"), BatchId(3), Duration::from_secs(seconds));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(wanted), "{error}");
    };
    let sink = opened(None);
    check(
        &sink,
        59,
        ErrorKind::Conflict,
        "another instance of query 67e55044-10b1-426f-9247-bb680e5fe0c8 has taken over",
    );
    // Too long is tried again with more time, as long as brokers give some.
    check(&sink, 61, ErrorKind::Unavailable, "longer than 'kafka.transaction.timeout.ms' = 60000");
    check(&sink, 61, ErrorKind::Conflict, "another instance");
    check(&sink, 241, ErrorKind::Unavailable, "the next try has 900000 ms");
    check(&sink, 901, ErrorKind::Invalid, "batch 3 took 901.0s, longer than 'kafka.transaction.timeout.ms' = 900000");
    // What a person has said stays.
    let sink = opened(Some(("kafka.transaction.timeout.ms", "5000")));
    check(&sink, 6, ErrorKind::Invalid, "longer than 'kafka.transaction.timeout.ms' = 5000");
    // Other failures are what they are.
    let error = sink.explain(Error::unavailable("gone"), BatchId(3), Duration::from_secs(6));
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "gone"));
}
