"""Queries whose results take rows back, at random: one text that Spark and DuckDB both understand, or two that mean the same."""

import dataclasses


@dataclasses.dataclass
class Query:
    """What is asked of both, and how the rows of update mode are put together."""
    text: str
    # The places of the columns that name a row; none where each row names itself.
    key: list | None
    duck: str = ""
    modes: tuple = ("update", "complete")
    # `dropDuplicates` by these columns stands above the text; SQL has no word for it.
    first_of: list | None = None

    def __post_init__(self):
        self.duck = self.duck or self.text.replace("LEFT SEMI", "SEMI").replace("LEFT ANTI", "ANTI")


def query(draw):
    """A query of any kind."""
    kinds = [chain, chain, joined, joined, joined, joined_above, beside_rows, top, top, numbered, numbered, first, limited, sets, sets, united]
    return draw.choice(kinds)(draw)


def where(draw):
    return f" WHERE {draw.choice(['v > -3', 'v < 4', 'd > 0', 'r IS NOT NULL', 'k <> chr(98)'])}" if draw.random() < 0.4 else ""


def aggregate(draw, keys=None):
    """An aggregate of the rows: its text and its keys."""
    keys = keys or draw.choice([["k"], ["r"], ["k", "r"]])
    values = [
        "count(*) AS n", "count(v) AS nv", "sum(v) AS s", "max(v) AS hi", "min(d) AS lo", "sum(d) AS x", "count(DISTINCT v) AS u",
        "sum(v) FILTER (WHERE d > 0) AS p",
    ]
    text = f"SELECT {', '.join(keys + values)} FROM t{where(draw)} GROUP BY {', '.join(keys)}"
    if draw.random() < 0.3:
        text += f" HAVING count(*) > {draw.randint(1, 3)}"
    return text, keys


def above(draw, below, keys):
    """An aggregate of an aggregate, and the places of its keys."""
    group = draw.choice(["n", "u", "nv", "hi", keys[0], "n % 2", None])
    values = [
        "count(*) AS c", "sum(n) AS n", "sum(s) AS s", "max(hi) AS hi", "min(lo) AS lo", "sum(x) AS x", "avg(n) AS a",
        "count(DISTINCT n) AS u", "sum(DISTINCT u) AS du", "min(hi) FILTER (WHERE n > 1) AS p", "count(p) AS nv",
    ]
    shown = draw.sample(values, draw.randint(2, len(values)))
    head = f"{group} AS g, " if group else ""
    text = f"SELECT {head}{', '.join(shown)} FROM ({below}) AS b{draw.randint(0, 9)}"
    if draw.random() < 0.4:
        text += f" WHERE {draw.choice(['n > 1', 'hi IS NOT NULL', 's <> 0', 'u < 3', 'lo < 1'])}"
    if group:
        text += f" GROUP BY {group}"
    if draw.random() < 0.3:
        text += f" HAVING count(*) {draw.choice(['> 1', '< 3'])}"
    return text, [0] if group else []


def chain(draw):
    text, key = above(draw, *aggregate(draw))
    if draw.random() < 0.25:
        total = draw.choice(["count(*) AS groups", "count(DISTINCT g) AS groups, min(g) AS least"]) if key else "count(*) AS q"
        return Query(f"SELECT {total} FROM ({text}) AS top", [])
    return Query(text, key)


def join(draw):
    """A join of two aggregates: its text without what is shown, its kind, and the keys of both sides."""
    (left, left_keys), (right, right_keys) = aggregate(draw), aggregate(draw)
    kind = draw.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"])
    both = [key for key in left_keys if key in right_keys]
    pairs = [(key, key) for key in both if draw.random() < 0.8] or [(left_keys[0], right_keys[0])]
    pairs = [(one, other) for one, other in pairs if (one == "k") == (other == "k")] or [("n", "n")]
    condition = " AND ".join(f"l.{one} = r.{other}" for one, other in pairs)
    if draw.random() < 0.4:
        condition += draw.choice([" AND l.n >= r.n", " AND l.s <> r.s", " AND l.n > 1", " AND r.hi > 0"])
    text = f"FROM ({left}) AS l {kind} ({right}) AS r ON {condition}"
    return text, kind, left_keys, right_keys, pairs


def joined(draw):
    text, kind, left_keys, right_keys, pairs = join(draw)
    left_shown = [f"l.{key} AS l{key}" for key in left_keys] + ["l.n AS ln", "l.s AS ls"]
    right_shown = [f"r.{key} AS r{key}" for key in right_keys] + ["r.n AS rn", "r.hi AS rhi"]
    of_left, of_right = list(range(len(left_keys))), [len(left_shown) + place for place in range(len(right_keys))]
    if kind in ("LEFT SEMI JOIN", "LEFT ANTI JOIN"):
        return Query(f"SELECT {', '.join(left_shown)} {text}", of_left, modes=("update",))
    left_once = {one for one, _ in pairs} >= set(left_keys)
    right_once = {other for _, other in pairs} >= set(right_keys)
    key = of_left + of_right
    if kind in ("JOIN", "LEFT JOIN") and right_once:
        key = of_left
    elif kind in ("JOIN", "RIGHT JOIN") and left_once:
        key = of_right
    key = None if kind == "FULL JOIN" else key
    return Query(f"SELECT {', '.join(left_shown + right_shown)} {text}", key, modes=("update",))


def joined_above(draw):
    text, kind, *_ = join(draw)
    shown = "l.n AS a, l.s AS b" if kind in ("LEFT SEMI JOIN", "LEFT ANTI JOIN") else "r.n AS a, l.s AS b"
    return Query(f"SELECT a AS g, count(*) AS n, sum(b) AS s, max(b) AS m FROM (SELECT {shown} {text}) AS j GROUP BY a", [0])


def beside_rows(draw):
    """A join of the rows themselves with an aggregate of them, in an aggregate, so that it runs in complete mode too."""
    below, keys = aggregate(draw)
    kind = draw.choice(["JOIN", "LEFT JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"])
    condition = " AND ".join(f"l.{key} = r.{key}" for key in keys)
    if draw.random() < 0.4:
        condition += draw.choice([" AND l.v > r.n", " AND l.v = r.hi", " AND r.n > 1"])
    shown = "l.v AS a, l.d AS b" if "JOIN" in kind and "LEFT" in kind and kind != "LEFT JOIN" else "r.n AS a, l.v AS b"
    return Query(f"SELECT a AS g, count(*) AS n, sum(b) AS s FROM (SELECT {shown} FROM t AS l {kind} ({below}) AS r ON {condition}) AS j GROUP BY a", [0])


def order(draw, columns):
    """An order that leaves no two rows equal if these columns do not, with places for NULL that both engines are told."""
    draw.shuffle(columns)
    word = lambda: draw.choice(["ASC NULLS FIRST", "ASC NULLS LAST", "DESC NULLS FIRST", "DESC NULLS LAST"])
    return ", ".join(f"{column} {word()}" for column in columns)


def top(draw):
    below, keys = aggregate(draw)
    by = order(draw, [draw.choice(["n", "s", "hi", "x"]), *keys])
    bound = f"LIMIT {draw.randint(1, 4)}" + (f" OFFSET {draw.randint(1, 2)}" if draw.random() < 0.4 else "")
    text = f"SELECT {', '.join(keys)}, n, s, hi, x FROM ({below}) AS b ORDER BY {by} {bound}"
    if draw.random() < 0.3:
        return Query(f"SELECT count(*) AS c, sum(n) AS n, max(hi) AS m FROM ({text}) AS top", [])
    return Query(text, list(range(len(keys))))


def numbered(draw):
    below, keys = aggregate(draw, ["k", "r"])
    function = draw.choice(["row_number", "row_number", "rank", "dense_rank"])
    first = draw.choice(["n", "s", "hi", "u"])
    by = order(draw, [first, "r"]) if function == "row_number" else order(draw, [first])
    over = draw.choice(["PARTITION BY k ", "PARTITION BY k ", "PARTITION BY n "])
    if "BY n" in over:
        by = order(draw, [first, "k", "r"])
    bound = draw.choice(["i <= 2", "i = 1", "i BETWEEN 2 AND 3", "i < 4 AND n > 1"])
    numbers = f"SELECT k, r, n, s, {function}() OVER ({over}ORDER BY {by}) AS i FROM ({below}) AS b"
    text = f"SELECT k, r, n, s, i FROM ({numbers}) AS x WHERE {bound}"
    if draw.random() < 0.3:
        return Query(f"SELECT i, count(*) AS c, sum(n) AS n FROM ({text}) AS top GROUP BY i", [0])
    return Query(text, [0, 1])


def first(draw):
    """The first row of each key, of counts of counts: those are sorted by all of their columns."""
    below, keys = aggregate(draw, ["k", "r"])
    text = f"SELECT k AS g, count(*) AS c, sum(n) AS n, max(u) AS u FROM ({below}) AS b GROUP BY k"
    of = draw.choice([["c"], ["n"], ["c", "u"]])
    duck = f"SELECT DISTINCT ON ({', '.join(of)}) * FROM ({text}) AS f ORDER BY {', '.join([*of, 'g NULLS FIRST'])}"
    return Query(text, [0], f"SELECT g, c, n, u FROM ({duck}) AS f", modes=("update",), first_of=of)


def limited(draw):
    """Without an order the first are those of the least key."""
    below, keys = aggregate(draw)
    shown, count = f"SELECT {', '.join(keys)}, n, s FROM ({below}) AS b", draw.randint(1, 4)
    least = ", ".join(f"{key} NULLS FIRST" for key in keys)
    key = list(range(len(keys)))
    if draw.random() < 0.4:
        total = "SELECT count(*) AS c, sum(n) AS n FROM ({}) AS top"
        return Query(total.format(f"{shown} LIMIT {count}"), [], total.format(f"{shown} ORDER BY {least} LIMIT {count}"))
    # In complete mode it is any rows of the whole result, as in Spark.
    return Query(f"{shown} LIMIT {count}", key, f"{shown} ORDER BY {least} LIMIT {count}", modes=("update",))


def sets(draw):
    word = draw.choice(["EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL"])
    if draw.random() < 0.5:
        column = draw.choice(["n", "u", "n, hi"])
        sides = [f"SELECT {column} FROM ({aggregate(draw)[0]}) AS b" for _ in range(2)]
    else:
        column = draw.choice(["k, r", "v", "d, r"])
        sides = [f"SELECT {column} FROM t{where(draw)}" for _ in range(2)]
    text = f"SELECT * FROM ({sides[0]} {word} {sides[1]}) AS s"
    if draw.random() < 0.4 or "ALL" not in word:
        first_column = column.split(", ")[0]
        return Query(f"SELECT {first_column} AS g, count(*) AS c FROM ({text}) AS top GROUP BY {first_column}", [0])
    return Query(text, None, modes=("update",))


def united(draw):
    sides = [f"SELECT {draw.choice(['n', 'u', 's'])} AS a, nv AS b FROM ({aggregate(draw)[0]}) AS b" for _ in range(2)]
    return Query(f"SELECT a AS g, count(*) AS c, sum(b) AS s FROM ({sides[0]} UNION ALL {sides[1]}) AS u GROUP BY a", [0])
