import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A case system's first payment: record a decision, ask for a payment code, believe a webhook only when it is verified.
 *
 * <pre>GATEWAY=http://127.0.0.1:41237 KEY=gwk_… java FirstPayment.java [AUTHORITY [DECISION_NUMBER]]</pre>
 *
 * Needs Java 17 or newer and no library; a case system reads JSON with the library that it has.
 */
public final class FirstPayment {
    private static final String GATEWAY = System.getenv("GATEWAY");
    private static final String KEY = System.getenv("KEY");
    private static final Set<Integer> AGAIN = Set.of(429, 500, 502, 503, 504);
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static volatile String secret;
    private static final CompletableFuture<String> ISSUED = new CompletableFuture<>();

    public static void main(String[] words) throws Exception {
        String authority = words.length > 0 ? words[0] : "wangchuan-scjg";
        String number = words.length > 1 ? words[1] : "JAVA-2026-1";
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/webhooks", FirstPayment::hear);
        server.start();
        try {
            int port = server.getAddress().getPort();
            String endpoint = ask("POST", "/v1/webhook-endpoints", "hooks-" + port, """
                    {"authority": "%s", "url": "http://127.0.0.1:%d/webhooks", "types": ["payment.issued"]}
                    """.formatted(authority, port));
            secret = member(endpoint, "secret");
            String path = "/v1/decisions/" + authority + "/" + URLEncoder.encode(number, StandardCharsets.UTF_8);
            ask("PUT", path, null, """
                    {"procedure": "simple",
                     "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
                     "violation": "占道堆放", "facts": "在人行道堆放建材。",
                     "basis": "《中华人民共和国行政处罚法》第五十一条", "penalty_kinds": ["罚款"],
                     "content": "罚款200.00元。", "fine": "200.00", "decided_on": "2026-11-20"}
                    """);
            String wanted = "{\"authority\": \"%s\", \"decision_number\": \"%s\"}".formatted(authority, number);
            String payment = member(ask("POST", "/v1/payments", number, wanted), "id");
            String again = member(ask("POST", "/v1/payments", number, wanted), "id");
            if (!again.equals(payment)) {
                throw new IllegalStateException("two payments for one key");
            }
            String message = ISSUED.get(30, TimeUnit.SECONDS);
            String shown = ask("GET", "/v1/payments/" + payment, null, null);
            System.out.printf("{\"payment\":\"%s\",\"status\":\"%s\",\"code\":\"%s\",\"told\":\"%s\",\"of\":\"%s\"}%n",
                    payment, member(shown, "status"), member(shown, "code"), member(message, "type"),
                    member(message, "subject"));
            ask("DELETE", "/v1/webhook-endpoints/" + member(endpoint, "id"), null, null);
        } finally {
            server.stop(0);
        }
    }

    /** One request. It is repeated with the same key when no answer came, and after as long as the gateway says. */
    private static String ask(String method, String path, String key, String body) throws Exception {
        HttpRequest.BodyPublisher sent = body == null
                ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(GATEWAY + path))
                .timeout(Duration.ofSeconds(30)).method(method, sent).header("Authorization", "Bearer " + KEY);
        if (body != null) {
            request.header("Content-Type", "application/json");
        }
        if (key != null) {
            request.header("Idempotency-Key", key);
        }
        for (int tries = 1; ; tries++) {
            long pause = 100L << tries;
            try {
                HttpResponse<String> answer = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() < 300) {
                    return answer.body();
                }
                if (!AGAIN.contains(answer.statusCode()) || tries > 5) {
                    throw new IllegalStateException(answer.statusCode() + " " + answer.body());
                }
                pause = answer.headers().firstValueAsLong("Retry-After").stream().map(s -> s * 1000).findFirst()
                        .orElse(pause);
            } catch (IOException broken) {
                if (tries > 5) {
                    throw broken;
                }
            }
            Thread.sleep(pause);
        }
    }

    private static void hear(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        boolean authentic = secret != null && isAuthentic(secret, exchange.getRequestHeaders(), body);
        exchange.sendResponseHeaders(authentic ? 204 : 401, -1); // answer first, work afterwards
        exchange.close();
        if (authentic) {
            ISSUED.complete(new String(body, StandardCharsets.UTF_8));
        }
    }

    /** Whether a message is the gateway's, and fresh (Standard Webhooks). {@code body}: its exact bytes. */
    static boolean isAuthentic(String secret, com.sun.net.httpserver.Headers headers, byte[] body) {
        String stamp = headers.getFirst("webhook-timestamp");
        String id = headers.getFirst("webhook-id");
        String given = headers.getFirst("webhook-signature");
        if (id == null || given == null || stamp == null || !stamp.matches("\\d{1,12}")
                || Math.abs(Instant.now().getEpochSecond() - Long.parseLong(stamp)) > 300) {
            return false;
        }
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")), "HmacSHA256"));
            mac.update((id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8));
            byte[] right = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body)))
                    .getBytes(StandardCharsets.UTF_8);
            for (String one : given.split(" ")) {
                if (MessageDigest.isEqual(right, one.getBytes(StandardCharsets.UTF_8))) {
                    return true;
                }
            }
            return false;
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The first text of this name in a JSON document: enough for a sample without a library. */
    private static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : "";
    }
}
