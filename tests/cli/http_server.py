"""A small HTTP server for tests of downloads: ranges, validators, broken connections, redirects, errors, all on this machine."""

import contextlib
import hashlib
import http.server
import threading


class File:
    """What stands at one path of the server."""

    def __init__(self, content=b"", *, etag="auto", ranges=True, cut_after=(), failures=(), redirect=None, headers=(),
                 content_type="application/octet-stream"):
        self.content = content
        self.etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"' if etag == "auto" else etag
        self.ranges = ranges
        self.cut_after = list(cut_after)  # bytes after which each of the next responses breaks off
        self.failures = list(failures)  # statuses of the next responses
        self.redirect = redirect
        self.headers = list(headers)
        self.content_type = content_type


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        file = self.server.files.get(self.path.partition("?")[0])
        status = 404 if file is None else file.failures.pop(0) if file.failures else 302 if file.redirect else None
        if status is not None:
            self.send_response(status)
            for name, value in file.headers if file else []:
                self.send_header(name, value)
            if file and file.redirect:
                self.send_header("Location", file.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        unchanged = self.headers.get("If-Range", file.etag) == file.etag
        if file.ranges and unchanged and "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(file.content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(file.content) - 1}/{len(file.content)}")
        if file.etag:
            self.send_header("ETag", file.etag)
        for name, value in file.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", file.content_type)
        self.send_header("Content-Length", str(len(file.content) - start))
        self.end_headers()
        body = file.content[start:]
        if file.cut_after:
            body = body[:file.cut_after.pop(0)]
            self.close_connection = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)


class Server:
    """Serves `files`, a dictionary from path to File, and remembers `requests` as (path, headers)."""

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.files = self._server.files = {}
        self.requests = self._server.requests = []
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()
