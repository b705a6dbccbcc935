"""Compares JSON paths and top-level fields over generated texts, or records what Apache Spark answers to some.

    SPARK_REMOTE=… MILLSTREAM_REMOTE=… python compare_json_paths.py SEED COUNT
    SPARK_REMOTE=… python compare_json_paths.py SEED COUNT record

Recorded answers are replayed by the tests of crate `formats` (`json/path/answers.jsonl`): a text, a path, what the path
finds, the fields `a`, `b` and `c`, the length as an array and the names as an object.
"""

import json
import pathlib
import random
import sys

import both

ANSWERS = pathlib.Path(__file__).resolve().parents[2] / "crates/formats/src/json/path/answers.jsonl"
NAMES = ["a", "b", "c", "a", "b", "*", "a b", "é", "", "0", "a.b", "x]", "😀", "A"]
WORDS = ["", "x", "a b", "é", "😀", "漢", "0", "true", "null", "[1]", "q'q", "\x7f", "\u2028"]
ESCAPES = [r"\n", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\ude00", r"\"", r"\\", r"\/", r"\u0000", "\t", r"\'", r"\b\f"]
NUMBERS = [
    "0", "1", "-1", "-0", "7", "42", "1.50", "0.0", "-0.0", "1e3", "1E-7", "1e400", "-1e400", "123456789012345678901234567890",
    "9223372036854775807", "0.1e1", "100000000.0", "12345678.9", "0.001", "0.0001", "4.9E-324", "1e22", "3.0",
]
BAD = ["01", "+1", "1.", ".5", "NaN", "Infinity", "-Infinity", "tru", "truex", "nul", "'", "\\x", "{", "]", "1x", "--1", "1e", "0x1"]
BLANKS = ["", "", "", "", " ", "\n", "\t", "  "]


class Texts:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, of):
        return self.random.choice(of)

    def quoted(self, words):
        text = self.some(words)
        if self.random.random() < 0.12:
            text += self.some(ESCAPES)
        quote = "'" if self.random.random() < 0.05 and "'" not in text else '"'
        return quote + text + quote

    def scalar(self):
        kind = self.random.random()
        if kind < 0.45:
            return self.quoted(WORDS)
        if kind < 0.8:
            return self.some(NUMBERS)
        return self.some(["true", "false", "null", "null"]) if kind < 0.98 else self.some(BAD)

    def value(self, depth):
        blank = self.some(BLANKS)
        kind = self.random.random()
        if depth == 0 or kind < 0.3:
            return blank + self.scalar() + self.some(BLANKS)
        many = self.random.choice([0, 1, 1, 2, 2, 3, 4])
        if kind < 0.65:
            return blank + "[" + ",".join(self.value(depth - 1) for _ in range(many)) + "]" + self.some(BLANKS)
        fields = (self.quoted(NAMES) + self.some(BLANKS) + ":" + self.value(depth - 1) for _ in range(many))
        return blank + "{" + ",".join(fields) + "}" + self.some(BLANKS)

    def text(self):
        text = self.value(self.random.randint(0, 5))
        if self.random.random() < 0.15:
            place = self.random.randint(0, len(text))
            mend = self.random.random()
            if mend < 0.4:
                text = text[:place]
            elif mend < 0.8:
                text = text[:place] + self.some(list("{}[],:\"'\\ 1atn") + BAD) + text[place:]
            else:
                text += self.some([" ", "x", ",", "}", "1", "{}", "\x00"])
        return text

    def step(self):
        kind = self.random.random()
        name = self.some(NAMES)
        if kind < 0.35:
            return "." + name
        if kind < 0.45:
            return f"['{name}']"
        if kind < 0.7:
            return "[*]"
        if kind < 0.92:
            return f"[{self.some([0, 0, 0, 1, 1, 2, 3, 17])}]"
        return self.some(
            [".*", "['*']", "..", "[ 1]", "[1 ]", " .a", ". a", "['a", "[a]", '["a"]', "[-1]", "[01]", "[]", "[' a']", "['a' ]", ".",
             "a", "['a?']", "[* ]", "[ *]", " ['a']", " [0]", ".a ", "[0:1]", "[9999999999]", "['']", ".'a'", " ", "*"]
        )

    def path(self):
        root = "$" if self.random.random() < 0.98 else self.some(["", " $", "$$", "a", "@", "$ "])
        return root + "".join(self.step() for _ in range(self.random.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])))

    def path_into(self, text):
        """A path that finds something, more often than not."""
        try:
            value = json.loads(text)
        except ValueError:
            return self.path()
        path = "$"
        while isinstance(value, (list, dict)) and value and self.random.random() < 0.9:
            if isinstance(value, dict):
                name = self.some(list(value))
                path += f".{name}" if self.random.random() < 0.8 else f"['{name}']"
                value = value[name]
            else:
                place = self.random.randrange(len(value))
                path += "[*]" if self.random.random() < 0.5 else f"[{place}]"
                value = value[place]
        if any("\ud800" <= letter < "\ue000" for letter in path):
            return self.path()
        return path if self.random.random() < 0.9 else path + self.step()

    def row(self):
        text = self.text()
        return text, self.path() if self.random.random() < 0.4 else self.path_into(text)


EXPRESSIONS = [
    "get_json_object(text, path)", "json_array_length(text)", "to_json(json_object_keys(text))",
    "get_json_object(text, '$[*].a')", "get_json_object(text, '$.a[*].b')", "get_json_object(text, '$[*][*]')",
]
TUPLE = ["json_tuple(text, 'a', 'b', 'c', 'a')"]


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    texts = Texts(seed)
    rows = [texts.row() for _ in range(count)]
    if sys.argv[3:] != ["record"]:
        both.compare(rows, "text STRING, path STRING", EXPRESSIONS)
        both.compare(rows, "text STRING, path STRING", TUPLE)
        return
    spark = both.session("SPARK_REMOTE")
    expressions = ["get_json_object(text, path)", "json_array_length(text)", "json_object_keys(text)"]
    found = both.ask(spark, rows, "text STRING, path STRING", expressions)
    tuples = both.ask(spark, rows, "text STRING, path STRING", ["json_tuple(text, 'a', 'b', 'c')"])
    names = ("text", "path", "found", "length", "names")
    with ANSWERS.open("w") as out:
        for row, (one, length, keys), fields in zip(rows, found, tuples, strict=True):
            answer = dict(zip(names, (*row, one, length, keys))) | {"fields": fields}
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
