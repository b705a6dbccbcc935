import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Writes what a JDK knows of characters, as the names of its regular expressions show it:
 *
 *     java --add-opens java.base/java.util.regex=ALL-UNNAMED --add-opens java.base/java.lang=ALL-UNNAMED \
 *         Tables.java > crates/java-regex/src/unicode.txt
 *
 * Every set is asked of the JDK's own Pattern, one character at a time. Numbers are in base 36; a set is a list of gaps
 * and lengths in turn, a case mapping a list of gaps and differences in turn.
 */
public class Tables {
    private static final String PROPERTIES = "Cn Lu Ll Lt Lm Lo Mn Me Mc Nd Nl No Zs Zl Zp Cc Cf Co Cs Pd Ps Pe Pc Po Sm "
        + "Sc Sk So Pi Pf L M N Z C P S LC LD L1 all ASCII Alnum Alpha Blank Cntrl Digit Graph Lower Print Punct Space "
        + "Upper XDigit javaLowerCase javaUpperCase javaAlphabetic javaIdeographic javaTitleCase javaDigit javaDefined "
        + "javaLetter javaLetterOrDigit javaJavaIdentifierStart javaJavaIdentifierPart javaUnicodeIdentifierStart "
        + "javaUnicodeIdentifierPart javaIdentifierIgnorable javaSpaceChar javaWhitespace javaISOControl javaMirrored";
    private static final String BINARY = "ALPHABETIC ASSIGNED CONTROL HEXDIGIT HEX_DIGIT IDEOGRAPHIC JOINCONTROL "
        + "JOIN_CONTROL LETTER LOWERCASE NONCHARACTERCODEPOINT NONCHARACTER_CODE_POINT TITLECASE PUNCTUATION UPPERCASE "
        + "WHITESPACE WHITE_SPACE WORD";
    private static final Map<String, Integer> SETS = new LinkedHashMap<>();
    private static final List<String> LINES = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        LINES.add("version\t" + System.getProperty("java.specification.version"));
        for (String name : PROPERTIES.split(" ")) {
            LINES.add("property\t" + name + "\t" + of("\\p{" + name + "}") + "\t" + of("(?i)\\p{" + name + "}"));
        }
        for (String name : BINARY.split(" ")) {
            LINES.add("unicode\t" + name + "\t" + of("\\p{Is" + name + "}") + "\t" + of("(?i)\\p{Is" + name + "}"));
        }
        for (String name : "ALPHA LOWER UPPER SPACE PUNCT XDIGIT ALNUM CNTRL DIGIT BLANK GRAPH PRINT".split(" ")) {
            LINES.add("posix\t" + name + "\t" + of("(?U)\\p{" + name + "}") + "\t" + of("(?Ui)\\p{" + name + "}"));
        }
        for (String name : "d s w".split(" ")) {
            LINES.add("class\t" + name + "\t" + of("(?U)\\" + name));
        }
        TreeSet<String> scripts = keys("java.lang.Character$UnicodeScript", "aliases");
        for (Character.UnicodeScript script : Character.UnicodeScript.values()) {
            scripts.add(script.name());
        }
        named("script", "sc", scripts);
        named("block", "blk", keys("java.lang.Character$UnicodeBlock", "map"));
        graphemes();
        LINES.add("upper\t" + mapping(true));
        LINES.add("lower\t" + mapping(false));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        LINES.forEach(out::println);
        SETS.forEach((set, number) -> out.println("set\t" + number + "\t" + set));
    }

    private static boolean compiles(String pattern) {
        try {
            Pattern.compile(pattern);
            return true;
        } catch (IllegalArgumentException error) {
            return false;
        }
    }

    private static void named(String kind, String property, TreeSet<String> names) {
        for (String name : names) {
            if (compiles("\\p{" + property + "=" + name + "}")) {
                LINES.add(kind + "\t" + name + "\t" + of("\\p{" + property + "=" + name + "}"));
            }
        }
    }

    /** The keys of a private map of the JDK. */
    private static TreeSet<String> keys(String type, String field) throws Exception {
        Field map = Class.forName(type).getDeclaredField(field);
        map.setAccessible(true);
        TreeSet<String> names = new TreeSet<>();
        for (Object name : ((Map<?, ?>) map.get(null)).keySet()) {
            names.add(name.toString());
        }
        return names;
    }

    private static int of(String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher("");
        return number(point -> matcher.reset(Character.toString(point)).matches());
    }

    private static int number(IntPredicate contains) {
        StringBuilder set = new StringBuilder();
        int end = 0;
        for (int point = 0; point <= Character.MAX_CODE_POINT; point++) {
            if (contains.test(point)) {
                int from = point;
                while (point < Character.MAX_CODE_POINT && contains.test(point + 1)) {
                    point++;
                }
                set.append(set.length() > 0 ? "," : "").append(Integer.toString(from - end, 36)).append(",")
                    .append(Integer.toString(point + 1 - from, 36));
                end = point + 1;
            }
        }
        Integer number = SETS.putIfAbsent(set.toString(), SETS.size());
        return number == null ? SETS.size() - 1 : number;
    }

    private static void graphemes() throws Exception {
        Class<?> type = Class.forName("java.util.regex.Grapheme");
        Method method = type.getDeclaredMethod("getType", int.class);
        method.setAccessible(true);
        Map<Integer, String> names = new TreeMap<>();
        for (Field field : type.getDeclaredFields()) {
            if (field.getType() == int.class && field.getName().equals(field.getName().toUpperCase(Locale.ROOT))) {
                field.setAccessible(true);
                names.putIfAbsent(field.getInt(null), field.getName());
            }
        }
        int[] types = new int[Character.MAX_CODE_POINT + 1];
        for (int point = 0; point < types.length; point++) {
            types[point] = (int) method.invoke(null, point);
        }
        for (Map.Entry<Integer, String> name : names.entrySet()) {
            boolean used = IntStream.of(types).anyMatch(one -> one == name.getKey());
            if (used && !name.getValue().equals("OTHER")) {
                LINES.add("grapheme\t" + name.getValue() + "\t" + number(point -> types[point] == name.getKey()));
            }
        }
    }

    private static String mapping(boolean upper) {
        StringBuilder text = new StringBuilder();
        int end = 0;
        for (int point = 0; point <= Character.MAX_CODE_POINT; point++) {
            int mapped = upper ? Character.toUpperCase(point) : Character.toLowerCase(point);
            if (mapped != point) {
                text.append(text.length() > 0 ? "," : "").append(Integer.toString(point - end, 36)).append(",")
                    .append(Integer.toString(mapped - point, 36));
                end = point;
            }
        }
        return text.toString();
    }
}
