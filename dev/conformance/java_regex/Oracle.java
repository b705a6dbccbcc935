import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Makes patterns and texts at random and writes what this JDK answers, a pair on a line:
 *
 *     java -Xss16m Oracle.java SEED COUNT > answers.tsv
 *
 * The fields are pattern, text, replacement, the limit of split, the units that a region leaves out, and what came out:
 * "error", description and index; or the matches with their groups, "true" or "false" for a match of the whole text,
 * the text with matches replaced, the same behind the region's beginning, and the parts of split. Where the JDK runs
 * out of stack or of patience there is no line.
 */
public class Oracle {
    /** Characters that the matcher may look at before a pair is left out. */
    private static final int PATIENCE = 200_000;
    private static final String[] LETTERS = {
        "a", "a", "a", "b", "b", "c", "A", "B", "s", "k", "i", "1", "2", "_", " ", "-", "x", "y", "\n", "\r", "\r\n",
        "\u0085", "\u2028", "\u00e9", "\u00c9", "\u017f", "\u212a", "\u0130", "\u0131", "\u00df", "\u00b5", "\u03c3",
        "\u03c2", "\u03a3", "\u0301", "\u0300", "\ud83d\ude00", "\ud83d\ude00", "\ud801\udc00", "\ud801\udc28",
        "\u200d", "\ud83d\udc69", "\u1100", "\u1161", "\u0e33", "\u0663", "\u4e2d", "\t", "\u00a0", "\u000b", "&", "[",
        "]", "#", "\ud83c\udde9", "\ud83c\uddea"};
    private static final String[] ESCAPES = {
        "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\h", "\\H", "\\v", "\\V", "\\p{L}", "\\P{L}", "\\p{Lu}", "\\pL",
        "\\p{Alpha}", "\\p{Punct}", "\\p{IsLatin}", "\\p{InGreek}", "\\p{IsAlphabetic}", "\\p{javaLowerCase}", "\\p{Upper}",
        "\\P{Lower}", "\\p{sc=Han}", "\\p{gc=Nd}", "\\p{blk=Arabic}", "\\x41", "\\x{1F600}", "\\u0061", "\\0141", "\\t",
        "\\n", "\\e", "\\cA", "\\-", "\\.", "\\ud83d\\ude00", "\\p{Mn}", "\\p{IsWhite_Space}", "\\p{L1}", "\\p{So}",
        "\\p{javaMirrored}", "\\p{Space}", "\\p{XDigit}", "\\p{IsEmoji}", "\\p{Lt}", "\\p{IsUppercase}"};
    private static final String[] ANCHORS = {
        "^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G", "\\b", "$", "^", "\\R", "\\X", "\\R", "\\b{g}"};
    private static final String[] QUANTIFIERS = {
        "*", "+", "?", "*", "+", "?", "{2}", "{0,1}", "{1,2}", "{2,}", "{0}", "{0,}", "{1,3}", "{2,3}"};
    private static final String[] JUNK = {
        "(", ")", "[", "]", "{", "}", "*", "+", "?", "\\", "|", "^", "$", "(?", "(?<", "\\p", "\\p{", "\\x", "\\u", "\\k<",
        "[^", "&&", "-", "\\Q", "\\E", "{1", "{1,", "(?=", "(?<=", "(?i", "\\c", "\\0", "#", " ", "\\N", "\\y", "=", ",",
        "(?<=a", "\\k", "\\1", "(?<n>", "\\b{", "\\b{g", "\\x{", "\\x{11", "[a-", "\\pL"};
    private final Random random;
    private int groups;

    Oracle(long seed) {
        random = new Random(seed);
    }

    public static void main(String[] args) {
        Oracle oracle = new Oracle(Long.parseLong(args[0]));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (int done = 0; done < Integer.parseInt(args[1]);) {
            String line = oracle.pair();
            if (line != null) {
                out.println(line);
                done++;
            }
        }
        out.flush();
    }

    private String pick(String[] from) {
        return from[random.nextInt(from.length)];
    }

    private boolean one(int in) {
        return random.nextInt(in) == 0;
    }

    private String pair() {
        groups = 0;
        String pattern = (one(6) ? pick(new String[] {"(?i)", "(?m)", "(?s)", "(?d)", "(?iu)", "(?U)", "(?x)", "(?iU)",
            "(?md)", "(?ism)"}) : "") + alternatives(3);
        if (one(12)) {
            int at = random.nextInt(pattern.length() + 1);
            // Spark's patterns come from UTF-8, which has no halves of a pair.
            if (at < pattern.length() && Character.isLowSurrogate(pattern.charAt(at))) {
                at++;
            }
            pattern = pattern.substring(0, at) + pick(JUNK) + pattern.substring(at);
        }
        StringBuilder text = new StringBuilder();
        boolean plain = one(2);
        for (int left = random.nextInt(10); left > 0; left--) {
            text.append(plain ? LETTERS[random.nextInt(12)] : pick(LETTERS));
        }
        if (one(4)) {
            text.append(pick(new String[] {"\n", "\r\n", "\r", "\u2028"}));
        }
        String replacement = replacement();
        int limit = random.nextInt(4) - 1;
        int skipped = random.nextInt(text.length() + 1);
        String answer = answer(pattern, text.toString(), replacement, limit, skipped);
        return answer == null ? null : escape(pattern) + "\t" + escape(text.toString()) + "\t" + escape(replacement)
            + "\t" + limit + "\t" + skipped + "\t" + answer;
    }

    private String replacement() {
        StringBuilder out = new StringBuilder();
        for (int left = random.nextInt(4); left > 0; left--) {
            out.append(pick(new String[] {"<", ">", "$0", "$1", "${n}", "\\$", "\\\\", "-", "$12", "$2", "\u00e9",
                one(6) ? "$" : "", one(6) ? "\\" : "", one(6) ? "${" : "", one(6) ? "${1}" : "", one(6) ? "$x" : ""}));
        }
        return out.toString();
    }

    private String alternatives(int depth) {
        StringBuilder out = new StringBuilder(sequence(depth));
        while (one(5)) {
            out.append("|").append(one(8) ? "" : sequence(depth));
        }
        return out.toString();
    }

    private String sequence(int depth) {
        StringBuilder out = new StringBuilder();
        for (int left = 1 + random.nextInt(3); left > 0; left--) {
            out.append(atom(depth));
            if (one(3)) {
                out.append(pick(QUANTIFIERS));
                if (one(4)) {
                    out.append(pick(new String[] {"?", "+", "?", "+", "*", "{2}"}));
                }
            }
        }
        return out.toString();
    }

    private String atom(int depth) {
        int kind = random.nextInt(depth > 0 ? 20 : 11);
        if (kind < 5) {
            String letter = one(3) ? pick(LETTERS) : LETTERS[random.nextInt(12)];
            return "[]&#-".contains(letter) && one(2) ? "\\" + letter : letter;
        } else if (kind < 6) {
            return ".";
        } else if (kind < 8) {
            return pick(ESCAPES);
        } else if (kind < 9) {
            return pick(ANCHORS);
        } else if (kind < 11) {
            return charClass(2);
        } else if (kind < 15) {
            groups++;
            return "(" + alternatives(depth - 1) + ")";
        } else if (kind < 17) {
            return pick(new String[] {"(?:", "(?:", "(?:", "(?>", "(?i:", "(?s:", "(?-i:", "(?iu:", "(?x:", "(?m:"})
                + alternatives(depth - 1) + ")";
        } else if (kind < 18) {
            return pick(new String[] {"(?=", "(?!", "(?<=", "(?<!"}) + alternatives(depth - 1) + ")";
        } else if (kind < 19) {
            return groups > 0 ? "\\" + (1 + random.nextInt(groups + (one(5) ? 2 : 0))) : "\\Q" + pick(LETTERS) + "*\\E";
        }
        groups++;
        return one(2) ? "(?<n>" + alternatives(depth - 1) + ")" : "(?i)" + sequence(depth - 1);
    }

    private String charClass(int depth) {
        StringBuilder out = new StringBuilder(one(3) ? "[^" : "[");
        for (int left = 1 + random.nextInt(3); left > 0; left--) {
            int kind = random.nextInt(12);
            if (kind < 4) {
                out.append(LETTERS[random.nextInt(12)]);
            } else if (kind < 6) {
                out.append(pick(new String[] {"a-c", "A-Z", "a-z", "0-9", "\\x00-\\x7f", "\u00e0-\u00ff", "h-k", "b-b",
                    "\ud83d\ude00-\ud83d\ude4f", "\u0400-\u04ff", " -/"}));
            } else if (kind < 8) {
                out.append(pick(ESCAPES));
            } else if (kind < 9) {
                out.append(pick(LETTERS));
            } else if (kind < 10) {
                out.append("&&");
            } else if (depth > 0) {
                out.append(charClass(depth - 1));
            } else {
                out.append(pick(new String[] {"&", "-", "^", " ", "#", "."}));
            }
        }
        return out.append("]").toString();
    }

    private static String answer(String pattern, String text, String replacement, int limit, int skipped) {
        Pattern compiled;
        try {
            compiled = Pattern.compile(pattern);
        } catch (PatternSyntaxException error) {
            return "error\t" + escape(error.getDescription()) + "\t" + error.getIndex();
        } catch (RuntimeException | StackOverflowError error) {
            return null;
        }
        try {
            return matches(compiled, text) + "\t" + compiled.matcher(new Patient(text)).matches() + "\t"
                + replaced(compiled, text, replacement, 0) + "\t" + replaced(compiled, text, replacement, skipped) + "\t"
                + split(compiled, text, limit == 0 ? -1 : limit);
        } catch (Impatience | NullPointerException | StackOverflowError error) {
            return null;
        } catch (IndexOutOfBoundsException error) {
            // Of the matcher itself, which reads behind the end of some texts.
            return null;
        }
    }

    private static String matches(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(new Patient(text));
        List<String> found = new ArrayList<>();
        while (matcher.find()) {
            StringBuilder groups = new StringBuilder();
            for (int group = 0; group <= matcher.groupCount(); group++) {
                groups.append(group > 0 ? "," : "").append(matcher.start(group)).append(":").append(matcher.end(group));
            }
            found.add(groups.toString());
        }
        return String.join(" ", found);
    }

    private static String replaced(Pattern pattern, String text, String replacement, int skipped) {
        Matcher matcher = pattern.matcher(new Patient(text)).region(skipped, text.length());
        StringBuilder out = new StringBuilder();
        while (matcher.find()) {
            try {
                matcher.appendReplacement(out, replacement);
            } catch (IllegalArgumentException | IndexOutOfBoundsException error) {
                return "!" + escape(error.getMessage());
            }
        }
        return "=" + escape(matcher.appendTail(out).toString());
    }

    private static String split(Pattern pattern, String text, int limit) {
        StringBuilder out = new StringBuilder();
        for (String part : pattern.split(new Patient(text), limit)) {
            out.append(out.length() > 0 ? "|" : "").append("=").append(escape(part));
        }
        return out.toString();
    }

    /** The text as Spark's UTF-8 has it, with all but plain characters as numbers. */
    private static String escape(String text) {
        StringBuilder out = new StringBuilder();
        for (char unit : new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8).toCharArray()) {
            if (unit > 32 && unit < 127 && unit != '\\' && unit != '|') {
                out.append(unit);
            } else {
                out.append(String.format("\\u%04x", (int) unit));
            }
        }
        return out.toString();
    }

    private static final class Impatience extends RuntimeException {
    }

    /** A text that is read only so often. */
    private static final class Patient implements CharSequence {
        private final String text;
        private int reads;

        Patient(String text) {
            this.text = text;
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            if (++reads > PATIENCE) {
                throw new Impatience();
            }
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int from, int to) {
            return text.substring(from, to);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
