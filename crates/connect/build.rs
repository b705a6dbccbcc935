//! Makes the gRPC server stub over the message types of `apache-spark-connect-proto`, which ships a client only.

use tonic_build::manual::{Builder, Method, Service};

/// `(Rust name, RPC name, request, response)` of every call that is answered with one message.
const UNARY: [(&str, &str, &str, &str); 9] = [
    ("analyze_plan", "AnalyzePlan", "AnalyzePlanRequest", "AnalyzePlanResponse"),
    ("config", "Config", "ConfigRequest", "ConfigResponse"),
    ("artifact_status", "ArtifactStatus", "ArtifactStatusesRequest", "ArtifactStatusesResponse"),
    ("interrupt", "Interrupt", "InterruptRequest", "InterruptResponse"),
    ("release_execute", "ReleaseExecute", "ReleaseExecuteRequest", "ReleaseExecuteResponse"),
    ("release_session", "ReleaseSession", "ReleaseSessionRequest", "ReleaseSessionResponse"),
    ("fetch_error_details", "FetchErrorDetails", "FetchErrorDetailsRequest", "FetchErrorDetailsResponse"),
    ("clone_session", "CloneSession", "CloneSessionRequest", "CloneSessionResponse"),
    ("get_status", "GetStatus", "GetStatusRequest", "GetStatusResponse"),
];

fn method(name: &str, route: &str, input: &str, output: &str) -> tonic_build::manual::MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("spark_connect_proto::{input}"))
        .output_type(format!("spark_connect_proto::{output}"))
        .codec_path("crate::server::codec::MessageCodec")
}

fn main() {
    let mut service = Service::builder().name("SparkConnectService").package("spark.connect");
    for (name, route, input, output) in UNARY {
        service = service.method(method(name, route, input, output).build());
    }
    for (name, route, input) in [
        ("execute_plan", "ExecutePlan", "ExecutePlanRequest"),
        ("reattach_execute", "ReattachExecute", "ReattachExecuteRequest"),
    ] {
        service = service.method(method(name, route, input, "ExecutePlanResponse").server_streaming().build());
    }
    let add_artifacts = method("add_artifacts", "AddArtifacts", "AddArtifactsRequest", "AddArtifactsResponse");
    service = service.method(add_artifacts.client_streaming().build());
    Builder::new().build_client(false).compile(&[service.build()]);
    println!("cargo::rerun-if-changed=build.rs");
}
