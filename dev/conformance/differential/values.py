"""The types of expressions, and the rows that they are asked over: random values and those at the ends of each type."""
import datetime
import random

# The types without parts, by the name that signatures.txt gives them, with that of SQL.
PLAIN = {
    "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INT", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "decimal": "DECIMAL(10,2)", "string": "STRING", "binary": "BINARY", "date": "DATE",
    "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP_NTZ", "dt_interval": "INTERVAL DAY TO SECOND",
    "ym_interval": "INTERVAL YEAR TO MONTH",
}
INTEGRAL = ["tinyint", "smallint", "int", "bigint"]
NUMERIC = [*INTEGRAL, "float", "double", "decimal"]
DECIMALS = ["DECIMAL(10,2)", "DECIMAL(38,18)", "DECIMAL(5,0)", "DECIMAL(38,0)", "DECIMAL(18,6)", "DECIMAL(3,3)"]

# A type with parts is a tuple: ("array", type), ("map", key, value) or ("struct", (name, type), …).
PAIR = ("struct", ("x", "int"), ("y", "string"))

COLUMNS = {
    "bo": "boolean", "ti": "tinyint", "si": "smallint", "i": "int", "j": "int", "l": "bigint", "f": "float", "d": "double",
    "e": "double", "n": "decimal", "n3": "decimal", "n38": "decimal", "s": "string", "u": "string", "bin": "binary",
    "dt": "date", "ts": "timestamp", "tn": "timestamp_ntz", "iv": "dt_interval", "ym": "ym_interval",
    "ai": ("array", "int"), "as": ("array", "string"), "ad": ("array", "double"), "an": ("array", "decimal"),
    "adt": ("array", "date"), "abo": ("array", "boolean"), "al": ("array", "bigint"), "aai": ("array", ("array", "int")),
    "ap": ("array", PAIR), "ms": ("map", "string", "int"), "mi": ("map", "int", "string"), "md": ("map", "double", "bigint"),
    "p": PAIR,
}
# The columns whose decimals are not DECIMAL(10,2).
DECIMAL_COLUMNS = {"n3": "DECIMAL(3,3)", "n38": "DECIMAL(38,18)"}


def sql_type(kind):
    if isinstance(kind, str):
        return PLAIN[kind]
    if kind[0] == "array":
        return f"ARRAY<{sql_type(kind[1])}>"
    if kind[0] == "map":
        return f"MAP<{sql_type(kind[1])}, {sql_type(kind[2])}>"
    return "STRUCT<" + ", ".join(f"{name}: {sql_type(part)}" for name, part in kind[1:]) + ">"


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


WORDS = [
    "", " ", "a", "A", "abc", "Abc Def", "a,b,c", "é", "ÉCOLE straße", "ǅ", "İi", "😀", "a😀b", "e\u0301", "\u00a0x ", "\tx\n", "null",
    "%", "a_c", "100%", "\\", "'q'", "日本語", "\u0000z", "Σας", "ab" * 20, "x" * 70,
]
NUMBERS_AS_TEXT = [
    "0", "-0", "1", "-1", "+7", " 12 ", "12\t", "3.7", "-3.999", ".5", "5.", "1e3", "1E-2", "1e400", "-1e-400", "NaN", "nan", "Infinity",
    "-inf", "+Infinity", "127", "128", "-129", "32768", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808", "1.5f",
    "2d", "1D", "12L", "0x1F", "1_000", "1,000", "99999999999999999999999999999999999999", "0.000000000000000000001", "e5", "+-1", "--1",
    "\u00a05", "1 2", "١",
]
BOOLEANS_AS_TEXT = ["true", "FALSE", "t", "Y", "no", " yes ", "1", "on"]
TIMES_AS_TEXT = [
    "2024-02-29", "2023-02-29", "2024-2-3", "2024", "2024-13", "1582-10-10", "0001-01-01", "9999-12-31", "+10000-01-01", "-0001-01-01", "0000-01-01",
    "2024-01-01T", "2024-01-01 12:34:56", "2024-01-01T12:34:56.123456789Z", "2024-01-01 1:2:3", "2024-03-31 02:30:00 Europe/Berlin",
    "2024-01-01 00:00:00+05:30", "2024-01-01 00:00 GMT+1", "12:30:00", "T12:30", "2024-01-01 24:00:00", "1883-11-18 12:00:00 America/New_York",
    "1890-01-01 00:00:00", "2024-01-01 00:00:00 UTC+1", "epoch", "now", "2024-01-01 00:00:00-23:59", "1970-01-01 00:00:00 LMT", " 2024-01-01 ",
    "2024-06-15 10:00:00.5 America/Los_Angeles", "2024-01-01x",
]
INTERVALS_AS_TEXT = [
    "INTERVAL '1 2:3:4.5' DAY TO SECOND", "1 02:03:04", "-1 2:3:4.123456", "INTERVAL '1-2' YEAR TO MONTH", "1-2", "-0-11", "INTERVAL -'5-6' YEAR TO MONTH",
    "+1 0:0:0", "1 24:00:00",
]


def text(draw):
    pool = draw.choice([WORDS, WORDS, WORDS, NUMBERS_AS_TEXT, BOOLEANS_AS_TEXT, TIMES_AS_TEXT, INTERVALS_AS_TEXT])
    return draw.choice(pool)


def whole(draw, bits):
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    near = draw.choice([0, 1, -1, 2, 3, 5, 7, 10, 12, 31, 100, -100, draw.randint(-50, 50)])
    far = draw.choice([least, least + 1, most, most - 1, most // 2 + 1, draw.randint(least, most)])
    return max(least, min(most, far if draw.random() < 0.15 else near))


def floating(draw, kind):
    ends = {
        "float": ["1.4E-45", "3.4028235E38", "-3.4028235E38", "1.17549435E-38", "16777217", "0.1", "1.0E7", "9999999", "1.0E-3", "9.999E-4"],
        "double": ["4.9E-324", "1.7976931348623157E308", "-1.7976931348623157E308", "2.2250738585072014E-308", "9007199254740993", "2.0E-3",
                   "1.0E7", "9999999.999999998", "9.2233720368547758E18", "1.0E23", "2.2E-322"],
    }
    special = ["NaN", "Infinity", "-Infinity", "0.0", "-0.0"]
    mild = [str(draw.randint(-20, 20)), repr(round(draw.uniform(-100, 100), 2)), repr(draw.uniform(-1, 1)), "0.5", "2.5", "-1.5", "0.1"]
    return draw.choice(draw.choice([mild, mild, mild, special, ends[kind]]))


DATES = [-719162, -141427, -141428, -141438, -25567, -25509, 0, -1, 1, 19782, 19783, 19813, 20148, 2932896, 11016, 10957]


def days(draw):
    return draw.choice([draw.choice(DATES), draw.randint(18000, 21000), draw.randint(-40000, 40000)])


def micros(draw):
    return days(draw) * 86_400_000_000 + draw.choice([0, 0, 1, -1, 43_200_000_000, 86_399_999_999, 5_400_000_000, 9_000_000_000, draw.randrange(86_400_000_000)])


def decimal_text(draw, precision, scale):
    digits = draw.choice([precision, precision, draw.randint(1, precision), min(scale + 1, precision), 1])
    unscaled = draw.choice([10**digits - 1, draw.randrange(10**digits), 5 * 10 ** (digits - 1), draw.randrange(10**digits), 0, 1])
    shown = str(unscaled).rjust(scale + 1, "0")
    shown = shown[: len(shown) - scale] + "." + shown[len(shown) - scale:] if scale else shown
    return ("-" if draw.random() < 0.4 else "") + shown


def decimal_sql(draw, sql):
    precision, scale = (int(part) for part in sql[len("DECIMAL("):-1].split(","))
    return f"CAST('{decimal_text(draw, precision, scale)}' AS {sql})"


def day_time(draw):
    most = 9223372036854775807
    value = draw.choice([0, 1, -1, 3_600_000_000, -86_400_000_000, draw.randint(-10**12, 10**12), draw.randint(-10**15, 10**15)])
    value = draw.choice([most, -most]) if draw.random() < 0.06 else value
    seconds, micro = divmod(abs(value), 1_000_000)
    clock = f"{seconds // 86400} {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micro:06}"
    return f"INTERVAL {'-' if value < 0 else ''}'{clock}' DAY TO SECOND"


def year_month(draw):
    value = draw.choice([0, 1, -1, 12, -13, draw.randint(-100, 100)])
    value = draw.choice([2147483647, -2147483647]) if draw.random() < 0.06 else value
    return f"INTERVAL {'-' if value < 0 else ''}'{abs(value) // 12}-{abs(value) % 12}' YEAR TO MONTH"


def civil(micros_since_epoch):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros_since_epoch)
    return f"{at.year:04}-{at:%m-%d %H:%M:%S.%f}"


def literal(draw, kind, decimal=None):
    """A value of this type as SQL, that means the same in every zone."""
    makers = {
        "boolean": lambda: draw.choice(["true", "false"]),
        "tinyint": lambda: f"CAST({whole(draw, 8)} AS TINYINT)",
        "smallint": lambda: f"CAST({whole(draw, 16)} AS SMALLINT)",
        "int": lambda: str(whole(draw, 32)),
        "bigint": lambda: f"CAST('{whole(draw, 64)}' AS BIGINT)",
        "float": lambda: f"CAST('{floating(draw, 'float')}' AS FLOAT)",
        "double": lambda: f"CAST('{floating(draw, 'double')}' AS DOUBLE)",
        "decimal": lambda: decimal_sql(draw, decimal or draw.choice(DECIMALS)),
        "string": lambda: quoted(text(draw)),
        "binary": lambda: "X'" + draw.choice(["", "00", "FF", "616263", "C3A9", "C3", "F09F9880", "0001FF80", "41" * 40]) + "'",
        "date": lambda: f"date_from_unix_date({days(draw)})",
        "timestamp": lambda: f"timestamp_micros({micros(draw)})",
        "timestamp_ntz": lambda: f"TIMESTAMP_NTZ'{civil(max(-62135596800000000, min(micros(draw), 253402300799999999)))}'",
        "dt_interval": lambda: day_time(draw),
        "ym_interval": lambda: year_month(draw),
    }
    return makers[kind]()


def value(draw, kind, decimal=None, nulls=0.12):
    """A value of any type as SQL, sometimes NULL."""
    if draw.random() < nulls:
        return f"CAST(NULL AS {decimal or sql_type(kind)})"
    if isinstance(kind, str):
        return literal(draw, kind, decimal or ("DECIMAL(10,2)" if kind == "decimal" else None))
    count = draw.choice([0, 1, 2, 3, 4])
    if kind[0] == "array":
        items = [value(draw, kind[1]) for _ in range(count)]
        items += [draw.choice(items)] if items and draw.random() < 0.4 else []
        return f"CAST(array({', '.join(items)}) AS {sql_type(kind)})"
    if kind[0] == "map":
        keys = {literal(draw, kind[1]) for _ in range(count)} - {"CAST('0.0' AS DOUBLE)", "CAST('-0' AS DOUBLE)"}
        keys = sorted(keys)
        if kind[1] == "double":  # texts that differ may be one number
            keys = [key for key in keys if key.count(".") and not key.startswith("CAST('-0.0'")][:3]
            keys = list({float(key.split("'")[1]): key for key in keys}.values())
        items = ", ".join(f"{key}, {value(draw, kind[2])}" for key in keys)
        return f"CAST(map({items}) AS {sql_type(kind)})"
    parts = ", ".join(f"'{name}', {value(draw, part)}" for name, part in kind[1:])
    return f"named_struct({parts})"


def table(seed, count):
    """The SQL of the rows, the first of all NULLs."""
    draw = random.Random(f"rows {seed}")
    rows = []
    for number in range(count):
        nulls = 1.0 if number == 0 else 0.12
        cells = [value(draw, kind, DECIMAL_COLUMNS.get(name), nulls) for name, kind in COLUMNS.items()]
        rows.append(f"({number}, {', '.join(cells)})")
    names = ", ".join(f"`{name}`" for name in COLUMNS)
    return "SELECT * FROM VALUES\n" + ",\n".join(rows) + f"\nAS t(id, {names})"
