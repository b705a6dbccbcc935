use super::{Scram, ScramHash};

/// The example exchange of RFC 7677, section 3.
#[test]
fn the_example_of_the_rfc() {
    let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
    let (mut scram, first) = Scram::with_nonce(ScramHash::Sha256, ("user", "pencil"), false, nonce);
    assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let client_final = scram.client_final(server_first).expect("valid");
    let wanted = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                  p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(client_final, wanted);
    scram.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").expect("the right server");
    assert!(scram.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err());
    assert_eq!(scram.check("e=invalid-proof"), Err("invalid-proof".to_owned()));
}

#[test]
fn names_are_escaped_and_tokens_are_told() {
    let (_, first) = Scram::with_nonce(ScramHash::Sha512, ("a=b,c", "p"), true, "x".to_owned());
    assert_eq!(first, "n,,n=a=3Db=2Cc,r=x,tokenauth=true");
}

#[test]
fn a_dishonest_broker_is_found_out() {
    let check = |server_first: &str, wanted: &str| {
        let (mut scram, _) = Scram::with_nonce(ScramHash::Sha256, ("user", "pencil"), false, "abc".to_owned());
        let error = scram.client_final(server_first).expect_err(wanted);
        assert!(error.contains(wanted), "{error}");
    };
    check("r=other,s=W22Z,i=4096", "does not continue ours");
    check("r=abc,s=W22Z,i=4096", "does not continue ours");
    check("r=abcd,s=W22Z,i=100", "100 SCRAM iterations");
    check("r=abcd,s=W22Z,i=0", "cannot be read");
    check("r=abcd,i=4096", "cannot be read");
}
