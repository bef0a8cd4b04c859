"""An object store for tests: PUT, GET and ListObjectsV2 of one bucket in memory, a page of a few keys at a time. Requests must be signed (AWS Signature Version 4)."""
import hashlib
import hmac
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

PAGE = 3


def signature(secret, day, region, text):
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Store:
    def __init__(self, key_id="id", secret="s3cret", region="us-east-1"):
        self.objects, self.lists, self.refused, self.down = {}, 0, 0, False
        self.key_id, self.secret, self.region = key_id, secret, region
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def signed(self, body):
                path, _, query = self.path.partition("?")
                digest = hashlib.sha256(body).hexdigest()
                date = self.headers["x-amz-date"]
                names = "host;x-amz-content-sha256;x-amz-date"
                ordered = "&".join(sorted(query.split("&"))) if query else ""
                request = "\n".join([self.command, path, ordered, f"host:{self.headers['Host']}", f"x-amz-content-sha256:{digest}", f"x-amz-date:{date}", "", names, digest])
                scope = f"{date[:8]}/{store.region}/s3/aws4_request"
                text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
                want = f"AWS4-HMAC-SHA256 Credential={store.key_id}/{scope},SignedHeaders={names},Signature={signature(store.secret, date[:8], store.region, text)}"
                return self.headers["Authorization"] == want

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path, _, query = self.path.partition("?")
                if store.down:
                    return self.answer(503)
                if not self.signed(body):
                    store.refused += 1
                    return self.answer(403, b"SignatureDoesNotMatch")
                key = urllib.parse.unquote(path).split("/", 2)[2]
                if self.command == "PUT":
                    store.objects[key] = body
                    return self.answer(200)
                if key:
                    return self.answer(200, store.objects[key]) if key in store.objects else self.answer(404)
                return self.answer(200, store.page(dict(urllib.parse.parse_qsl(query))).encode())

            do_GET = do_PUT = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, ask):
        assert ask["list-type"] == "2"
        self.lists += 1
        keys = sorted(k for k in list(self.objects) if k.startswith(ask["prefix"]) and k > ask.get("continuation-token", ""))
        more = len(keys) > PAGE
        rows = "".join(f"<Contents><Key>{escape(k)}</Key><Size>{len(self.objects[k])}</Size></Contents>" for k in keys[:PAGE])
        token = f"<NextContinuationToken>{escape(keys[PAGE - 1])}</NextContinuationToken>" if more else ""
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>'

    def close(self):
        self.server.shutdown()
        self.server.server_close()
