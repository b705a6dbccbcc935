use super::Jaas;

#[test]
fn lines_are_read_as_java_reads_them() {
    let line = "org.apache.kafka.common.security.plain.PlainLoginModule required\n  username=\"al ice\" \
                password='it\\'s \"me\"; =';";
    let jaas = Jaas::parse(line).expect("valid");
    assert_eq!(jaas.module, "PlainLoginModule");
    assert_eq!(jaas.required("username").expect("there"), "al ice");
    assert_eq!(jaas.required("password").expect("there"), "it's \"me\"; =");
    assert_eq!(jaas.required("scope").expect_err("not there"), "PlainLoginModule needs the option 'scope'");
}

#[test]
fn what_is_wrong_is_said() {
    let check = |line: &str, wanted: &str| assert_eq!(Jaas::parse(line).expect_err(wanted), wanted);
    check("", "it names no login module");
    check("a.B;", "a control flag such as 'required' must follow the login module");
    check("a.B required x;", "option 'x' has no value");
    check("a.B required x=y", "it does not end with ';'");
    check("a.B required x=\"y;", "a quoted text is not closed");
    check("a.B required; c.D required;", "it has more than one login module");
}
