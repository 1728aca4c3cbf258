"""Settings with which each of the other servers answers `/v1/pixel/…` with the GIF."""

from base64 import b64decode, b64encode

from pixel_emulator.core.endpoint.routes import GIF

_TEXT = b64encode(GIF).decode()
_TYPE = "image/gif"

WIREMOCK = {
    "request": {"method": "GET", "urlPathPattern": "/v1/pixel/.*"},
    "response": {"status": 200, "base64Body": _TEXT, "headers": {"Content-Type": _TYPE}},
}

MOCKSERVER = [
    {
        "httpRequest": {"method": "GET", "path": "/v1/pixel/.*"},
        "httpResponse": {
            "statusCode": 200,
            "headers": {"Content-Type": [_TYPE]},
            "body": {"type": "BINARY", "base64Bytes": _TEXT},
        },
    }
]

MOCKTTP = f"""
const [folder, port] = process.argv.slice(1);
const server = require(folder).getLocal();
// Without a length it ends the connection after each answer.
const headers = {{"content-type": "{_TYPE}", "content-length": "{len(GIF)}"}};
const gif = Buffer.from("{_TEXT}", "base64");
server.start(Number(port)).then(() =>
  server.forGet(/^\\/v1\\/pixel\\//).thenReply(200, gif, headers));
"""

OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "Pixels", "version": "1"},
    "paths": {
        f"/v1/pixel/{name}": {
            "get": {
                "parameters": [{"name": "data", "in": "query", "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "The image.",
                        "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}},
                    }
                },
            }
        }
        for name in ("identify", "track", "page", "screen", "group", "alias")
    },
}

HTTPSERVER = f"""
import re, sys, threading
from pytest_httpserver import HTTPServer
with HTTPServer(host="127.0.0.1", port=int(sys.argv[1])) as server:
    pixels = server.expect_request(re.compile("^/v1/pixel/"))
    pixels.respond_with_data({GIF!r}, content_type="{_TYPE}")
    threading.Event().wait()
"""

NGINX = """
daemon off;
worker_processes 1;
pid FOLDER/nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server { listen 127.0.0.1:PORT; location /v1/pixel/ { empty_gif; } }
}
"""

# nginx has a GIF of its own.
NGINX_GIF = b64decode("R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==")
