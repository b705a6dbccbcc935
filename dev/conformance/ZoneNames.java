import java.nio.file.*;
import java.time.*;
import java.time.format.*;
import java.util.*;

/**
 * Records the names that the JDK under Apache Spark has for time zones in English, and which zone it reads out of each.
 * `java ZoneNames.java FOLDER` writes `zone_names.tsv` (the short names of standard time, of summer time and of both, the
 * long ones likewise, the zones that have them) and `zones_of_names.tsv` (short or long, name, zone).
 */
class ZoneNames {
    static final List<String> PATTERNS = List.of("z", "v", "zzzz", "vvvv");

    static DateTimeFormatter formatter(String pattern) {
        return new DateTimeFormatterBuilder().parseCaseInsensitive().appendPattern(pattern).toFormatter(Locale.US);
    }

    static String name(String zone, boolean summer, int style) {
        return TimeZone.getTimeZone(zone).getDisplayName(summer, style, Locale.US);
    }

    static List<String> names(String zone) {
        ZonedDateTime time = ZonedDateTime.of(2024, 1, 15, 12, 0, 0, 0, ZoneId.of(zone));
        List<String> names = new ArrayList<>();
        for (int style : new int[] {TimeZone.SHORT, TimeZone.LONG}) {
            names.add(name(zone, false, style));
            names.add(name(zone, true, style));
            names.add(formatter(style == TimeZone.SHORT ? "v" : "vvvv").format(time));
            ZoneId id = ZoneId.of(zone);
            for (int month = 1; month <= 12; month++) {
                ZonedDateTime shown = ZonedDateTime.of(2024, month, 15, 12, 0, 0, 0, id);
                boolean summer = id.getRules().isDaylightSavings(shown.toInstant());
                String printed = formatter(style == TimeZone.SHORT ? "z" : "zzzz").format(shown);
                String known = name(zone, summer, style);
                if (!printed.equals(known)) {
                    throw new IllegalStateException(zone + ": " + printed + " is not " + known);
                }
            }
        }
        return names;
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Map<String, List<String>> zones = new TreeMap<>();
        for (String zone : new TreeSet<>(ZoneId.getAvailableZoneIds())) {
            zones.computeIfAbsent(String.join("\t", names(zone)), key -> new ArrayList<>()).add(zone);
        }
        List<String> lines = new ArrayList<>();
        lines.add("# Names of zones in English: short ones of standard time, of summer time and of both, long ones likewise, zones."
            + " Recorded by dev/conformance/ZoneNames.java.");
        zones.forEach((names, ids) -> lines.add(names + "\t" + String.join(" ", ids)));
        Files.write(folder.resolve("zone_names.tsv"), lines);
        List<String> read = new ArrayList<>();
        read.add("# Which zone a short or long name is read as. Recorded by dev/conformance/ZoneNames.java.");
        Set<String> words = new TreeSet<>();
        zones.keySet().forEach(names -> words.addAll(List.of(names.split("\t"))));
        for (String style : List.of("z", "zzzz")) {
            for (String word : words) {
                try {
                    ZoneId zone = ZoneId.from(formatter(style).parse(word));
                    if (!zone.getId().equals(word)) {
                        read.add((style.equals("z") ? "short" : "long") + "\t" + word + "\t" + zone);
                    }
                    ZoneId generic = ZoneId.from(formatter(style.replace('z', 'v')).parse(word));
                    if (!generic.equals(zone)) throw new IllegalStateException(word + ": " + generic + " is not " + zone);
                } catch (DateTimeException error) {
                    // No name of this style.
                }
            }
        }
        Files.write(folder.resolve("zones_of_names.tsv"), read);
    }
}
