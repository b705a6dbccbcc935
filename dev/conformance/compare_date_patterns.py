"""Compares date-time patterns over generated moments and texts, or records what Apache Spark answers to some.

    SPARK_REMOTE=… MILLSTREAM_REMOTE=… python compare_date_patterns.py SEED COUNT
    SPARK_REMOTE=… python compare_date_patterns.py SEED COUNT record [FILE]

Recorded answers are replayed by the tests of crate `formats` (`date_time_pattern/answers.jsonl`): a zone, a
pattern, and either a moment in microseconds with the text printed, or a text with the moment read; an answer that
begins with `ERROR` is that of the pattern. The texts are what Spark printed by the pattern, most of them damaged.
"""

import json
import pathlib
import random
import sys

import both

ANSWERS = pathlib.Path(__file__).resolve().parents[2] / "crates/formats/src/date_time_pattern/answers.jsonl"
ZONES = [
    "UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Europe/Dublin",
    "America/St_Johns", "Asia/Singapore", "America/Sao_Paulo", "Pacific/Apia", "Etc/GMT+5", "Asia/Kathmandu", "EST5EDT",
]
COUNTS = {
    "y": [1, 2, 3, 4, 4, 4, 5, 6], "M": [1, 2, 2, 3, 4], "L": [1, 2, 3, 4], "d": [1, 2, 2], "D": [1, 2, 3], "E": [1, 2, 3, 4], "G": [1, 2, 3, 4],
    "a": [1], "h": [1, 2], "H": [1, 2, 2], "k": [1, 2], "K": [1, 2], "m": [1, 2, 2], "s": [1, 2, 2], "S": [1, 2, 3, 6, 7, 9],
    "q": [1, 2, 3, 4], "Q": [1, 2, 3, 4], "F": [1], "g": [1, 3, 7], "z": [1, 2, 3, 4], "v": [1, 4], "V": [2], "O": [1, 4],
    "X": [1, 2, 3, 4, 5], "x": [1, 2, 3, 4, 5], "Z": [1, 2, 3, 4, 5],
}
ORDINARY = [
    "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "dd/MM/yyyy", "MMM d, yyyy h:mm a", "yyyyMMdd", "yyyyMMddHHmmss", "yyMMdd",
    "yyyyMMddHHmmssSSS", "HH:mm", "d MMMM yyyy", "yyyy-DDD", "yyyyDDD", "dd.MM.yy", "yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy-MM-dd HH:mm:ss z",
    "yyyy-MM-dd HH:mm:ss VV", "yyyy-MM-dd HH:mm:ssxxx", "yyyy[-MM[-dd]]", "yyyy-MM-dd[ HH:mm[:ss[.SSS]]]", "MM/dd/yyyy hh:mm:ss a", "G yyyy MM dd",
    "yyyy-MM-dd HH:mm:ss O", "yyyy/M/d", "M/d/yy", "HHmmss", "yyyy MM", "hh a", "K:mm a", "k:mm", "yyyy-MM-dd HH:mm:ss zzzz",
]
LITERALS = [" ", "-", "/", ":", ".", ",", "'T'", "'at'", "''", "'o''clock'", "_", "é", "'Q'", "1"]
ILLEGAL = [
    "Y", "w", "W", "u", "e", "c", "A", "B", "n", "N", "p", "I", "l", "ddd", "HHH", "aa", "FF", "vv", "V", "VVV", "OO", "zzzzz", "GGGGG", "MMMMM", "LLLLL",
    "EEEEE", "QQQQQ", "qqqqq", "yyyyyyy", "XXXXXX", "xxxxxx", "ZZZZZZ", "SSSSSSSSSS", "DDDD", "#", "{", "}", "]", "'", "'a", "b", "f", "i", "j", "J", "R", "U",
    "[", "[]", "[[", "[d]]", "T", "t", "'u'", "E", "EEE", "F", "q", "Q", "yyyyyyyG", "uuuu", "''''", "'a''b'", "a'b", "d'''", "LLL", "[yyyy", "gggggggggggggggggggg",
]


class Patterns:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, of):
        return self.random.choice(of)

    def letters(self, letters):
        letter = self.some(letters)
        return letter * self.some(COUNTS[letter])

    def any(self, letters):
        pattern, previous = "", ""
        for _ in range(self.random.randint(1, 5)):
            part = self.some(LITERALS) if self.random.random() < 0.4 else self.letters(letters)
            if part[0] == previous[-1:]:
                continue
            pattern += f"[{part}]" if self.random.random() < 0.1 else part
            previous = part
        return pattern or "yyyy"

    def to_print(self):
        kind = self.random.random()
        if kind < 0.08:
            return self.some(ILLEGAL)
        return self.some(ORDINARY) if kind < 0.2 else self.any(list(COUNTS))

    def to_read(self):
        kind = self.random.random()
        if kind < 0.04:
            return self.some(ILLEGAL)
        if kind < 0.55:
            return self.some(ORDINARY)
        if kind < 0.75:
            parts = ["y" * self.some(COUNTS["y"]), "M" * self.some([1, 2, 2, 3, 4]), "d" * self.some([1, 2, 2]), "H" * self.some([1, 2]), "mm", "ss"]
            separators = [self.some(["", "-", "/", " ", ".", "[", "'x'"]) for _ in parts]
            tail = self.some(["", "", "XXX", " z", " VV", ".SSS", "SSS", " a", " G", " Z", " O", " ZZZZ", " X", "x", " vvvv"])
            return "".join(part + separator for part, separator in zip(parts[:self.random.randint(1, 6)], separators)) + tail
        return self.any([letter for letter in COUNTS if letter not in "EFqQ"])

    def moment(self):
        kind = self.random.random()
        if kind < 0.6:
            seconds = self.random.randint(-5_000_000_000, 4_500_000_000)
        elif kind < 0.75:
            seconds = self.random.randint(-70_000_000_000, 300_000_000_000)
        else:
            seconds = self.some([0, -1, 951782400, 1709164800, 1711846800, 1710064800, 1730595600, -62135596800, -62167219200, 253402300799, 253402300800,
                                 1704067199, 1735689599, -2208988800])
        return seconds * 1_000_000 + self.some([0, 0, 1, 999_999, 123_456, 120_000, 500_000])

    def damaged(self, text):
        kind = self.random.random()
        if kind < 0.45 or not text:
            return text
        place = self.random.randrange(len(text))
        if kind < 0.6:
            return text[:place] + self.some(list("0123456789 -+:/.azAZ")) + text[place + 1:]
        if kind < 0.7:
            return text[:place] + text[place + 1:]
        if kind < 0.8:
            return text[:place] + self.some(list("0123456789 -+:Zz")) + text[place:]
        if kind < 0.9:
            return text.swapcase()
        return self.some([text + " ", " " + text, text + "x", text[:place], text.replace("0", "3"), text.replace("1", "9"), ""])


PRINT, READ = ["date_format(timestamp_micros(us), pattern)"], ["unix_micros(try_to_timestamp(text, pattern))"]


def ask(spark, prints, reads):
    return both.ask(spark, prints, "pattern STRING, us BIGINT", PRINT), both.ask(spark, reads, "pattern STRING, text STRING", READ)


def questions(patterns, spark, count):
    """Patterns with moments to print, and patterns with texts to read, which Spark printed."""
    prints = [(patterns.to_print(), patterns.moment()) for _ in range(count)]
    reads = [(patterns.to_read(), patterns.moment()) for _ in range(count)]
    texts = both.ask(spark, reads, "pattern STRING, us BIGINT", PRINT)
    reads = [(row[0], patterns.damaged(text if isinstance(text, str) else text[0])) for row, text in zip(reads, texts, strict=True)]
    return prints, [(pattern, "2024" if text.startswith("ERROR") else text) for pattern, text in reads]


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    recording = sys.argv[3:4] == ["record"]
    patterns, lines, differing = Patterns(seed), [], 0
    for zone in ZONES:
        conf = {"spark.sql.session.timeZone": zone}
        spark = both.session("SPARK_REMOTE", conf)
        prints, reads = questions(patterns, spark, count // len(ZONES))
        if not recording:
            print(zone)
            differing += len(both.compare(prints, "pattern STRING, us BIGINT", PRINT, conf))
            differing += len(both.compare(reads, "pattern STRING, text STRING", READ, conf))
            continue
        printed, moments = ask(spark, prints, reads)
        plain = lambda answer: answer if isinstance(answer, str) else answer[0]
        lines += [{"zone": zone, "pattern": p, "us": us, "printed": plain(a)} for (p, us), a in zip(prints, printed, strict=True)]
        lines += [{"zone": zone, "pattern": p, "text": text, "read": plain(a)} for (p, text), a in zip(reads, moments, strict=True)]
    if recording:
        file = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else ANSWERS
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    else:
        print(f"{differing} differ")


if __name__ == "__main__":
    main()
