// Lets Apache Spark run the streams of conformance/streams: `format("feed")` is a source that gives the batches of a feed one by one,
// and a sink that writes down each batch's rows as text.
//
// A feed is a folder of $spark.millstream.feeds: `schema` (DDL), `steps` (how many there are) and, for every step that brings
// something, `<step>.json`. A query has read up to the file `steps` in its checkpoint's folder, where the recorder moves it on;
// a batch is one step. The sink appends to `out` in that folder.
//
// The package is Spark's, because a streaming DataFrame can be made of rows only from within it.
package org.apache.spark.sql.feed

import java.math.{BigDecimal, MathContext}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths, StandardOpenOption}
import java.util.concurrent.ConcurrentHashMap

import org.apache.hadoop.fs.{Path => HadoopPath, RawLocalFileSystem}
import org.apache.hadoop.fs.permission.FsPermission

import org.apache.spark.sql.{DataFrame, SQLContext}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters
import org.apache.spark.sql.catalyst.util.{DateFormatter, TimestampFormatter}
import org.apache.spark.sql.classic.{Dataset, SparkSession}
import org.apache.spark.sql.connector.read.streaming.{Offset => OffsetV2, ReadLimit, SupportsTriggerAvailableNow}
import org.apache.spark.sql.execution.streaming.{Offset, Sink, Source}
import org.apache.spark.sql.execution.streaming.runtime.{LongOffset, SerializedOffset}
import org.apache.spark.sql.sources.{DataSourceRegister, StreamSinkProvider, StreamSourceProvider}
import org.apache.spark.sql.streaming.OutputMode
import org.apache.spark.sql.types._

class FeedProvider extends StreamSourceProvider with StreamSinkProvider with DataSourceRegister {
  override def shortName(): String = "feed"

  override def sourceSchema(
      context: SQLContext, schema: Option[StructType], name: String, options: Map[String, String]): (String, StructType) =
    ("feed", Feed(context, options("name")).schema)

  override def createSource(
      context: SQLContext, metadata: String, schema: Option[StructType], name: String, options: Map[String, String]): Source = {
    // <checkpoint>/sources/<i>
    val checkpoint = Paths.get(new HadoopPath(metadata).toUri.getPath).getParent.getParent
    new FeedSource(context, Feed(context, options("name")), checkpoint)
  }

  override def createSink(
      context: SQLContext, options: Map[String, String], partitions: Seq[String], mode: OutputMode): Sink =
    new RecordingSink(Paths.get(options("checkpointLocation")).resolve("out"))
}

/** The definition of a feed. */
case class Feed(name: String, folder: Path) {
  val schema: StructType = StructType.fromDDL(Files.readString(folder.resolve("schema")))
  private val count = Files.readString(folder.resolve("steps")).trim.toLong

  def file(step: Long): Path = folder.resolve(s"$step.json")

  /** The end of the batch that begins at `start`, if only so many steps are to be seen. */
  def next(start: Long, visible: Long): Long =
    (start until visible.min(count)).find(step => Files.exists(file(step))).map(_ + 1).getOrElse(start)
}

object Feed {
  def apply(context: SQLContext, name: String): Feed =
    Feed(name, Paths.get(context.sparkSession.sparkContext.getConf.get("spark.millstream.feeds")).resolve(name))
}

class FeedSource(context: SQLContext, feed: Feed, checkpoint: Path) extends Source with SupportsTriggerAvailableNow {
  override def schema: StructType = feed.schema
  override def toString: String = s"Feed[${feed.name}]"
  override def getOffset: Option[Offset] = throw new UnsupportedOperationException("latestOffset is asked instead")
  override def prepareForTriggerAvailableNow(): Unit = ()
  override def stop(): Unit = ()

  override def latestOffset(start: OffsetV2, limit: ReadLimit): OffsetV2 = {
    val visible = Files.readString(checkpoint.resolve("steps")).trim.toLong
    LongOffset(feed.next(if (start == null) 0 else FeedSource.position(start), visible))
  }

  override def getBatch(start: Option[Offset], end: Offset): DataFrame = {
    val session = context.sparkSession.asInstanceOf[SparkSession]
    val steps = start.map(FeedSource.position).getOrElse(0L) until FeedSource.position(end)
    val rows = steps.map(feed.file).filter(Files.exists(_)).flatMap(FeedSource.rows(session, _, schema))
    // One partition, in the order of the lines.
    session.internalCreateDataFrame(session.sparkContext.parallelize(rows, 1), schema, isStreaming = true)
  }
}

object FeedSource {
  private val read = new ConcurrentHashMap[Path, Seq[InternalRow]]()

  /** The rows of one step, which are the same for all who ask. */
  private def rows(session: SparkSession, file: Path, schema: StructType): Seq[InternalRow] =
    read.computeIfAbsent(file, _ => {
      val reader = session.read.schema(schema).option("mode", "FAILFAST").option("timeZone", "UTC")
      reader.json(file.toString).queryExecution.toRdd.map(_.copy()).collect().toSeq
    })

  def position(offset: OffsetV2): Long = offset match {
    case LongOffset(position) => position
    case SerializedOffset(json) => json.toLong
    case other => throw new IllegalArgumentException(s"an offset of another source: $other")
  }
}

class RecordingSink(out: Path) extends Sink {
  override def addBatch(batchId: Long, data: DataFrame): Unit = {
    val types = data.schema.map(_.dataType)
    val rows = data.asInstanceOf[Dataset[_]].queryExecution.toRdd.map(_.copy()).collect()
    val lines = rows.map(row => types.indices.map(Text.of(row, _, types)).mkString("\t")).map(_ + "\n")
    val text = s"batch $batchId\n" + lines.mkString
    Files.write(out, text.getBytes(UTF_8), StandardOpenOption.CREATE, StandardOpenOption.APPEND)
  }
}

/** The machine's files without permissions, for which Hadoop would start a `chmod` for each of a checkpoint's many files. */
class PlainFileSystem extends RawLocalFileSystem {
  override def setPermission(path: HadoopPath, permission: FsPermission): Unit = ()
}

/** Values as text, in which any two that differ look different; the replayer writes the same. */
object Text {
  private val utc = java.time.ZoneOffset.UTC
  private val times = TimestampFormatter.getFractionFormatter(utc)
  private val dates = DateFormatter()

  def of(row: SpecializedGetters, index: Int, types: Seq[DataType]): String =
    if (row.isNullAt(index)) "NULL" else value(row.get(index, types(index)), types(index))

  private def value(value: Any, dataType: DataType): String = (value, dataType) match {
    case (text, _: StringType) => quoted(text.toString)
    case (number: Double, _) => if (number.isNaN || number.isInfinite) number.toString else shortest(number, new BigDecimal(number), _.doubleValue == number)
    case (number: Float, _) =>
      if (number.isNaN || number.isInfinite) number.toString else shortest(number, new BigDecimal(number.toDouble), _.floatValue == number)
    case (bytes: Array[Byte], BinaryType) => bytes.map(byte => f"$byte%02X").mkString("X'", "", "'")
    case (days: Int, DateType) => dates.format(days)
    case (micros: Long, TimestampType | TimestampNTZType) => times.format(micros)
    case (array, ArrayType(element, _)) =>
      val values = array.asInstanceOf[org.apache.spark.sql.catalyst.util.ArrayData]
      (0 until values.numElements()).map(i => of(values, i, Seq.fill(i + 1)(element))).mkString("[", ", ", "]")
    case (map, MapType(key, item, _)) =>
      val entries = map.asInstanceOf[org.apache.spark.sql.catalyst.util.MapData]
      val (keys, values) = (entries.keyArray(), entries.valueArray())
      val at = (i: Int) => of(keys, i, Seq.fill(i + 1)(key)) + ": " + of(values, i, Seq.fill(i + 1)(item))
      (0 until entries.numElements()).map(at).mkString("{", ", ", "}")
    case (struct, StructType(fields)) =>
      val (row, types) = (struct.asInstanceOf[InternalRow], fields.toSeq.map(_.dataType))
      fields.indices.map(i => fields(i).name + ": " + of(row, i, types)).mkString("{", ", ", "}")
    case (plain, _: BooleanType | _: IntegralType | _: DecimalType | _: AnsiIntervalType) => plain.toString
    case (_, other) => throw new UnsupportedOperationException(s"no text for a value of type ${other.simpleString}")
  }

  private def quoted(text: String): String = text.map {
    case '"' => "\\\""
    case '\\' => "\\\\"
    case '\n' => "\\n"
    case '\r' => "\\r"
    case '\t' => "\\t"
    case other if other < ' ' => f"\\u${other.toInt}%04x"
    case other => other.toString
  }.mkString("\"", "", "\"")

  /** The fewest digits that are this number and no other, without an exponent. Java's own text has more before JDK 19. */
  private def shortest(number: Double, exact: BigDecimal, same: BigDecimal => Boolean): String = {
    val sign = if (number < 0 || 1 / number < 0) "-" else ""
    if (number == 0) return sign + "0.0"
    val digits = (1 to 17).map(precision => exact.abs.round(new MathContext(precision))).find(digits => same(if (sign.isEmpty) digits else digits.negate)).get
    val plain = digits.stripTrailingZeros.toPlainString
    sign + (if (plain.contains('.')) plain else plain + ".0")
  }
}
