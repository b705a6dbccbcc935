//! `millstream topic`, with the stock client at the other end, on both kinds of broker.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use millstream_test_servers::{Kafka, PythonClients, require_or_skip};

use crate::cluster::Cluster;

/// A topic that no other test uses.
fn topic_name(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn available() -> Result<(), String> {
    Kafka::available().and_then(|()| PythonClients::available())
}

/// `millstream topic` with these arguments.
fn topic(cluster: &Cluster, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("topic").args(arguments).env("MILLSTREAM_BOOTSTRAP", &cluster.bootstrap).stdin(Stdio::null());
    command
}

/// Runs a command with this input to its end.
fn run(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
    // A command that refuses its arguments does not read.
    let _unread = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it was started")
}

/// What a command prints that ends well and says nothing.
fn printed(command: Command, input: &str) -> String {
    let shown = format!("{command:?}");
    let output = run(command, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{shown}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// A command that fails with this status, and says this.
fn refused(command: Command, input: &str, (status, wanted): (i32, &str)) {
    let shown = format!("{command:?}");
    let output = run(command, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.contains(wanted)), (Some(status), true), "{shown}: {said}");
    assert!(said.lines().count() <= 3, "{said}");
}

/// The stock client's answer.
fn stock(cluster: &Cluster, arguments: &[&str], input: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/stock_client.py");
    let mut command = PythonClients::command(&file);
    command.arg(&cluster.bootstrap).args(arguments);
    let output = run(command, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn topics_are_made_described_and_deleted() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("made");
        let create = ["create", &name, "--partitions", "3", "--set", "retention.ms=3600000"];
        assert_eq!(printed(topic(cluster, &create), ""), "");
        let wanted = "{\"partitions\": 3, \"set\": {\"retention.ms\": \"3600000\"}}\n";
        assert_eq!(stock(cluster, &["describe", &name], ""), wanted);

        refused(topic(cluster, &create), "", (2, &format!("cannot create topic '{name}': it exists already")));
        assert_eq!(printed(topic(cluster, &["create", &name, "--if-not-exists"]), ""), "");
        assert!(printed(topic(cluster, &["list"]), "").lines().any(|line| line == name));

        cluster.tool(&format!("produce {name} 1 0 17"));
        let described = printed(topic(cluster, &["describe", &name]), "");
        let lines: Vec<Vec<&str>> = described.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][..5], [&format!("{name}:"), "3", "partitions,", "1", "replica,"], "{described}");
        assert!(lines[1..].contains(&vec!["retention.ms=3600000"]), "{described}");
        assert!(lines[1..].contains(&vec!["1", "1", "1", "1", "0", "17"]), "{described}");
        let json = printed(topic(cluster, &["describe", &name, "--format", "json"]), "");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["partitions"][1]["latest"], 17);
        assert_eq!(json["configs"]["retention.ms"], "3600000");

        assert_eq!(printed(topic(cluster, &["delete", &name]), ""), "");
        assert_eq!(stock(cluster, &["describe", &name], ""), "null\n");
        refused(topic(cluster, &["delete", &name]), "", (2, "it does not exist"));
        assert_eq!(printed(topic(cluster, &["delete", &name, "--if-exists"]), ""), "");
    }
}

#[test]
fn what_the_broker_refuses_is_said_in_its_words() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("refused");
        for (arguments, wanted) in [
            (["create", "a/b", "--partitions", "1"], "cannot create topic 'a/b': INVALID_TOPIC_EXCEPTION"),
            (["create", &name, "--set", "retention.ms=soon"], "INVALID_CONFIG"),
            (["create", &name, "--set", "no.such.setting=1"], "no.such.setting"),
            (["create", &name, "--replication-factor", "9"], "INVALID_REPLICATION_FACTOR"),
        ] {
            refused(topic(cluster, &arguments), "", (2, wanted));
        }
        assert_eq!(stock(cluster, &["describe", &name], ""), "null\n");
        refused(
            topic(cluster, &["describe", &name]),
            "",
            (2, &format!("topic '{name}' does not exist\nmillstream: hint: ")),
        );
        refused(topic(cluster, &["consume", &name]), "", (2, &format!("topic '{name}' does not exist")));
    }
}

#[test]
fn lines_become_records() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("written");
        assert_eq!(printed(topic(cluster, &["create", &name, "--partitions", "2"]), ""), "");
        let keyed = ["produce", &name, "--key-separator", "::", "--null-marker", "NULL", "--partition", "1"];
        let keyed = [&keyed[..], &["--header", "source=test", "--header", "empty="]].concat();
        assert_eq!(printed(topic(cluster, &keyed), "k::v::w\r\nNULL::ä\nk::NULL\n::\n"), "");
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("lines");
        std::fs::write(&file, "{\"a\": 1}\n\nno end").expect("it can be written");
        let plain = ["produce", &name, "--partition", "0", "--property", "compression.type=zstd", "--file"];
        assert_eq!(printed(topic(cluster, &[&plain[..], &[file.to_str().expect("text")]].concat()), "not read"), "");
        let headers = r#"[["source", "test"], ["empty", ""]]"#;
        let wanted = [
            r#"[0, null, "{\"a\": 1}", []]"#.to_owned(),
            r#"[0, null, "", []]"#.to_owned(),
            r#"[0, null, "no end", []]"#.to_owned(),
            format!(r#"[1, "k", "v::w", {headers}]"#),
            format!(r#"[1, null, "ä", {headers}]"#),
            format!(r#"[1, "k", null, {headers}]"#),
            format!(r#"[1, "", "", {headers}]"#),
        ];
        assert_eq!(stock(cluster, &["read", &name, "7"], "").lines().collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn a_million_bytes_of_lines_are_written_in_order() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("bulk");
        assert_eq!(printed(topic(cluster, &["create", &name, "--partitions", "1"]), ""), "");
        let lines: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
        assert_eq!(printed(topic(cluster, &["produce", &name]), &lines), "");
        assert_eq!(printed(topic(cluster, &["consume", &name, "--from-beginning", "--to-end"]), ""), lines);
    }
}

#[test]
fn a_line_that_cannot_be_written_is_named() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("named");
        let create = ["create", &name, "--partitions", "1", "--set", "max.message.bytes=1000"];
        assert_eq!(printed(topic(cluster, &create), ""), "");
        let keyed = ["produce", &name, "--key-separator", "="];
        let wanted = format!("2 records written to topic '{name}'\nmillstream: line 3 has no key separator '='\n");
        refused(topic(cluster, &keyed), "a=1\nb=2\nc\nd=4\n", (6, &wanted));
        let huge = "x".repeat(2 << 20);
        refused(
            topic(cluster, &["produce", &name]),
            &format!("short\n{huge}\n"),
            (6, "line 2 is longer than 'max.request.size' = 1048576"),
        );
        let large = "x".repeat(2000);
        refused(topic(cluster, &["produce", &name]), &large, (6, "cannot write line 1: MESSAGE_TOO_LARGE"));
        let wanted = format!("topic '{name}' has no partition 7: it has 1");
        refused(topic(cluster, &["produce", &name, "--partition", "7"]), "a\n", (2, &wanted));
        let printed = printed(topic(cluster, &["consume", &name, "--from-beginning", "--to-end", "--key"]), "");
        assert_eq!(printed, "a\t1\nb\t2\nnull\tshort\n");
    }
}

#[test]
fn records_are_printed() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("printed");
        assert_eq!(printed(topic(cluster, &["create", &name, "--partitions", "2"]), ""), "");
        let records = r#"
            [0, "k", "first", [["h", "1"], ["n", null]]]
            [0, null, "ä", []]
            [1, "\udcff", null, []]
            [0, "", "last", []]"#;
        stock(cluster, &["write", &name], records.trim_start());
        let check = |arguments: &[&str], wanted: &str| {
            let consume = [&["consume", &name, "--to-end"][..], arguments].concat();
            assert_eq!(printed(topic(cluster, &consume), ""), wanted, "{arguments:?} on {}", cluster.name);
        };
        let zero = ["--partition", "0"];
        check(&[&zero[..], &["--from-beginning"]].concat(), "first\nä\nlast\n");
        check(&[&zero[..], &["--offset", "1"]].concat(), "ä\nlast\n");
        check(&[&zero[..], &["--offset", "-1"]].concat(), "last\n");
        check(&[&zero[..], &["--offset", "-100"]].concat(), "first\nä\nlast\n");
        check(&[&zero[..], &["--offset", "1970-01-01T00:00:02Z"]].concat(), "ä\nlast\n");
        check(&[&zero[..], &["--offset", "1970-01-01T00:01:00Z"]].concat(), "");
        check(&[&zero[..], &["--offset", "latest"]].concat(), "");
        check(&[&zero[..], &["--offset", "earliest", "--max", "2"]].concat(), "first\nä\n");
        let columns = ["--from-beginning", "--key", "--headers", "--key-separator", "|"];
        check(&[&zero[..], &columns].concat(), "h=1,n=null|k|first\n|null|ä\n||last\n");
        check(&["--partition", "1", "--from-beginning"], "null\n");
        check(
            &["--partition", "1", "--from-beginning", "--format", "json"],
            &format!(
                "{{\"topic\":\"{name}\",\"partition\":1,\"offset\":0,\"timestamp\":3000,\"key\":{{\"base64\":\"/w==\"}},\
                 \"value\":null,\"headers\":[]}}\n"
            ),
        );
        check(
            &["--partition", "0", "--offset", "0", "--max", "1", "--format", "json"],
            &format!(
                "{{\"topic\":\"{name}\",\"partition\":0,\"offset\":0,\"timestamp\":1000,\"key\":\"k\",\"value\":\"first\",\
                 \"headers\":[{{\"name\":\"h\",\"value\":\"1\"}},{{\"name\":\"n\",\"value\":null}}]}}\n"
            ),
        );
        let all = printed(topic(cluster, &["consume", &name, "--from-beginning", "--to-end"]), "");
        let mut all: Vec<&str> = all.lines().collect();
        all.sort_unstable();
        assert_eq!(all, ["first", "last", "null", "ä"]);
        let wanted = format!("partition 1 of topic '{name}' does not hold offset 2, but 0 to 1");
        refused(topic(cluster, &["consume", &name, "--offset", "2"]), "", (2, &wanted));
        refused(topic(cluster, &["consume", &name, "--partition", "2"]), "", (2, "has no partition 2: it has 2"));
    }
}

#[test]
fn transactions_that_were_aborted_are_printed_only_when_asked_for() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("transactions");
        assert_eq!(printed(topic(cluster, &["create", &name, "--partitions", "1"]), ""), "");
        cluster.tool(&format!("produce {name} 0 0 2 end=commit id={name}"));
        cluster.tool(&format!("produce {name} 0 2 2 end=abort id={name}"));
        cluster.tool(&format!("produce {name} 0 4 1 end=commit id={name}"));
        for (isolation, wanted) in [("read_committed", &[0, 1, 4][..]), ("read_uncommitted", &[0, 1, 2, 3, 4])] {
            let consume = ["consume", &name, "--from-beginning", "--isolation", isolation];
            let count = wanted.len().to_string();
            let printed = printed(topic(cluster, &[&consume[..], &["--max", &count]].concat()), "");
            let wanted: String = wanted.iter().map(|number| format!("value-{number}\n")).collect();
            assert_eq!(printed, wanted, "{isolation}");
        }
    }
}

#[test]
fn consume_ends_when_nothing_comes() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("quiet");
        assert_eq!(printed(topic(cluster, &["create", &name]), ""), "");
        let asked = Instant::now();
        assert_eq!(printed(topic(cluster, &["consume", &name, "--timeout", "300ms"]), ""), "");
        assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&asked.elapsed()));
        cluster.tool(&format!("text {name} 0 one"));
        let two = ["consume", &name, "--from-beginning", "--max", "2", "--timeout", "300ms"];
        let wanted = format!("1 of 2 records came from topic '{name}', then none for 300ms");
        refused(topic(cluster, &two), "", (4, &wanted));
    }
}

/// A consumer that prints what comes; it has printed the first record.
fn following(cluster: &Cluster, name: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    cluster.tool(&format!("text {name} 0 first"));
    let mut command = topic(cluster, &["consume", name, "--from-beginning"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
    let mut printed = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    printed.read_line(&mut line).expect("text");
    assert_eq!(line, "first\n");
    (child, printed)
}

/// Waits for a process that ends quickly and says this.
fn ends(mut child: Child, (status, wanted): (i32, &str)) {
    let asked = Instant::now();
    let ended = child.wait().expect("it was started");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert_eq!((ended.code(), said.as_str()), (Some(status), wanted));
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill can be run");
    assert!(sent.success());
}

#[test]
fn consume_ends_quietly_when_it_is_interrupted_or_not_read_any_more() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("ends");
        assert_eq!(printed(topic(cluster, &["create", &name]), ""), "");
        let (child, printed) = following(cluster, &name);
        interrupt(&child);
        ends(child, (0, ""));
        drop(printed);
        // Nothing comes any more that it could fail to write.
        let (child, printed) = following(cluster, &name);
        drop(printed);
        ends(child, (0, ""));
    }
}

#[test]
fn produce_writes_what_it_has_read_when_it_is_interrupted() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let name = topic_name("interrupted");
        assert_eq!(printed(topic(cluster, &["create", &name, "--partitions", "1"]), ""), "");
        let mut command = topic(cluster, &["produce", &name]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(b"one\ntwo\nhal").expect("it reads");
        // A line goes out as soon as it is whole.
        let read =
            printed(topic(cluster, &["consume", &name, "--from-beginning", "--max", "2", "--timeout", "30s"]), "");
        assert_eq!(read, "one\ntwo\n");
        interrupt(&child);
        let said = format!(
            "millstream: 2 records written to topic '{name}'\nmillstream: interrupted before the input ended\n"
        );
        ends(child, (130, &said));
        drop(input);
        let read = printed(topic(cluster, &["consume", &name, "--from-beginning", "--to-end"]), "");
        assert_eq!(read, "one\ntwo\n");
    }
}

#[test]
fn a_rate_is_kept() {
    require_or_skip!(available());
    let [_, cluster] = Cluster::all();
    let name = topic_name("rate");
    assert_eq!(printed(topic(cluster, &["create", &name]), ""), "");
    let asked = Instant::now();
    assert_eq!(printed(topic(cluster, &["produce", &name, "--rate", "100"]), &"x\n".repeat(51)), "");
    assert!(asked.elapsed() >= Duration::from_millis(500), "{:?}", asked.elapsed());
}

#[test]
fn settings_come_from_files_and_arguments() {
    require_or_skip!(available());
    let [_, cluster] = Cluster::all();
    let name = topic_name("settings");
    assert_eq!(printed(topic(cluster, &["create", &name]), ""), "");
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("client.properties");
    std::fs::write(&file, format!("# brokers\nbootstrap.servers : {}\nrequest.timeout.ms=soon\n", cluster.bootstrap))
        .expect("it can be written");
    let file = file.to_str().expect("text");
    let with = |arguments: &[&str]| {
        let mut command = topic(cluster, arguments);
        command.env_remove("MILLSTREAM_BOOTSTRAP");
        command
    };
    let listed = printed(with(&["list", "--properties", file, "--property", "request.timeout.ms=5000"]), "");
    assert!(listed.lines().any(|line| line == name), "{listed}");
    refused(with(&["list", "--properties", file]), "", (2, "setting 'request.timeout.ms' is 'soon'"));
    refused(with(&["list", "--properties", "/nowhere"]), "", (2, "cannot read '/nowhere'"));
    refused(with(&["list", "--property", "x"]), "", (2, "must be NAME=VALUE"));
    // A port on which nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let wanted = format!("millstream: cannot reach Kafka at {free}: cannot talk to broker {free}: ");
    refused(with(&["--bootstrap", &free, "list"]), "", (4, &wanted));
    let tls = ["list", "--bootstrap", &cluster.bootstrap, "--property", "security.protocol=SSL"];
    refused(with(&tls), "", (4, "cannot reach Kafka at"));
}

#[test]
fn javas_settings_reach_a_secured_broker() {
    require_or_skip!(Kafka::available());
    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let settings = format!(
        "listener.name.closed.sasl.enabled.mechanisms=PLAIN\n\
         listener.name.closed.plain.sasl.jaas.config={PLAIN} user_alice=\"open sesame\";\n"
    );
    let kafka = Kafka::start_with_listeners(&settings, &[("CLOSED", "SASL_PLAINTEXT")]);
    kafka.tool("create guarded 1 1");
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("alice.properties");
    let properties = format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config={PLAIN} \\\n  username=\"alice\" \\\n  password=\"open sesame\";\n",
        kafka.listener("CLOSED")
    );
    std::fs::write(&file, properties).expect("it can be written");
    let with = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(["topic", "--properties"]).arg(&file).args(arguments);
        command
    };
    assert_eq!(printed(with(&["produce", "guarded"]), "one\n"), "");
    assert_eq!(printed(with(&["consume", "guarded", "--from-beginning", "--max", "1"]), ""), "one\n");
    let wrong = format!("sasl.jaas.config={PLAIN} username=\"alice\" password=\"open barley\";");
    let refusal = run(with(&["list", "--property", &wrong]), "");
    let said = String::from_utf8_lossy(&refusal.stderr);
    assert_eq!(refusal.status.code(), Some(4), "{said}");
    assert!(said.contains("does not accept the client by PLAIN") && !said.contains("barley"), "{said}");
}
