#!/usr/bin/env bash
# Java's SnakeYAML refuses a recording of more than 3 MB, however simple.
#
# Versions: Debian 12 libyaml-snake-java 1.33, OpenJDK 17. Seen on 2026-11-30.
# Guess:    a YAML library reads as much as memory holds; limits are for aliases and depth.
# Seen:     46,000 calls in 2.9 million characters are read, 50,000 in 3.2 million are an
#           exception ("exceeds the limit: 3145728 code points").
# Matters:  an hour of a load test passes that. Spring Boot and Jackson read YAML with
#           SnakeYAML: record per scenario, or hand out JSON.
# Source:   `LoaderOptions.codePointLimit`, 3 MB since 1.32.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

(cd "$tmp" && apt-get download -qq -o APT::Sandbox::User=root 'libyaml-snake-java=1.33-*')
dpkg -x "$tmp"/*.deb "$tmp/root"

cat >"$tmp/Read.java" <<'JAVA'
import java.util.List;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.YAMLException;

public class Read {
    public static void main(String[] arguments) {
        String call = "- {method: GET, url: '/v1/pixel/track?userId=u1&event=Opened'}\n";
        for (int calls : new int[] {46_000, 50_000}) {
            try {
                System.out.println(calls + ": " + ((List<?>) new Yaml().load(call.repeat(calls))).size() + " read");
            } catch (YAMLException error) {
                System.out.println(calls + ": " + error.getMessage());
            }
        }
    }
}
JAVA
cat >"$tmp/expected" <<'TEXT'
46000: 46000 read
50000: The incoming YAML document exceeds the limit: 3145728 code points.
TEXT
java -cp "$tmp/root/usr/share/java/snakeyaml.jar" "$tmp/Read.java" >"$tmp/seen"

echo "versions: snakeyaml 1.33, $(java --version | head -1)"
echo 'guess:    both are read'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
