// The simulators in a Java test, without a container: one process, which ends with this one.
//
//   java Simulators.java
//
// Needs Java 17 or newer and the command `simulators` (pip install enforcement-simulators), or SIMULATORS="python -m simulators".

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

public final class Simulators implements AutoCloseable {
    private final Process process;
    private final HttpClient client = HttpClient.newHttpClient();
    /** Their first line: addresses and credentials, as JSON for the library that you use. */
    public final String ready;
    public final String control;

    public Simulators(String... options) throws IOException {
        List<String> command = new ArrayList<>(List.of(System.getenv().getOrDefault("SIMULATORS", "simulators").split(" ")));
        command.addAll(List.of("serve", "--until-stdin-closes"));
        command.addAll(List.of(options));
        process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        ready = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (ready == null) {
            throw new IOException("the simulators did not start");
        }
        control = member(ready, "control");
    }

    /** One request to the control API of a world (its `control`). Refusals are exceptions with their words. */
    public String ask(String control, String method, String path, String body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(control + path))
            .method(method, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException(answer.body());
        }
        return answer.body();
    }

    /** The control address of a world of its own, for one test. */
    public String world(String name) throws IOException, InterruptedException {
        return member(ask(control, "POST", "/worlds", "{\"name\": \"" + name + "\"}"), "control");
    }

    @Override
    public void close() throws IOException {
        process.getOutputStream().close();
        try {
            System.out.println("simulators ended with " + process.waitFor());
        } catch (InterruptedException stopped) {
            process.destroy();
        }
    }

    private static String member(String json, String name) {
        var found = Pattern.compile("\"" + name + "\": \"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("no " + name + " in " + json);
        }
        return found.group(1);
    }

    public static void main(String[] words) throws Exception {
        try (Simulators simulators = new Simulators("--only", "nontax,credit")) {
            String mine = simulators.world("mine");
            simulators.ask(mine, "POST", "/clock", "{\"now\": \"2026-10-09T09:00:00+08:00\"}");
            simulators.ask(mine, "POST", "/faults", "{\"system\": \"nontax\", \"kind\": \"busy\"}");
            if (!simulators.ask(mine, "GET", "/faults", null).contains("\"busy\"")) {
                throw new IllegalStateException("the fault was not planted");
            }
            simulators.ask(simulators.control, "DELETE", "/worlds/mine", null);
        }
    }
}
