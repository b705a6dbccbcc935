"""Asks Apache Spark and Millstream the same random expressions and groups what differs. Run by hand; conformance/README.md says how.

usage: SPARK_REMOTE=sc://… MILLSTREAM_REMOTE=sc://… python run.py --seeds 1-50 [--what scalar|aggregate|window] [--report FILE]

A seed is a batch of expressions over a table of rows, in ANSI mode or without, in one of some zones. Each expression is
evaluated on every row on both engines. An error is looked at by itself: the rows for which Millstream has values are compared,
and of those for which it has none, two are asked of Spark one by one. A difference is shrunk to the smallest expression within
that differs by itself, and counted by its form.
"""
import argparse
import collections
import logging
import os
import pathlib
import random
import re
import sys
import time

import generate
import values
from engines import Engine, Failure, nearly
from generate import Node

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 24
EXPRESSIONS = {"scalar": 48, "aggregate": 16, "window": 16}
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Amsterdam", "Pacific/Apia", "GMT-3"]


class Difference:
    """What the two engines say to one expression: which rows, and both answers."""

    def __init__(self, node, how, spark, ours, row=None):
        self.node, self.how, self.spark, self.ours, self.row = node, how, spark, ours, row

    def kind(self):
        return f"{self.how}\t{self.node.form}"


class Comparison:
    """One table on both engines."""

    def __init__(self, spark, ours):
        self.spark, self.ours = spark, ours
        self.evaluations, self.errors, self.ansi = 0, collections.Counter(), True

    def prepare(self, seed, ansi, zone):
        self.ansi = ansi
        for engine in (self.spark, self.ours):
            engine.set("spark.sql.session.timeZone", "UTC")
            engine.set("spark.sql.ansi.enabled", "true")
            engine.create_view("t", values.table(seed, ROWS), kept=engine is self.ours)
            engine.set("spark.sql.session.timeZone", zone)
            engine.set("spark.sql.ansi.enabled", str(ansi).lower())

    def columns(self, engine, expressions, where=""):
        """The column of each expression, or its failure: together if that goes, else half by half."""
        if not expressions:
            return []
        if self.ansi and len(expressions) > 4 and engine is self.ours:  # so many fail that halving takes more queries
            fours = [expressions[start:start + 4] for start in range(0, len(expressions), 4)]
            return [column for four in fours for column in self.columns(engine, four, where)]
        shown = ", ".join(f"named_struct('v', {sql}) AS c{number}" for number, sql in enumerate(expressions))
        found = engine.ask(f"SELECT id, {shown} FROM t {where}")
        if not isinstance(found, Failure):
            ordered = sorted(found.values, key=lambda row: row[0])
            return [(found.types[1 + number], {row[0]: row[1 + number] for row in ordered}) for number in range(len(expressions))]
        if len(expressions) == 1:
            return [found]
        half = len(expressions) // 2
        return self.columns(engine, expressions[:half], where) + self.columns(engine, expressions[half:], where)

    def rows_with_values(self, sql, rows, budget):
        """Which of the rows have a value here, and which fail with what; some may stay unknown."""
        if not rows or budget[0] <= 0:
            return [], []
        budget[0] -= 1
        found = self.columns(self.ours, [sql], f"WHERE id IN ({', '.join(map(str, rows))})")[0]
        if not isinstance(found, Failure):
            return rows, []
        if len(rows) == 1:
            return [], [(rows[0], found)]
        half = len(rows) // 2
        good, bad = self.rows_with_values(sql, rows[:half], budget)
        more, worse = self.rows_with_values(sql, rows[half:], budget)
        return good + more, bad + worse

    def compare(self, nodes, budget=7):
        """The differences among these expressions, at most one for each."""
        sqls = [node.sql() for node in nodes]
        ours = self.columns(self.ours, sqls)
        found, guarded, checked = [], [], []
        for node, sql, answer in zip(nodes, sqls, ours):
            if not isinstance(answer, Failure):
                guarded.append((node, sql, answer))
                continue
            good, bad = ([], [(0, answer)]) if answer.of_analysis else self.rows_with_values(sql, list(range(ROWS)), [budget])
            checked.append((node, sql, bad[:2], answer))
            if good:
                guard = f"CASE WHEN id IN ({', '.join(map(str, good))}) THEN {sql} END"
                answer = self.columns(self.ours, [guard])[0]
                if isinstance(answer, Failure):
                    found.append(Difference(node, f"guarded {answer.condition}", None, answer))
                else:
                    guarded.append((node, guard, answer))
        theirs = self.columns(self.spark, [sql for _, sql, _ in guarded])
        for (node, _, answer), other in zip(guarded, theirs):
            self.evaluations += ROWS
            found += self.differing(node, other, answer)
        for node, sql, bad, failure in checked:
            found += self.check_failures(node, sql, bad, failure)
        return found

    def check_failures(self, node, sql, bad, failure):
        """Whether Spark fails where Millstream does."""
        found = []
        for row, failed in bad or [(None, failure)]:
            where = "" if row is None else f"WHERE id = {row}"
            other = self.columns(self.spark, [sql], where)[0]
            self.evaluations += 1
            if isinstance(other, Failure):
                self.errors[other.condition] += 1
                if other != failed:
                    found.append(Difference(node, f"{other} here {failed.condition}", other, failed, row))
            else:
                found.append(Difference(node, f"value here {failed}", first(other[1], row), failed, row))
        return found[:1]

    def differing(self, node, spark, ours):
        if isinstance(spark, Failure):
            return [Difference(node, f"{spark} here a value", spark, None)]
        if normal_type(spark[0]) != normal_type(ours[0]):
            return [Difference(node, f"type {inner(spark[0])} here {inner(ours[0])}", spark[0], ours[0])]
        rows = [row for row in spark[1] if spark[1][row] != ours[1].get(row)]
        if len(spark[1]) != len(ours[1]):
            return [Difference(node, "number of rows", len(spark[1]), len(ours[1]))]
        if not rows:
            return []
        far = [row for row in rows if not nearly(spark[1][row], ours[1][row])]
        row = (far or rows)[0]
        beyond = all(is_beyond(spark[1][row]) or is_beyond(ours[1][row]) for row in far)
        how = "last digits" if not far else "value beyond doubles" if beyond else "value"
        return [Difference(node, how, spark[1][row], ours[1][row], row)]

    def shrink(self, difference):
        """The smallest expression within that differs by itself, with parts that are as plain as they may be."""
        inner_nodes = [node for node in difference.node.all() if node.parts and node.form != "lambda" and not node.free()]
        smaller = sorted((node for node in inner_nodes if node is not difference.node), key=Node.size)
        found = self.compare(smaller, budget=5)
        if found:
            difference = min(found, key=lambda one: one.node.size())
        node = difference.node
        for index, part in enumerate(node.parts):
            if part.parts and part.form != "lambda" and not part.free() and part.kind is not None:
                for column in [name for name, kind in values.COLUMNS.items() if kind == part.kind][:2]:
                    simpler = difference.node.with_part(index, Node(f"`{column}`", kind=part.kind, form="column"))
                    again = self.compare([simpler], budget=5)
                    if again and again[0].how == difference.how:
                        difference = again[0]
                        break
        return difference

    def parts_of(self, difference):
        """The values of an expression's parts on the row that differs, and their types, as Spark has them."""
        parts = [part for part in difference.node.parts if part.kind is not None and not part.free() and part.form not in ("constant", "lambda")]
        where = "" if difference.row is None else f"WHERE id = {difference.row}"
        shown = []
        for part in parts:
            answer = self.columns(self.spark, [part.sql()], where)[0]
            shown.append(repr(answer) if isinstance(answer, Failure) else f"{inner(answer[0])} {first(answer[1], difference.row)!r}"[:200])
        return shown


def first(column, row):
    return column[row] if row is not None else next((value for value in column.values() if value != (None,)), None)


def is_beyond(value):
    """Whether a value holds no number, or one whose square is beyond all doubles."""
    return re.search(r"'(nan|-?inf|-?[\d.]+e\+?(1[6-9]\d|[23]\d\d))f?'", repr(value).lower()) is not None


def inner(wrapped):
    return wrapped[len("struct<v:"):-1] if wrapped.startswith("struct<v:") else wrapped


def normal_type(text):
    """A day-time interval's fields are not compared: here it has all of them."""
    text = re.sub(r"interval (day|hour|minute|second)( to (hour|minute|second))?", "interval day to second", text)
    return re.sub(r"interval (year|month)( to month)?", "interval year to month", text)


class Grouped:
    """Aggregates and window functions: whole queries, which are compared one by one when they fail."""

    def __init__(self, comparison):
        self.it = comparison

    def columns(self, engine, expressions, shape):
        if not expressions:
            return []
        shown = ", ".join(f"named_struct('v', {sql}) AS c{number}" for number, sql in enumerate(expressions))
        found = engine.ask(shape.format(shown))
        if not isinstance(found, Failure):
            ordered = sorted(found.values, key=lambda row: repr(row[0]))
            return [(found.types[1 + number], {repr(row[0]): row[1 + number] for row in ordered}) for number in range(len(expressions))]
        if len(expressions) == 1:
            return [found]
        half = len(expressions) // 2
        return self.columns(engine, expressions[:half], shape) + self.columns(engine, expressions[half:], shape)

    def compare(self, nodes, shape):
        sqls = [node.sql() for node in nodes]
        found = []
        for node, theirs, ours in zip(nodes, self.columns(self.it.spark, sqls, shape), self.columns(self.it.ours, sqls, shape)):
            self.it.evaluations += ROWS
            if isinstance(ours, Failure) and isinstance(theirs, Failure):
                self.it.errors[theirs.condition] += 1
                if ours != theirs:
                    found.append(Difference(node, f"{theirs} here {ours.condition}", theirs, ours))
            elif isinstance(ours, Failure):
                found.append(Difference(node, f"value here {ours}", first(theirs[1], None), ours))
            else:
                found += self.it.differing(node, theirs, ours)
        return found

    def shrink(self, difference, shape):
        """A difference in a part is one of scalars; else parts become columns as long as it stays."""
        scalars = [node for node in difference.node.all() if node is not difference.node and node.parts and node.form != "lambda" and not node.free()]
        found = self.it.compare(sorted(scalars, key=Node.size), budget=5)
        if found:
            return min(found, key=lambda one: one.node.size())
        for index, part in enumerate(difference.node.parts):
            for column in [name for name, kind in values.COLUMNS.items() if kind == part.kind and part.parts][:2]:
                simpler = difference.node.with_part(index, Node(f"`{column}`", kind=part.kind, form="column"))
                again = self.compare([simpler], shape)
                if again and again[0].how == difference.how:
                    difference = again[0]
                    break
        return difference


class Report:
    """Differences by kind, with those that are listed apart."""

    def __init__(self, path):
        self.kinds, self.examples, self.path = collections.Counter(), {}, path
        lines = (HERE / "differences.tsv").read_text().splitlines()
        listed = [line.split("\t") for line in lines if line and not line.startswith("#")]
        self.listed = [(re.compile(how), re.compile(form), reason) for how, form, reason, _ in listed]

    def reason(self, kind):
        how, form = kind.split("\t")
        return next((reason for h, f, reason in self.listed if h.fullmatch(how) and f.fullmatch(form)), None)

    def add(self, seed, difference, parts):
        kind = difference.kind()
        self.kinds[kind] += 1
        if self.kinds[kind] <= 3:
            lines = [f"  seed {seed} row {difference.row}: {difference.node.sql()[:700]}", *(f"    of {part}" for part in parts)]
            lines += [f"    spark      {shown(difference.spark)}", f"    millstream {shown(difference.ours)}"]
            self.examples.setdefault(kind, []).extend(lines)

    def write(self, comparison, seconds):
        lines = [f"{comparison.evaluations} evaluations, {sum(comparison.errors.values())} errors that Spark gave, {seconds:.0f} s"]
        lines += [f"{sum(self.kinds.values())} differences of {len(self.kinds)} kinds"]
        for kind, count in self.kinds.most_common():
            reason = self.reason(kind)
            lines += [f"{count} x {kind}" + (f"  LISTED: {reason}" if reason else ""), *([] if reason else self.examples[kind])]
        pathlib.Path(self.path).write_text("\n".join(lines) + "\n")
        return sum(1 for kind in self.kinds if not self.reason(kind))


def shown(value):
    return f"{value!r}: {value.message}" if isinstance(value, Failure) else repr(value)[:400]


def seeds_of(text):
    start, _, end = text.partition("-")
    return range(int(start), int(end or start) + 1)


def run_scalar(comparison, report, seed, generator):
    nodes = [generator.root(generator.draw.choice([1, 1, 2, 2, 3])) for _ in range(EXPRESSIONS["scalar"])]
    for difference in comparison.compare(nodes):
        if report.reason(difference.kind()) is None and len(difference.node.sql()) < 6000:
            difference = comparison.shrink(difference)
        parts = comparison.parts_of(difference)
        if "here" in difference.how and any(part.startswith("ERROR") for part in parts):
            difference.how = f"a part fails, {difference.how}"
        report.add(seed, difference, parts)


def run_grouped(comparison, report, seed, generator, what):
    grouped, draw = Grouped(comparison), generator.draw
    if what == "window":
        shape, make = "SELECT id, {} FROM t", generator.window
    else:
        key = draw.choice(["id % 3", "bo", "d", "s", "n", "id % 4", "1", "f", "dt", "p", "id % 2 = 0"])
        shape, make = f"SELECT {key} AS g, {{}} FROM t GROUP BY {key}" if key != "1" else "SELECT 1 AS g, {} FROM t", generator.aggregate
    nodes = [make(draw.choice([1, 1, 2])) for _ in range(EXPRESSIONS[what])]
    for difference in grouped.compare(nodes, shape):
        if report.reason(difference.kind()) is None:
            difference = grouped.shrink(difference, shape)
        report.add(f"{seed} {shape}", difference, [])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--what", choices=list(EXPRESSIONS), default="scalar")
    parser.add_argument("--report", default="differences.txt")
    parser.add_argument("--mode", choices=["both", "ansi", "legacy"], default="both")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # PySpark logs each error
    comparison = Comparison(Engine("spark", os.environ["SPARK_REMOTE"]), Engine("millstream", os.environ["MILLSTREAM_REMOTE"]))
    comparison.spark.set("spark.sql.shuffle.partitions", "1")
    report, began, unlisted = Report(options.report), time.monotonic(), 0
    for seed in seeds_of(options.seeds):
        draw = random.Random(seed)
        ansi = {"both": draw.random() < 0.6, "ansi": True, "legacy": False}[options.mode]
        zone = draw.choice(ZONES)
        comparison.prepare(seed, ansi, zone)
        generator = generate.Generator(seed)
        label = f"{seed} {'ansi' if ansi else 'legacy'} {zone}"
        if options.what == "scalar":
            run_scalar(comparison, report, label, generator)
        else:
            run_grouped(comparison, report, label, generator, options.what)
        unlisted = report.write(comparison, time.monotonic() - began)
        print(f"seed {label}: {comparison.evaluations} evaluations, {len(report.kinds)} kinds, {unlisted} not listed, "
              f"{comparison.spark.queries} queries, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
