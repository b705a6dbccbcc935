//! The plans of the example programs, as PySpark 4.2 sends them, up to the engine's door.

use millstream_functions::data_type::simple_string;
use prost::Message;
use spark_connect_proto::Relation;

use super::fixture::context;
use crate::analyzer::analyze;

fn check(plan: &[u8], schema: &str, nodes: &[&str]) {
    let relation = Relation::decode(plan).expect("a relation");
    let analyzed = analyze(&relation, &context()).expect("a plan that can be analysed");
    assert!(analyzed.is_streaming);
    let shown = simple_string(&arrow::datatypes::DataType::Struct(analyzed.schema.fields().clone()));
    assert_eq!(shown, schema);
    let plan = analyzed.plan.display_indent().to_string();
    let mut rest = plan.as_str();
    for node in nodes {
        let found = rest.find(node).unwrap_or_else(|| panic!("no {node} in its place in\n{plan}"));
        rest = &rest[found + node.len()..];
    }
}

#[test]
fn payment_monitor() {
    check(
        include_bytes!("plans/payment_monitor.binpb"),
        "struct<window:struct<start:timestamp,end:timestamp>,user_id:int,count:bigint>",
        &[
            "Aggregate: groupBy=[[window, user_id]], aggr=[[count(Int32(1)) AS count]]",
            "window(",
            "Filter: ",
            "StreamingRelation kafka",
        ],
    );
}

#[test]
fn realtime_avg() {
    check(
        include_bytes!("plans/realtime_avg.binpb"),
        "struct<timestamp:string,avg(value):double>",
        &["Aggregate: ", "StreamingRelation kafka"],
    );
}

#[test]
fn clickstream_counts() {
    check(
        include_bytes!("plans/clickstream_counts.binpb"),
        "struct<page:string,count:bigint>",
        &["Sort: count ASC NULLS FIRST", "Aggregate: groupBy=[[page]]", "Filter: ", "StreamingRelation kafka"],
    );
}

#[test]
fn iot_telemetry() {
    check(
        include_bytes!("plans/iot_telemetry.binpb"),
        "struct<device_key:string,device_id:string,temperature:double,humidity:double,timestamp:timestamp,\
         kafka_topic:string,kafka_partition:int,kafka_offset:bigint,kafka_timestamp:timestamp>",
        &["Filter: ", "StreamingRelation kafka"],
    );
}
