use super::*;

fn file_of(payloads: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for payload in payloads {
        encode(file.len() as u64, payload, &mut file);
    }
    file
}

fn payloads<'a>(scan: &Scan<'a>) -> Option<Vec<&'a [u8]>> {
    match scan {
        Scan::Good { frames, .. } => Some(frames.iter().map(|(_, payload)| *payload).collect()),
        Scan::Damaged { .. } => None,
    }
}

#[test]
fn a_file_cut_anywhere_gives_the_frames_that_are_whole() {
    let all: [&[u8]; 3] = [b"one", b"", b"three three three"];
    let file = file_of(&all);
    for cut in 0..=file.len() {
        let whole = (0..=all.len()).rev().find(|&count| file_of(&all[..count]).len() <= cut).unwrap();
        let scan = scan(&file[..cut]);
        assert_eq!(payloads(&scan).unwrap(), all[..whole], "cut at {cut}");
        assert!(matches!(scan, Scan::Good { end, .. } if end == file_of(&all[..whole]).len() as u64));
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let all: [&[u8]; 3] = [b"one", b"two", b"three"];
    let file = file_of(&all);
    let last = file_of(&all[..2]).len();
    for at in 0..file.len() {
        let mut spoilt = file.clone();
        spoilt[at] ^= 0x20;
        match scan(&spoilt) {
            Scan::Damaged { position } => assert!(at < last && position <= at as u64, "byte {at}"),
            good @ Scan::Good { .. } => assert!(at >= last && payloads(&good).unwrap() == all[..2], "byte {at}"),
        }
    }
}

#[test]
fn a_tail_of_zeros_is_an_unfinished_write() {
    let mut file = file_of(&[b"one"]);
    let end = file.len() as u64;
    file.extend_from_slice(&[0; 4096]);
    assert_eq!(scan(&file), Scan::Good { frames: vec![(0, b"one")], end });
}

#[test]
fn a_frame_inside_a_payload_is_no_frame() {
    let inner = file_of(&[b"inner"]);
    let file = file_of(&[&inner]);
    // Without its last byte the outer frame is unfinished, and the whole inner one must not count as a good frame.
    assert_eq!(scan(&file[..file.len() - 1]), Scan::Good { frames: vec![], end: 0 });
}
