# Shared by the scripts that start real servers for tests and benchmarks. To be sourced by bash.
#
# Programs are downloaded once, with Maven, into $MILLSTREAM_TOOLS (default ~/.cache/millstream-tools) and kept there.
# A server listens on loopback only. Ports are free ones unless the caller names them.
set -euo pipefail
tools="${MILLSTREAM_TOOLS:-$HOME/.cache/millstream-tools}"

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# fetch_jars NAME GROUP:ARTIFACT:VERSION…
# The artifacts and everything they need at run time, as jar files in $tools/NAME; with ARTIFACTS_ALONE=1 without what they need.
fetch_jars() {
  local target="$tools/$1" artifact attempt group name version
  shift
  [ -e "$target/.complete" ] && return
  command -v java >/dev/null || fail "needs a JDK 17 or newer (Debian: openjdk-17-jdk-headless)"
  command -v mvn >/dev/null || fail "needs Maven to download $* (Debian: maven)"
  mkdir -p "$target"
  {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0">'
    echo '  <modelVersion>4.0.0</modelVersion>'
    echo '  <groupId>millstream</groupId> <artifactId>servers</artifactId> <version>1</version>'
    echo '  <dependencies>'
    for artifact in "$@"; do
      IFS=: read -r group name version <<<"$artifact"
      echo "    <dependency><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version>"
      if [ -n "${ARTIFACTS_ALONE:-}" ]; then
        echo "      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
      fi
      echo "    </dependency>"
    done
    echo '  </dependencies>'
    echo '</project>'
  } >"$target/pom.xml"
  for attempt in 1 2 3; do
    if mvn --quiet --batch-mode --file "$target/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$target" >"$target/mvn.out" 2>&1; then
      touch "$target/.complete"
      return
    fi
  done
  tail -n 20 "$target/mvn.out" >&2
  fail "could not download $*"
}

# free_ports COUNT: that many different ports on which nobody listens now.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])
PY
}

# await_port PORT PID LOG: until the server listens; fails with the end of its log when it ends first or takes 90 s.
await_port() {
  local tries
  for ((tries = 0; tries < 900; tries++)); do
    if ! kill -0 "$2" 2>/dev/null; then
      tail -n 30 "$3" >&2
      fail "the server ended while it started; its log is $3"
    fi
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  kill -9 "$2"
  fail "port $1 did not open within 90 s; the log is $3"
}

# end_with_stdin PID: kills the server when standard input ends, which is when whoever started this script is gone,
# however it went. Asked for with SERVER_ENDS_WITH_STDIN=1; without it the caller ends the server by its process id.
end_with_stdin() {
  [ -n "${SERVER_ENDS_WITH_STDIN:-}" ] || return 0
  local born
  born="$(process_start "$1")"
  (
    trap '' INT TERM HUP
    cat >/dev/null || true
    # The number may belong to another process by now.
    if [ "$(process_start "$1")" = "$born" ]; then kill -9 "$1"; fi
  ) <&0 >/dev/null 2>&1 &
}

# process_start PID: when it started, in clock ticks; nothing if it is gone.
process_start() {
  local stat
  stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 0
  set -- ${stat##*) }
  echo "${20}"
}
