"""Counts the questions of this folder by operator, output mode and awkward data.

    python3 conformance/streams/matrix.py [--missing]

A cell is a number of questions; `.` is none. A question counts for every operator that it has. What is awkward of its data is read off the
feeds: a column counts where the question names it, or where whole rows are kept. `--missing` lists the cells without a question.
"""
import collections
import itertools
import json
import re
import sys

import questions

LONG = 256
MODES = ["append", "update", "complete"]
DATA = ["NULL", "NaN", "-0.0", "same", "late", "empty", "skew", "zone", "DST", "dec", "long", "ties", "nest"]
WHAT = """NULL, NaN, -0.0: values of a column; same: rows that are equal; late: rows before the newest, below a watermark; empty: batches
without rows, steps without a batch; skew: a key that most rows have; zone: another zone than UTC; DST: times on days when clocks go
forward or back there; dec: decimals; long: texts of more than 256 characters; ties: rows at one time; nest: arrays, maps, structs."""

# An operator is found by what the text of a question says.
OPERATORS = {
    "aggregate by key": r"groupBy\(|GROUP BY|\.agg\(|\.count\(\)",
    "tumbling window": r"F\.window\([^,]+, \"[^\"]+\"\)|window\(\w+, '[^']+'\)",
    "sliding window": r"F\.window\([^,]+, \"[^\"]+\", \"|window\(\w+, '[^']+', '",
    "session": r"session_window\([^()]*\)",
    "session, gap a row": r"session_window\(\"\w+\", F\.(expr|col)\(|session_window\(\w+, gap\)",
    "grouping sets, pivot": r"\.cube\(|\.rollup\(|groupingSets|GROUPING SETS|CUBE|ROLLUP|\.pivot\(",
    "distinct values": r"DISTINCT|count_distinct|countDistinct",
    "HAVING, filter above": r"HAVING|\)\.where\(",
    "dropDuplicates": r"dropDuplicates\(|\.distinct\(\)",
    "dropDuplicates within": r"dropDuplicatesWithinWatermark",
    "join with a table": r"createDataFrame|spark\.range|spark\.sql\(",
    "union": r"\.union\w*\(|UNION",
    "limit, offset": r"\.limit\(|\.offset\(|LIMIT",
    "order": r"orderBy\(|\.sort\(|ORDER BY",
    "first rows, numbers": r"row_number|rank\(|\bW\.|OVER",
    "EXCEPT, INTERSECT": r"exceptAll|\.subtract\(|intersect|EXCEPT|INTERSECT",
    "two watermarks": r"(?s)withWatermark.*withWatermark",
}
# These follow from the kinds of joins of streams, and from how many aggregates there are.
JOINS = {
    "stream join, inner": {"inner"},
    "stream join, outer": {"left", "right", "full"},
    "stream join, semi, anti": {"left_semi", "left_anti"},
}
OTHERS = ["chained aggregates", "aggregate over a join", "project, filter, explode"]
ROWS = [*OPERATORS, *JOINS, *OTHERS]


def main():
    feeds = questions.feeds()
    traits = {name: feed_traits(feed) for name, feed in feeds.items()}
    counts, total = collections.Counter(), 0
    for path in sorted((questions.HERE / "questions").glob("*.txt")):
        for question in questions.questions(path, feeds):
            total += 1
            kinds = ["all", *data_of(question, traits)]
            counts.update((operator, question.mode, kind) for operator in operators_of(question) for kind in kinds)
    print(f"{total} questions")
    if "--missing" in sys.argv:
        missing(counts)
    else:
        table(counts)


def table(counts):
    print(f"{'':24} {'':8} " + " ".join(f"{kind:>5}" for kind in ["all", *DATA]))
    for operator, mode in itertools.product(ROWS, MODES):
        row = [counts[operator, mode, kind] for kind in ["all", *DATA]]
        print(f"{operator:24} {mode:8} " + " ".join(f"{count or '.':>5}" for count in row))
    print(WHAT)


def missing(counts):
    for operator, mode in itertools.product(ROWS, MODES):
        none = [kind for kind in DATA if not counts[operator, mode, kind]]
        print(f"{operator}, {mode}: {', '.join(none) or '-'}")


def text_of(question):
    return "\n".join([*question.lets.values(), question.ask])


def operators_of(question):
    text = text_of(question)
    found = [name for name, pattern in OPERATORS.items() if re.search(pattern, text)]
    kinds = kinds_of_joins(question, text)
    found += [name for name, of in JOINS.items() if kinds & of]
    if kinds and "aggregate by key" in found:
        found.append("aggregate over a join")
    elif len(re.findall(r"groupBy\(|GROUP BY", text)) > 1:
        found.append("chained aggregates")
    return found or ["project, filter, explode"]


def kinds_of_joins(question, text):
    """The kinds of the joins of streams; a join of one stream alone is one with a table, unless the stream is joined with itself."""
    is_joined = re.search(r"\.(crossJ|j)oin\(|\bJOIN\b|FROM \{\w+\}( \w+)?, ", text)
    with_itself = re.search(r"alias\(\"l\"\)|(\w+)\.join\(\1|counts\.join|perwindow\.join", text)
    if not is_joined or not (text.count("feed(") > 1 or with_itself):
        return set()
    named = set(re.findall(r"\"(inner|left|right|full|left_semi|left_anti)\"", text))
    words = {"LEFT JOIN": "left", "RIGHT OUTER JOIN": "right", "FULL OUTER JOIN": "full", "LEFT SEMI JOIN": "left_semi"}
    named |= {kind for name, kind in words.items() if name in question.ask}
    return named or {"inner"}


def feed_traits(feed):
    """What is awkward of a feed: kinds of all its rows, and by column."""
    types = dict(column.split(" ", 1) for column in re.split(r", (?=\w+ [A-Z])(?![^<]*>)", feed.ddl))
    rows = [json.loads(row) for step in feed.steps for row in step or []]
    whole, columns = set(), collections.defaultdict(set)
    if any(not step for step in feed.steps):
        whole.add("empty")
    if len({json.dumps(row, sort_keys=True) for row in rows}) < len(rows):
        whole.add("same")
    time = next((name for name, kind in types.items() if kind == "TIMESTAMP"), None)
    if time:
        whole |= time_traits(feed, time)
    for name, kind in types.items():
        values = [row.get(name) for row in rows]
        columns[name] |= value_traits(kind, values)
    return whole, columns


def time_traits(feed, time):
    found, newest = set(), None
    for step in feed.steps:
        times = [row[time] for row in map(json.loads, step or []) if time in row]
        if newest and any(each < newest for each in times):
            found.add("late")
        newest = max([each for each in [newest, *times] if each], default=None)
    times = [json.loads(row).get(time) for step in feed.steps for row in step or []]
    if max(collections.Counter(each for each in times if each).values(), default=0) > 1:
        found.add("ties")
    # On these days clocks were put back and forward in Berlin.
    if any(each and each.startswith(("2026-10-25", "2026-03-29")) for each in times):
        found.add("clocks")
    return found


def value_traits(kind, values):
    found = set()
    if None in values:
        found.add("NULL")
    texts = [json.dumps(value) for value in values]
    if any("NaN" in text for text in texts):
        found.add("NaN")
    if any(re.search(r"-0\.0\b", text) for text in texts):
        found.add("-0.0")
    if "DECIMAL" in kind:
        found.add("dec")
    if re.match("ARRAY|MAP|STRUCT", kind):
        found.add("nest")
    if any(len(text) > LONG for text in texts):
        found.add("long")
    most = max(collections.Counter(texts).values(), default=0)
    if len(values) >= 10 and most * 2 > len(values) and kind in ("STRING", "BIGINT"):
        found.add("skew")
    return found


def data_of(question, traits):
    text, found = text_of(question), set()
    keeps_rows = bool(re.search(r"\.join\(|dropDuplicates|distinct\(\)|\.union|subtract|intersect|except", text))
    for name in question.feeds:
        whole, columns = traits[name]
        found |= whole - {"late", "clocks"}
        if "late" in whole and re.search("withWatermark|WATERMARK", text):
            found.add("late")
        for column, kinds in columns.items():
            if keeps_rows or re.search(rf"\b{column}\b", text):
                found |= kinds
        zone = question.conf.get("spark.sql.session.timeZone", "UTC")
        if "clocks" in whole and zone != "UTC":
            found.add("DST")
    if question.conf.get("spark.sql.session.timeZone", "UTC") != "UTC" or re.search("timestamp_ntz|utc_timestamp|convert_timezone", text):
        found.add("zone")
    return found


if __name__ == "__main__":
    main()
