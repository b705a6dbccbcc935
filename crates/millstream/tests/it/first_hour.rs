//! `docs/first-hour.md`, typed as it stands: its commands are run in one shell, and each must print what the page
//! shows.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use millstream_test_servers::require_or_skip;

use crate::program::available;

/// A fenced block: the word behind its fence, and its lines.
struct Block<'a> {
    kind: &'a str,
    text: &'a str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (kind, text) = block.split_once('\n').unwrap();
            Block { kind, text }
        })
        .collect()
}

/// Runs the commands of all blocks in one shell and gives what each block has printed. The first starts the broker.
fn run(commands: &[&str], folder: &Path, broker: SocketAddr) -> Vec<String> {
    const END: &str = "-- end of block --";
    let bin = Path::new(env!("CARGO_BIN_EXE_millstream")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.current_dir(folder).env("PATH", path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.arg("-m").spawn().unwrap();
    // Bash reads commands as it runs them, as from somebody who types.
    let mut keyboard = child.stdin.take().unwrap();
    // A command that fails ends the shell, and whatever it has started.
    keyboard.write_all(b"set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n").unwrap();
    for (index, block) in commands.iter().enumerate() {
        keyboard.write_all(format!("{block}\necho '{END}'\n").as_bytes()).unwrap();
        // Nobody types faster than a broker starts.
        while index == 0 && TcpStream::connect(broker).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the shell ended");
        }
    }
    drop(keyboard);
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let mut printed: Vec<_> = out.split(END).map(|part| part.trim_start_matches('\n').to_owned()).collect();
    printed.pop();
    printed
}

#[test]
fn every_command_of_the_first_hour_prints_what_the_page_says() {
    require_or_skip!(available());
    // The page's port may be taken here.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let page = include_str!("../../../../docs/first-hour.md").replace("127.0.0.1:9092", &address.to_string());
    let blocks = blocks(&page);
    let commands: Vec<_> = blocks.iter().filter(|block| block.kind == "sh").map(|block| block.text).collect();
    let folder = tempfile::tempdir().unwrap();
    let printed = run(&commands, folder.path(), address);
    assert_eq!(printed.len(), commands.len());
    let outputs = blocks.iter().filter(|block| block.kind == "text").count();
    assert!(commands.len() > 5 && outputs > 5, "the page has {} commands and {outputs} outputs", commands.len());
    let mut ran = 0;
    for block in &blocks {
        match block.kind {
            "sh" => ran += 1,
            "text" => {
                let (wanted, found) = (block.text, &printed[ran - 1]);
                assert!(
                    found.contains(wanted),
                    "{}\nprinted:\n{found}\nand the page says:\n{wanted}",
                    commands[ran - 1]
                );
            }
            other => panic!("a block of kind '{other}'"),
        }
    }
}
