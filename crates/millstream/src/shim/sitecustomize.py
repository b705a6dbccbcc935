"""Fits PySpark's Connect client to scripts that were written for spark-submit. See src/shim.rs of millstream.

Nothing of PySpark is imported here: a finder waits until the script imports it, so that a program pays for no more than
it uses.
"""
import _thread
import os
import signal
import sys
import threading
import time
from importlib.machinery import PathFinder

_IGNORED = ("spark.master", "spark.submit.")


def _ignored(key):
    return isinstance(key, str) and key.startswith(_IGNORED)


def _fit_builder(builder):
    """Settings that choose a cluster have no effect: the engine is chosen already."""
    config = builder.config

    def fitted(self, key=None, value=None, **more):
        if _ignored(key):
            return self
        if more.get("map"):
            more["map"] = {k: v for k, v in more["map"].items() if not _ignored(k)}
        return config(self, key, value, **more)

    builder.config = fitted
    builder.master = lambda self, master: self


class _SparkContext:
    """The few things that streaming scripts do with spark.sparkContext."""

    master = "millstream"
    uiWebUrl = None

    def __init__(self, session):
        self._session = session

    @property
    def version(self):
        return self._session.version

    @property
    def appName(self):
        return self._session.conf.get("spark.app.name")

    @property
    def applicationId(self):
        return "millstream-" + self._session.session_id

    @property
    def defaultParallelism(self):
        return os.cpu_count() or 1

    defaultMinPartitions = defaultParallelism

    def stop(self):
        self._session.stop()

    def _nothing(self, *args, **kwargs):
        return None

    setLogLevel = setJobGroup = setJobDescription = setLocalProperty = setCheckpointDir = _nothing

    def __getattr__(self, name):
        from pyspark.errors import PySparkAttributeError

        raise PySparkAttributeError(
            errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": "sparkContext." + name}
        )


def _fit_session(module):
    _fit_builder(module.SparkSession.Builder)


def _fit_connect_session(module):
    _fit_builder(module.SparkSession.Builder)
    module.SparkSession.sparkContext = property(_SparkContext)


def _fit_exceptions(module):
    """An error is told once, by its traceback; the client's line of JSON about it is for programs that ask for the logger."""
    log = module.PySparkException._log_exception

    def fitted(self):
        import logging

        known = logging.root.manager.loggerDict
        if "DataFrameQueryContextLogger" in known or "SQLQueryContextLogger" in known:
            log(self)

    module.PySparkException._log_exception = fitted


_FIT = {
    "pyspark.errors.exceptions.base": _fit_exceptions,
    "pyspark.sql.session": _fit_session,
    "pyspark.sql.connect.session": _fit_connect_session,
}


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        fit = _FIT.get(name)
        spec = fit and PathFinder.find_spec(name, path, target)
        if not spec or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            fit(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder)


def _end_with_the_engine(lifeline):
    """Waits for the end of a pipe that the engine holds open, and ends the program with it."""
    try:
        os.read(lifeline, 1)
    except OSError:
        return
    try:
        os.write(2, b"millstream: the engine is gone; the program ends with it\n")
    except OSError:
        pass  # Nobody reads standard error any more, which is often why the engine is gone.
    os.kill(os.getpid(), signal.SIGTERM)


def _in_grpc_at_work(frame):
    """Whether the main thread is inside gRPC there, and not in the wait for an answer."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "grpc":
            return frame.f_code.co_name != "_wait_once"
        frame = frame.f_back
    return False


class _Interrupts:
    """What Ctrl-C does: KeyboardInterrupt, but a little later where that could stop the program for ever.

    gRPC takes a lock around each of its steps, and an exception that is raised between the taking and the step leaves it
    taken: the next call, a q.stop() after Ctrl-C, then never ends.
    """

    _AGAIN_AFTER, _AT_MOST = 0.001, 200

    def __init__(self):
        self._put_off = 0

    def __call__(self, number, frame):
        if self._put_off < self._AT_MOST and _in_grpc_at_work(frame):
            self._put_off += 1
            # Not a threading.Thread: starting one takes locks too, and the signal may have come while they are held.
            _thread.start_new_thread(self._again, (number,))
            return
        self._put_off = 0
        raise KeyboardInterrupt

    def _again(self, number):
        time.sleep(self._AGAIN_AFTER)
        signal.pthread_kill(threading.main_thread().ident, number)


# What is imported by an interpreter that lacks PySpark's client, in whole or in part.
_CLIENT = ("pyspark", "grpc", "grpc_status", "pandas", "pyarrow", "google", "zstandard")


def _without_frames_of_the_client(error):
    """Takes the frames of PySpark and gRPC out of a traceback, where others are left: the user wrote none of them."""
    frames = []
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in ("pyspark", "grpc"):
            frames.append(frame)
        frame = frame.tb_next
    for frame, following in zip(frames, frames[1:] + [None]):
        frame.tb_next = following
    if frames:
        error.__traceback__ = frames[0]


def _report(kind, error, traceback):
    """Prints what ended the program, as Python does, but without what helps nobody."""
    # What the program has printed comes first, also where both go to one file.
    try:
        sys.stdout.flush()
    except (AttributeError, OSError, ValueError):
        pass
    if issubclass(kind, KeyboardInterrupt):
        return  # Ctrl-C is how a query is ended.
    seen = set()
    link = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        _without_frames_of_the_client(link)
        link = link.__cause__ or link.__context__
    sys.__excepthook__(kind, error, error.__traceback__)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _CLIENT:
        sys.stderr.write(
            f"millstream: hint: {sys.executable} lacks a part of PySpark's client; pip install"
            ' "pyspark-client==4.2.0" "pandas<3", or unset MILLSTREAM_PYTHON, and a Python is prepared\n'
        )


sys.excepthook = _report
# Tables that the engine prints stand between the right lines of the program, also where both go to one file.
if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(line_buffering=True)

# A program that was started with SIGINT ignored, as a shell does in the background, goes on ignoring it.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _Interrupts())

_lifeline = os.environ.pop("MILLSTREAM_LIFELINE", None)
if _lifeline:
    threading.Thread(target=_end_with_the_engine, args=(int(_lifeline),), name="lifeline", daemon=True).start()

# A sitecustomize of the user's or the system's is hidden by this one, so it is run as well.
_here = __file__.rpartition("/")[0]
_spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != _here])
if _spec and _spec.loader:
    from importlib.util import module_from_spec

    _spec.loader.exec_module(module_from_spec(_spec))
