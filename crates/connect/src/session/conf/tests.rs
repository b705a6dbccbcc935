//! Spark 4.2's answers, asked of a real server.

use super::*;

fn conf() -> Conf {
    with_strict_spark(false)
}

fn with_strict_spark(strict_spark: bool) -> Conf {
    let defaults = SessionDefaults { time_zone: "Europe/Berlin".to_owned(), strict_spark, warehouse: "/wh".into() };
    Conf::new(defaults, &MemoryLedger::unlimited(), "s1")
}

/// The command line gives the default, and a session may say otherwise.
#[test]
fn queries_know_the_default_of_strict_mode() {
    let of_queries = |conf: &Conf| conf.for_queries().get(STRICT_SPARK).cloned();
    assert_eq!((conf().find(STRICT_SPARK).unwrap(), of_queries(&conf())), ("false".to_owned(), None));
    let mut strict = with_strict_spark(true);
    assert_eq!(strict.get(STRICT_SPARK).unwrap().unwrap(), "true");
    strict.clear();
    assert_eq!(of_queries(&strict).unwrap(), "true");
    strict.set(STRICT_SPARK, "false").unwrap();
    assert_eq!(of_queries(&strict).unwrap(), "false");
    assert!(strict.set(STRICT_SPARK, "perhaps").is_err());
}

#[test]
fn every_key_that_clients_read_unasked_has_sparks_default() {
    // spec: "Config keys that clients read unasked", values of Spark 4.2.0.
    for (key, value) in [
        ("spark.python.sql.dataFrameDebugging.enabled", "true"),
        ("spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false"),
        ("spark.sql.execution.arrow.useLargeVarTypes", "false"),
        ("spark.sql.execution.pandas.convertToArrowArraySafely", "true"),
        ("spark.sql.execution.pandas.inferPandasDictAsMap", "false"),
        ("spark.sql.execution.pyspark.binaryAsBytes", "true"),
        ("spark.sql.execution.pythonUDF.arrow.enabled", "true"),
        ("spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false"),
        ("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false"),
        ("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false"),
        ("spark.sql.session.localRelationCacheThreshold", "1048576"),
        ("spark.sql.session.localRelationChunkSizeRows", "10000"),
        ("spark.sql.session.localRelationChunkSizeBytes", "16777216"),
        ("spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824"),
        ("spark.sql.session.localRelationSizeLimit", "3221225472"),
        ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
        ("spark.sql.execution.pandas.structHandlingMode", "legacy"),
        ("spark.sql.session.timeZone", "Europe/Berlin"),
    ] {
        assert_eq!(conf().get(key).unwrap().as_deref(), Some(value), "{key}");
    }
}

#[test]
fn plan_compression_stays_off() {
    assert_eq!(conf().find("spark.connect.session.planCompression.threshold").unwrap(), "-1");
    assert_eq!(conf().find("spark.connect.session.planCompression.defaultAlgorithm").unwrap(), "NONE");
}

#[test]
fn any_unknown_key_may_be_set_and_unset() {
    let mut conf = conf();
    let missing = conf.get("spark.foo.bar").unwrap_err();
    assert_eq!(
        missing.to_spark_message(),
        "[SQL_CONF_NOT_FOUND] The SQL config \"spark.foo.bar\" cannot be found. Please verify that the config \
         exists. SQLSTATE: 42K0I"
    );
    conf.set("spark.foo.bar", "1").unwrap();
    assert_eq!(conf.get("spark.foo.bar").unwrap().as_deref(), Some("1"));
    assert_eq!(conf.all(Some("spark.foo.")), [("bar".to_owned(), "1".to_owned())]);
    conf.unset("spark.foo.bar").unwrap();
    assert!(conf.get("spark.foo.bar").is_err());
    assert_eq!(conf.get("spark.sql.streaming.checkpointLocation").unwrap(), None, "known, without a value");
}

#[test]
fn refused_settings_have_sparks_classes() {
    for (key, value, class) in [
        ("spark.sql.warehouse.dir", "/x", "CANNOT_MODIFY_STATIC_CONFIG"),
        ("spark.driver.memory", "1g", "CANNOT_MODIFY_CONFIG"),
        ("spark.jars.packages", "x", "CANNOT_MODIFY_CONFIG"),
        ("spark.sql.ansi.enabled", "maybe", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
        ("spark.sql.shuffle.partitions", "maybe", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
        ("spark.sql.shuffle.partitions", "-1", "INVALID_CONF_VALUE.REQUIREMENT"),
        ("spark.sql.session.timeZone", "Mars", "INVALID_CONF_VALUE.TIME_ZONE"),
        ("spark.sql.streaming.pollingDelay", "maybe", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
    ] {
        let error = conf().set(key, value).unwrap_err();
        assert_eq!(error.class(), Some(class), "{key} = {value}");
    }
    conf().set("spark.sql.streaming.pollingDelay", "1s").unwrap();
    conf().set("spark.master", "local[*]").unwrap();
}

#[test]
fn modifiable_are_known_keys_that_are_not_static() {
    for (key, expected) in [
        ("spark.sql.shuffle.partitions", true),
        ("spark.sql.ansi.enabled", true),
        ("spark.foo", false),
        ("spark.sql.warehouse.dir", false),
        ("spark.driver.memory", false),
        ("foo", false),
    ] {
        assert_eq!(Conf::is_modifiable(key), expected, "{key}");
    }
}

#[test]
fn zones_have_all_of_sparks_spellings() {
    for (spelling, zone) in [
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("GMT+8", "Etc/GMT-8"),
        ("UTC+08:00", "Etc/GMT-8"),
        ("+08:00", "Etc/GMT-8"),
        ("-03:00", "Etc/GMT+3"),
        ("UTC", "UTC"),
        ("Z", "UTC"),
        ("+00:00", "UTC"),
    ] {
        let mut conf = conf();
        conf.set("spark.sql.session.timeZone", spelling).unwrap();
        assert_eq!(conf.query_settings().unwrap().time_zone.to_string(), zone, "{spelling}");
        assert_eq!(conf.find("spark.sql.session.timeZone").unwrap(), spelling);
    }
}

/// Asked of Spark 4.2 with each of them set.
#[test]
fn older_names_act_as_the_newer_ones() {
    let (newer, older) = ("spark.sql.execution.arrow.pyspark.enabled", "spark.sql.execution.arrow.enabled");
    let mut conf = conf();
    let both = |conf: &Conf| (conf.find(newer).unwrap(), conf.find(older).unwrap());
    assert_eq!(both(&conf), ("true".to_owned(), "true".to_owned()));
    conf.set(older, "false").unwrap();
    assert_eq!(both(&conf), ("false".to_owned(), "false".to_owned()));
    conf.set(newer, "true").unwrap();
    assert_eq!(both(&conf), ("true".to_owned(), "false".to_owned()));
    let (newer, older) =
        ("spark.sql.execution.arrow.pyspark.fallback.enabled", "spark.sql.execution.arrow.fallback.enabled");
    conf.set(older, "false").unwrap();
    assert_eq!(conf.find(newer).unwrap(), "false");
}

#[test]
fn documented_settings_have_sparks_defaults_and_refuse_what_is_none_of_their_values() {
    let mut conf = conf();
    for (key, value) in [
        ("spark.sql.files.maxPartitionBytes", "134217728b"),
        ("spark.sql.broadcastTimeout", "300000ms"),
        ("spark.sql.parquet.compression.codec", "snappy"),
    ] {
        assert_eq!(conf.find(key).as_deref(), Some(value), "{key}");
        assert!(conf.set(key, "?!").is_err(), "{key}");
    }
    assert_eq!(conf.get("spark.sql.optimizer.excludedRules").unwrap(), None, "documented, without a default");
    conf.set("spark.sql.mapKeyDedupPolicy", "last_win").unwrap();
    conf.set("spark.sql.autoBroadcastJoinThreshold", "5kb").unwrap();
    conf.set("spark.sql.autoBroadcastJoinThreshold", "-1").unwrap();
    for (key, value, class) in [
        ("spark.sql.mapKeyDedupPolicy", "zz", "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS"),
        ("spark.sql.autoBroadcastJoinThreshold", "5 apples", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
        ("spark.sql.broadcastTimeout", "soon", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
        ("spark.connect.extensions.command.classes", "x", "CANNOT_MODIFY_STATIC_CONFIG"),
    ] {
        assert_eq!(conf.set(key, value).unwrap_err().class(), Some(class), "{key}");
    }
}

#[test]
fn settings_are_counted_and_refused_by_name() {
    let memory = MemoryLedger::new(1000);
    let defaults = || SessionDefaults { time_zone: "UTC".to_owned(), strict_spark: false, warehouse: "/wh".into() };
    let mut conf = Conf::new(defaults(), &memory, "s1");
    let long = "x".repeat(600);
    conf.set("spark.a", &long).expect("it fits");
    let error = conf.set("spark.b", &long).expect_err("there is no room for another");
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().starts_with("what session s1 has set needs "), "{error}");
    assert_eq!(conf.find("spark.b"), None);
    conf.set("spark.a", &long).expect("one takes the place of the other");
    conf.unset("spark.a").expect("it may be");
    assert_eq!(memory.used_bytes(), 0);
    conf.set("spark.b", &long).expect("there is room again");
    let mut copy = Conf::new(defaults(), &memory, "s2");
    assert_eq!(copy.copy(&conf).expect_err("a copy is counted").class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    conf.clear();
    assert_eq!(memory.used_bytes(), 0);
    conf.set("spark.b", &long).expect("there is room again");
    drop(conf);
    assert_eq!(memory.used_bytes(), 0);
}
