import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.filter.FilterFactory;
import org.apache.rocketmq.filter.expression.EvaluationContext;
import org.apache.rocketmq.filter.expression.Expression;

/**
 * What Apache's own filter makes of expressions and properties: the two files named on the command line have one a line, in
 * base64, properties in the form of a record. Prints a line for each expression: {@code !} when it does not compile, else
 * 1 for each property set that matches and 0 for the others, as ExpressionMessageFilter decides it.
 */
public final class SqlJudge {
    public static void main(String[] arguments) throws Exception {
        List<Map<String, String>> propertySets = new ArrayList<>();
        for (String line : lines(arguments[1])) {
            propertySets.add(MessageDecoder.string2messageProperties(line));
        }
        StringBuilder out = new StringBuilder();
        for (String text : lines(arguments[0])) {
            Expression expression;
            try {
                expression = FilterFactory.INSTANCE.get("SQL92").compile(text);
            } catch (Exception error) {
                out.append("!\n");
                continue;
            }
            for (Map<String, String> properties : propertySets) {
                out.append(matches(expression, properties) ? '1' : '0');
            }
            out.append('\n');
        }
        System.out.print(out);
        System.out.flush();
        System.exit(0);
    }

    private static List<String> lines(String path) throws Exception {
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get(path))) {
            lines.add(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8));
        }
        return lines;
    }

    private static boolean matches(Expression expression, Map<String, String> properties) {
        try {
            Object result = expression.evaluate(new EvaluationContext() {
                @Override public Object get(String name) {
                    return properties.get(name);
                }

                @Override public Map<String, Object> keyValues() {
                    return new HashMap<>(properties);
                }
            });
            return result instanceof Boolean && (Boolean) result;
        } catch (Throwable error) {
            return false;
        }
    }
}
