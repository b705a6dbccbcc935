//! Finds a Python that has PySpark's Connect client, or prepares one.
//!
//! What the user names is taken as it is. What is merely there is asked whether it has the client, without importing
//! it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use millstream_core::{Error, Result};
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use xxhash_rust::xxh3::xxh3_64;

use crate::script_header::ScriptHeader;
use crate::terminal;

/// What the prepared environment holds. PySpark 4.2 warns at every start with pandas 3.
const PACKAGES: [&str; 7] = [
    "pyspark-client==4.2.0",
    "pandas<3",
    "grpcio",
    "grpcio-status",
    "pyarrow",
    "googleapis-common-protos",
    "zstandard",
];

/// What the user waits for while pip downloads.
const EXPENSE: &str = "once; some 430 MB, a minute or so; Ctrl-C ends it, and the next start goes on";

/// Succeeds in a Python that has the client. Looking for a module costs a tenth of importing it.
const PROBE: &str = "import importlib.util as u, sys\n\
    sys.exit(not all(u.find_spec(m) for m in ('pyspark', 'grpc', 'grpc_status', 'pandas', 'pyarrow')))";

/// Fails with a sentence in a Python for which there is no client. Older ones must be able to read it.
const CHECK_CLIENT: &str = "import platform, sys\n\
    sys.exit(None if sys.version_info >= (3, 10) else \
    'python3 is ' + platform.python_version() + ', and PySpark 4.2 needs 3.10 or newer')";

/// The mend where no environment can be made.
const NAME_ONE: &str = "name a Python that has pyspark-client 4.2 in MILLSTREAM_PYTHON";

/// How often somebody who waits for pip hears that it is still at work.
const STILL_EVERY: Duration = Duration::from_secs(15);

/// Fails with a sentence unless the interpreter's version is among those given; pip knows how these are written.
const CHECK_VERSION: &str = "import platform, sys\n\
    from pip._vendor.packaging.specifiers import SpecifierSet\n\
    version = platform.python_version()\n\
    sys.exit(None if SpecifierSet(sys.argv[1]).contains(version, prereleases=True) else \
    f'python3 is {version}, and it asks for {sys.argv[1]}')";

/// The interpreter for a program with this header.
pub(crate) async fn find(header: &ScriptHeader) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("MILLSTREAM_PYTHON") {
        return Ok(PathBuf::from(named));
    }
    look_for_python3().await?;
    if *header != ScriptHeader::default() {
        return prepared_for(header).await;
    }
    if let Some(environment) = std::env::var_os("VIRTUAL_ENV") {
        let python = Path::new(&environment).join("bin/python");
        if has_client(&python).await {
            return Ok(python);
        }
    }
    let on_path = PathBuf::from("python3");
    if has_client(&on_path).await {
        return Ok(on_path);
    }
    prepared(&on_path).await
}

/// Everything else begins with the `python3` on PATH.
async fn look_for_python3() -> Result<()> {
    let mut probe = Command::new("python3");
    probe.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().await.map(drop).map_err(|error| cannot_start(Path::new("python3"), error))
}

/// The error of an interpreter that does not start.
pub(crate) fn cannot_start(python: &Path, error: std::io::Error) -> Error {
    let name = python.display();
    let hint = if python == Path::new("python3") {
        "install Python 3.10 or newer (apt-get install python3 python3-venv), or name one in MILLSTREAM_PYTHON; programs in \
         SQL need none"
    } else {
        "MILLSTREAM_PYTHON must be the path of a Python, such as /usr/bin/python3; without it one is looked for on PATH"
    };
    match error.kind() {
        ErrorKind::NotFound => Error::not_found(format!("there is no Python '{name}'")).with_hint(hint),
        _ => Error::unavailable(format!("cannot start '{name}'")).with_source(error).with_hint(hint),
    }
}

async fn has_client(python: &Path) -> bool {
    let mut probe = Command::new(python);
    probe.args(["-c", PROBE]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().await.is_ok_and(|status| status.success())
}

/// An environment of our own in the cache folder, made at the first use.
async fn prepared(base: &Path) -> Result<PathBuf> {
    let folder = cache_folder()?.join("pyspark-client-4.2.0");
    let python = folder.join("bin/python");
    if has_client(&python).await {
        return Ok(python);
    }
    terminal::say(&format!("preparing a Python with PySpark's client in {} ({EXPENSE})", folder.display()));
    make(base, &folder).await?;
    install(&python, &[]).await?;
    Ok(python)
}

/// An environment for all programs with this header, with the client in it, made at the first use.
async fn prepared_for(header: &ScriptHeader) -> Result<PathBuf> {
    let text = format!("{PACKAGES:?}{header:?}");
    let folder = cache_folder()?.join(format!("script-{:016x}", xxh3_64(text.as_bytes())));
    let python = folder.join("bin/python");
    let complete = folder.join(".complete");
    if complete.exists() {
        return Ok(python);
    }
    let wanted = header.dependencies.join(", ");
    let what = if wanted.is_empty() { String::new() } else { format!("{wanted} and ") };
    terminal::say(&format!("preparing a Python with {what}PySpark's client in {} ({EXPENSE})", folder.display()));
    make(Path::new("python3"), &folder).await?;
    if let Some(versions) = &header.requires_python {
        let mut check = Command::new(&python);
        check.args(["-c", CHECK_VERSION, versions]);
        succeed(
            check,
            "the program asks for another Python in its header",
            "put a python3 of that version first on PATH",
        )
        .await?;
    }
    install(&python, &header.dependencies).await?;
    std::fs::write(&complete, "")
        .map_err(|error| Error::unavailable(format!("cannot write '{}'", complete.display())).with_source(error))?;
    Ok(python)
}

/// Makes an environment with nothing in it. What is left of an earlier attempt is made whole.
async fn make(base: &Path, folder: &Path) -> Result<()> {
    let mut check = Command::new(base);
    check.args(["-c", CHECK_CLIENT]);
    succeed(check, "this Python is too old", NAME_ONE).await?;
    let mut make = Command::new(base);
    make.args(["-m", "venv"]).arg(folder);
    succeed(make, "cannot make a Python environment", NAME_ONE).await
}

/// Puts the client and what else is wanted into an environment.
async fn install(python: &Path, wanted: &[String]) -> Result<()> {
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES).args(wanted);
    let (attempted, hint) = match wanted {
        [] => ("cannot install PySpark's client", NAME_ONE),
        _ => {
            ("cannot install what the program asks for", "see the dependencies in the program's '# /// script' header")
        }
    };
    let mut installed = pin!(succeed(install, attempted, hint));
    let begun = Instant::now();
    loop {
        match timeout(STILL_EVERY, &mut installed).await {
            Ok(done) => return done,
            Err(_) => terminal::say(&format!("still installing, {} s so far", begun.elapsed().as_secs())),
        }
    }
}

/// Runs a command, whose last words are the reason where it fails.
async fn succeed(mut command: Command, attempted: &str, mut hint: &'static str) -> Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| Error::unavailable(attempted).with_source(error).with_hint(hint))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // Debian ships venv without what it needs, and says so on standard output.
    if String::from_utf8_lossy(&output.stdout).contains("ensurepip is not available") {
        hint = "apt-get install python3-venv; or name a Python that has pyspark-client 4.2 in MILLSTREAM_PYTHON";
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(Error::unavailable(format!("{attempted}: {last}")).with_hint(hint))
}

fn cache_folder() -> Result<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let of_home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let root = set
        .or_else(of_home)
        .ok_or_else(|| Error::not_found("there is no cache folder, because HOME is not set").with_hint(NAME_ONE))?;
    Ok(root.join("millstream"))
}
