"""Well-typed expression trees at random, from the forms of signatures.txt."""
import pathlib
import random
import re

import values as rows
from values import COLUMNS, INTEGRAL, NUMERIC, PAIR, PLAIN, sql_type

HERE = pathlib.Path(__file__).resolve().parent
KEYS = ["int", "string", "double", "date", "bigint", "boolean", "decimal"]
ORDERED = [*PLAIN, ("array", "int"), ("array", "string"), ("array", "double"), PAIR]
ANY = [*ORDERED, ("map", "string", "int"), ("map", "int", "string"), ("array", ("array", "int")), ("array", PAIR)]
LETTERS = {"T": ANY, "U": ANY, "O": ORDERED, "K": KEYS, "N": NUMERIC, "I": INTEGRAL}


class Node:
    """An expression: SQL text with places for the parts, the parts, its type, the form that it was made from, and the
    variables of a lambda function that it binds."""

    def __init__(self, text, parts=(), kind=None, form=None, bound=()):
        self.text, self.parts, self.kind, self.form, self.bound = text, list(parts), kind, form or text, frozenset(bound)

    def sql(self):
        return self.text.format(*(part.sql() for part in self.parts))

    def size(self):
        return 1 + sum(part.size() for part in self.parts)

    def free(self):
        """The variables that it takes from outside."""
        own = frozenset([self.text]) if self.form == "variable" else frozenset()
        return own.union(*(part.free() for part in self.parts)) - self.bound

    def all(self):
        yield self
        for part in self.parts:
            yield from part.all()

    def with_part(self, index, part):
        return Node(self.text, [*self.parts[:index], part, *self.parts[index + 1:]], self.kind, self.form, self.bound)


class Form:
    """A line of signatures.txt."""

    def __init__(self, line):
        call, self.result = (part.strip() for part in line.rsplit("->", 1))
        self.line, self.places, pieces, at = call, [], [], 0
        for match in re.finditer(r"\{([^{}]*)\}", call):
            pieces += [call[at:match.start()].replace("{", "{{").replace("}", "}}"), f"{{{len(self.places)}}}"]
            self.places.append(match.group(1))
            at = match.end()
        self.text = "".join(pieces) + call[at:]
        self.type = parse_type(self.result)


def parse_type(word):
    word = word.strip()
    if word.startswith("array<"):
        return ("array", parse_type(word[6:-1]))
    if word.startswith("map<"):
        key, item = word[4:-1].split(",", 1)
        return ("map", parse_type(key), parse_type(item))
    if word.startswith("struct<"):
        return PAIR
    return word


def forms(name):
    lines = (HERE / name).read_text().splitlines()
    return [Form(line) for line in lines if line and not line.startswith("#")]


def matches(pattern, kind, letters):
    """Binds the letters of a pattern so that it is this type; false if it cannot be."""
    if isinstance(pattern, str) and pattern in LETTERS:
        if pattern in letters:
            return letters[pattern] == kind
        if kind in LETTERS[pattern] or pattern in "TU":
            letters[pattern] = kind
            return True
        return False
    if pattern == "any_number":
        return kind in NUMERIC
    if isinstance(pattern, str) or isinstance(kind, str) or pattern[0] == "struct":
        return pattern == kind
    return pattern[0] == kind[0] and all(matches(one, other, letters) for one, other in zip(pattern[1:], kind[1:]))


def filled(pattern, letters, draw):
    """The type that a pattern stands for, binding what is not bound."""
    if pattern in ("num", "any_number"):
        return draw.choice(NUMERIC)
    if pattern in ("any", "any_unknown"):
        return draw.choice(ANY)
    if isinstance(pattern, str):
        if pattern in LETTERS:
            return letters.setdefault(pattern, draw.choice(LETTERS[pattern]))
        return pattern
    if pattern[0] == "struct":
        return pattern
    return (pattern[0], *(filled(part, letters, draw) for part in pattern[1:]))


def casts(source, target):
    """Whether Spark has a cast between two plain types in ANSI mode."""
    times, spans = ("date", "timestamp", "timestamp_ntz"), ("dt_interval", "ym_interval")
    if source == target or source == "string" or target == "string":
        return True
    if source in times or target in times:
        return source in times and target in times or "timestamp" in (source, target) and (source in NUMERIC or target in NUMERIC)
    if source in spans or target in spans:
        return source in INTEGRAL or target in INTEGRAL
    if source == "binary" or target == "binary":
        return False
    return True


class Generator:
    """Expressions from one seed."""

    def __init__(self, seed, mistyped=0.02):
        self.draw, self.mistyped = random.Random(f"expressions {seed}"), mistyped
        self.scalar, self.aggregates, self.windows = forms("signatures.txt"), forms("aggregates.txt"), forms("windows.txt")
        self.by_type = {}
        self.unused = []
        self.variables = 0

    def root(self, depth):
        """An expression whose outermost form is each in turn, so that none is left out."""
        if not self.unused:
            self.unused = self.draw.sample(self.scalar, len(self.scalar))
        if self.draw.random() < 0.2:
            return self.cast(self.draw.choice(ANY), depth, {})
        return self.apply(self.unused.pop(), {}, depth, {})

    def tree(self, kind, depth, scope):
        """An expression of this type."""
        draw = self.draw
        if draw.random() < self.mistyped:
            kind = draw.choice(ANY)
        if depth <= 0 or draw.random() < 0.25:
            return self.leaf(kind, scope)
        if draw.random() < 0.12:
            return self.cast(kind, depth, scope)
        for _ in range(12):
            form, letters = draw.choice(self.forms_of(kind)), {}
            if matches(form.type, kind, letters):
                return self.apply(form, letters, depth, scope)
        return self.leaf(kind, scope)

    def forms_of(self, kind):
        if kind not in self.by_type:
            self.by_type[kind] = [form for form in self.scalar if form.type != "any_unknown" and matches(form.type, kind, {})]
        return self.by_type[kind]

    def apply(self, form, letters, depth, scope):
        parts, text = [], form.text
        for number, place in enumerate(form.places):
            found = self.place(place, letters, depth, scope)
            if len(found) > 1:
                text = text.replace(f"{{{number}}}", ", ".join(f"{{{number + 100 * index}}}" for index in range(len(found))))
            parts.append(found)
        flat, names = [], {}
        for number, found in enumerate(parts):
            for index, part in enumerate(found):
                names[number + 100 * index] = len(flat)
                flat.append(part)
        text = re.sub(r"\{(\d+)\}", lambda match: f"{{{names[int(match.group(1))]}}}", text)
        kind = filled(form.type, letters, self.draw)
        operator = not re.match(r"\w+\(.*\)$", form.line)
        return Node(f"({text})" if operator else text, flat, kind, form.line)

    def place(self, place, letters, depth, scope):
        if place.startswith("="):
            return [Node(self.draw.choice(place[1:].split("|")).replace("{", "{{").replace("}", "}}"), form="constant")]
        if "=" in place:
            variables, pattern = place.split(":")
            inner = dict(scope)
            for pair in variables.split(","):
                name, kind = pair.split("=")
                inner[name] = filled(parse_type(kind), letters, self.draw)
            body = self.tree(filled(parse_type(pattern), letters, self.draw), depth - 1, inner)
            return [Node("{0}", [body], body.kind, "lambda", inner.keys() - scope.keys() | {pair.split("=")[0] for pair in variables.split(",")})]
        count = 1
        if place.endswith("*"):
            place, count = place[:-1], self.draw.choice([1, 2, 2, 3])
        pattern = parse_type(place)
        return [self.tree(filled(pattern, letters, self.draw), depth - 1, scope) for _ in range(count)]

    def cast(self, kind, depth, scope):
        word = self.draw.choice(["CAST", "CAST", "TRY_CAST"])
        source = self.castable(kind)
        name = self.draw.choice(rows.DECIMALS) if kind == "decimal" else sql_type(kind)
        return Node(f"{word}({{0}} AS {name})", [self.tree(source, depth - 1, scope)], kind, f"{word} AS {name}")

    def castable(self, kind):
        """A type that can be cast to this one, but for a few."""
        if self.draw.random() < self.mistyped:
            return self.draw.choice(ANY)
        if not isinstance(kind, str):
            sources = [one for one in ANY if one[0] == kind[0] and not isinstance(one, str)]
            return self.draw.choice([kind, *sources])
        return self.draw.choice([one for one in PLAIN if casts(one, kind)])

    def leaf(self, kind, scope):
        draw = self.draw
        variables = [name for name, its in scope.items() if its == kind]
        if variables and draw.random() < 0.75:
            name = draw.choice(variables)
            return Node(name, kind=kind, form="variable")
        columns = [name for name, its in COLUMNS.items() if its == kind]
        if columns and draw.random() < 0.75:
            return Node(f"`{draw.choice(columns)}`", kind=kind, form="column")
        if draw.random() < 0.05:
            return Node("NULL", kind=kind, form="null")
        return Node(rows.value(draw, kind, nulls=0.05).replace("{", "{{").replace("}", "}}"), kind=kind, form="literal")

    def aggregate(self, depth):
        node = self.apply(self.draw.choice(self.aggregates), {}, depth, {})
        if node.text == "count(*)":
            return self.filtered(node, depth)
        if self.draw.random() < 0.15 and "WITHIN" not in node.text and ", true" not in node.text:
            node.text, node.form = node.text.replace("(", "(DISTINCT ", 1), node.form + " DISTINCT"
        return self.filtered(node, depth)

    def filtered(self, node, depth):
        if self.draw.random() < 0.15:
            condition = self.tree("boolean", depth - 1, {})
            node.text = f"{node.text} FILTER (WHERE {{{len(node.parts)}}})"
            return Node(node.text, [*node.parts, condition], node.kind, node.form + " FILTER")
        return node

    def window(self, depth):
        draw = self.draw
        pool = self.windows if draw.random() < 0.6 else [form for form in self.aggregates if "WITHIN" not in form.line]
        node = self.apply(draw.choice(pool), {}, depth, {})
        partition = draw.choice(["", "PARTITION BY id % 3 ", "PARTITION BY bo ", "PARTITION BY d ", "PARTITION BY s "])
        way = draw.choice(["", " DESC", " NULLS LAST", " DESC NULLS FIRST"])
        order = draw.choice([f"d{way}, id", f"n{way}, id", f"s{way}, id", "id", f"i{way}", f"f{way}", f"dt{way}", f"ai{way}, id"])
        frame = ""
        if node.form not in {form.line for form in self.windows}:
            frame = draw.choice(["", " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                                 " ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"])
            if frame == "" and not order.endswith("id"):
                order += ", id"
        if "row_number" in node.text or "ntile" in node.text or "la" in node.text[:3] or "lead" in node.text or "nth" in node.text or frame:
            order = order if order.endswith("id") else order + ", id"
        node.text, node.form = f"{node.text} OVER ({partition}ORDER BY {order}{frame})", node.form + " OVER"
        return node
