"""What is recorded of a file of questions: a text for people, and beside it the plans as the client sent them.

The plans are a stream of zlib: each is its length in four bytes, the lowest first, and a message `spark.connect.Relation`. Equal
plans, such as those of one query in several output modes, are kept once; a block names its plan by number.
"""
import struct
import zlib


def read(text_path, plans_path):
    """The blocks by the digest of their question, as (name, lines, plan)."""
    if not text_path.exists():
        return {}
    packed, plans = zlib.decompress(plans_path.read_bytes()), []
    while packed:
        (length,) = struct.unpack_from("<I", packed)
        plans.append(packed[4:4 + length])
        packed = packed[4 + length:]
    blocks = {}
    for block in text_path.read_text().split("\n\n")[1:]:
        head, *lines = block.rstrip("\n").split("\n")
        values = dict(line.split(": ", 1) for line in lines[:3])
        blocks[values["asked"]] = (head.removeprefix("case: "), lines, plans[int(values["plan"])])
    return blocks


def write(text_path, plans_path, version, blocks):
    """Blocks as (name, ask, digest, plan, answer)."""
    numbers, texts = {}, [f"# Answers of Apache Spark {version}, recorded by conformance/streams/record.py. No person edits this file."]
    for name, ask, digest, plan, answer in blocks:
        number = numbers.setdefault(plan, len(numbers))
        texts.append("\n".join([f"case: {name}", f"ask: {ask}", f"asked: {digest}", f"plan: {number}", *answer]))
    text_path.write_text("\n\n".join(texts) + "\n")
    packed = b"".join(struct.pack("<I", len(plan)) + plan for plan in numbers)
    plans_path.write_bytes(zlib.compress(packed, 9))
