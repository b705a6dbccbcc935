"""The two engines behind Spark Connect, and what they answer in a form that can be compared."""
import math
import re
import struct

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import SQL, CachedRemoteRelation


class Failure:
    """An error: its condition, or the Python class of an exception without one."""

    def __init__(self, error):
        self.condition = error.getCondition() or type(error).__name__
        self.message = str(error).strip().split("\n")[0][:300]
        self.of_analysis = (error.getSqlState() or "").startswith("42") and "CAST_INVALID" not in self.condition

    def __eq__(self, other):
        return isinstance(other, Failure) and self.condition == other.condition

    def __repr__(self):
        return f"ERROR {self.condition}"


class Rows:
    """The types and values of all columns, a list a row."""

    def __init__(self, types, values):
        self.types, self.values = types, values


class Engine:
    """A session of a server."""

    def __init__(self, name, remote):
        self.name, self.queries = name, 0
        self.session = SparkSession.builder.remote(remote).create()

    def set(self, key, value):
        self.session.conf.set(key, value)

    def create_view(self, name, query, kept):
        """A view of a query; `kept` where it would be computed again for each question."""
        frame = DataFrame(SQL(query), self.session)
        if kept:  # PySpark takes the first session for that of a checkpoint, and ends the checkpoint with its object
            made = frame.localCheckpoint()._plan
            self.kept = frame = DataFrame(CachedRemoteRelation(made._relation_id, self.session), self.session)
            made._relation_id = None
        frame.createOrReplaceTempView(name)

    def ask(self, query):
        """The rows of a query, or its failure."""
        self.queries += 1
        try:
            plan = DataFrame(SQL(query), self.session)._plan.to_proto(self.session.client)
            table, schema, _ = self.session.client.to_table(plan, {})
            types = [field.dataType.simpleString() for field in schema.fields]
            columns = [canonical_column(column) for column in table.columns]
            return Rows(types, [list(row) for row in zip(*columns)] if columns else [])
        except PySparkException as error:
            return Failure(error)


def canonical_column(column):
    values = []
    for chunk in column.chunks:
        values += canonical(chunk.type, iter(chunk.buffers()), chunk.offset + len(chunk))[chunk.offset:]
    return values


FIXED = {"int8": "b", "int16": "h", "int32": "i", "int64": "q", "float": "f", "double": "d", "date32[day]": "i"}


def canonical(kind, buffers, length):
    """The first values of an Arrow array, from its buffers, as things that are equal only if Spark's values are.

    By hand, because pyarrow has no class for arrays of months, and Python no dates beyond the year 9999."""
    if pa.types.is_null(kind):
        next(buffers)
        return [None] * length
    bits = next(buffers)
    return [value if is_set(bits, row) else None for row, value in enumerate(present(kind, buffers, length))]


def is_set(bits, row):
    return bits is None or bool(memoryview(bits)[row >> 3] >> (row & 7) & 1)


def present(kind, buffers, length):
    """The values behind the bits that say which there are."""
    if pa.types.is_struct(kind):
        parts = [canonical(kind.field(index).type, buffers, length) for index in range(kind.num_fields)]
        return list(zip(*parts)) if parts else [()] * length
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        offsets = unpacked("i", next(buffers), length + 1)
        if pa.types.is_map(kind):
            next(buffers)
            keys, items = canonical(kind.key_type, buffers, offsets[-1]), canonical(kind.item_type, buffers, offsets[-1])
            inner = [("entry", key, item) for key, item in zip(keys, items)]
        else:
            inner = canonical(kind.value_type, buffers, offsets[-1])
        return [inner[start:end] for start, end in zip(offsets, offsets[1:])]
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        offsets, data = unpacked("i", next(buffers), length + 1), next(buffers)
        data = b"" if data is None else data.to_pybytes()
        whole = [data[start:end] for start, end in zip(offsets, offsets[1:])]
        return [one.decode("utf-8", "backslashreplace") for one in whole] if pa.types.is_string(kind) else whole
    data = next(buffers)
    if pa.types.is_boolean(kind):
        return [is_set(data, row) if length else None for row in range(length)]
    if pa.types.is_decimal(kind):
        data = data.to_pybytes() if length else b""
        return [f"{int.from_bytes(data[16 * row:16 * row + 16], 'little', signed=True)}e-{kind.scale}" for row in range(length)]
    if pa.types.is_floating(kind):
        return [float_text(value, kind) for value in unpacked(FIXED[str(kind)], data, length)]
    if kind.id == 21:
        return [f"{value} months" for value in unpacked("i", data, length)]
    if str(kind) == "month_day_nano_interval":
        numbers = struct.unpack_from("<" + "iiq" * length, data) if length else ()
        return list(zip(numbers[::3], numbers[1::3], numbers[2::3]))
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return [f"{value} us" for value in unpacked("q", data, length)]
    return list(unpacked(FIXED[str(kind)], data, length))


def unpacked(letter, data, count):
    if count == 0 or data is None or data.size == 0:
        return (0,) * count
    return struct.unpack_from(f"<{count}{letter}", data)


def float_text(value, kind):
    if math.isnan(value):
        return "NaN"
    return repr(value) if kind == pa.float64() else f"{value!r}f"


NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def nearly(left, right):
    """Whether two values differ in the last digits of floating numbers only."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(nearly(one, other) for one, other in zip(left, right))
    if left == right:
        return True
    if isinstance(left, str) and isinstance(right, str) and NUMBER.fullmatch(left) and NUMBER.fullmatch(right):
        return math.isclose(float(left), float(right), rel_tol=1e-9)
    return False
