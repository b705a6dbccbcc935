"""The questions of `questions/*.txt` and the feeds of `feeds.txt`, as `crates/sql/tests/it/streams/question.rs` reads them too.

A file of questions has `let NAME = EXPRESSION` lines and blocks of `key: value` lines. An expression is PySpark; `feed("NAME")`
is a streaming DataFrame. `for X: a | b` repeats the block with `{X}` replaced, `modes` repeats it for each output mode.
"""
import dataclasses
import itertools
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Feed:
    name: str
    ddl: str
    lines: list  # as written, without comments
    steps: list  # for each step its rows as JSON, or None if it brings no batch


@dataclasses.dataclass
class Question:
    name: str
    mode: str
    ask: str
    lets: dict  # name to expression, those that `ask` needs, in their order
    feeds: list  # names, sorted
    conf: dict
    drive: str
    ordered: bool
    clock: bool
    digest: str = ""


def content(text):
    """Lines without comments; a line that is indented continues the one before."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith(" ") and line.strip():
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return lines


def feeds():
    found = {}
    for line in content((HERE / "feeds.txt").read_text()):
        if line.startswith("feed "):
            name, ddl = line.removeprefix("feed ").split(": ", 1)
            feed = found[name] = Feed(name, ddl, [line], [])
            continue
        if not line:
            continue
        feed.lines.append(line)
        if line == "batch":
            feed.steps.append([])
        elif line == "nothing":
            feed.steps.append(None)
        else:
            feed.steps[-1].append(line)
    return found


def questions(path, all_feeds):
    """All questions of a file, each with a digest of everything that it asks."""
    lets, blocks, block = {}, [], []
    for line in [*content(path.read_text()), ""]:
        if line.startswith("let "):
            name, expression = line.removeprefix("let ").split(" = ", 1)
            lets[name] = expression
        elif line:
            block.append(line.split(": ", 1) if ": " in line else [line, ""])
        elif block:
            blocks.append(block)
            block = []
    return [question for block in blocks for question in expand(block, lets, all_feeds)]


def expand(block, lets, all_feeds):
    choices = [(key.removeprefix("for "), value.split(" | ")) for key, value in block if key.startswith("for ")]
    for chosen in itertools.product(*[values for _, values in choices]):
        filled = {}
        for key, value in block:
            for (name, _), choice in zip(choices, chosen):
                value = value.replace("{" + name + "}", choice)
            filled.setdefault(key, []).append(value)
        for mode in filled["modes"][0].split(", "):
            yield question(filled, mode, lets, all_feeds)


def question(filled, mode, lets, all_feeds):
    ask = filled["ask"][0]
    used = needed(ask, lets)
    text = "\n".join([ask, *used.values()])
    names = sorted(set(re.findall(r'feed\("(\w+)"\)', text)))
    conf = dict(setting.split("=", 1) for setting in filled.get("conf", []))
    made = Question(
        f"{filled['question'][0]} [{mode}]", mode, ask, used, names, conf, filled.get("drive", ["live"])[0],
        "ordered" in filled, "clock" in filled)
    parts = [f"let {name} = {expression}" for name, expression in used.items()]
    parts += [line for name in names for line in all_feeds[name].lines]
    parts += [ask, mode, made.drive, str(made.ordered).lower(), str(made.clock).lower(), *(f"{key}={value}" for key, value in conf.items())]
    made.digest = format(fnv("\n".join(parts)), "016x")
    return made


def needed(text, lets):
    """The definitions that a text names, and those that they name."""
    names, todo = set(), [text]
    while todo:
        for word in re.findall(r"\w+", todo.pop()):
            if word in lets and word not in names:
                names.add(word)
                todo.append(lets[word])
    return {name: expression for name, expression in lets.items() if name in names}


def fnv(text):
    """FNV-1a in 64 bits: short enough to be written twice."""
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest
