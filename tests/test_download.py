"""Files from a server: cached, continued, checked, whole or not at all."""

import hashlib
import http.server
import threading

import numpy as np
import pytest

import cellaxes as cx
from cellaxes._core import fetch as room
from cellaxes._core.errors import StoreError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file, and can break off, refuse, or change it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.tag = CONTENT, '"one"'
        self.breaks_after: list[int] = []  # bytes after which the next answers break off
        self.refuses: list[int] = []  # codes of the next answers
        self.ranges: list[str | None] = []
        self.threads = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.threads.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        if server.refuses:
            self.send_error(server.refuses.pop(0))
            return
        start = int(wanted[6:-1]) if wanted and self.headers["If-Range"] == server.tag else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if server.tag:
            self.send_header("ETag", server.tag)
        if start:
            whole = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.end_headers()
        if server.breaks_after:
            body = body[: server.breaks_after.pop(0)]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(room, "PAUSE", 0.0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = Server()
    yield found
    found.shutdown()
    found.server_close()


def left(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_downloaded_once_and_left_alone_afterwards(server, tmp_path):
    path = cx.datasets.download(server.url, tmp_path / "a" / "x.bin", sha256=SHA256.upper())
    assert path.read_bytes() == CONTENT
    assert left(path.parent) == ["x.bin", "x.bin.sha256"]
    server.content = b"other"
    assert cx.datasets.download(server.url, path, sha256=SHA256).read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_the_cache_folder_is_the_one_that_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLAXES_CACHE", str(tmp_path / "cache"))
    path = cx.datasets.download(server.url)
    assert path == tmp_path / "cache" / "downloads" / "127.0.0.1" / "data" / "file.bin"
    assert path.read_bytes() == CONTENT
    monkeypatch.delenv("CELLAXES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert room.cache_folder() == tmp_path / "cellaxes"


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server, tmp_path):
    server.breaks_after = [1_000_000, 700_000]
    path = cx.datasets.download(server.url, tmp_path / "x.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", "bytes=1700000-"]


def test_what_came_is_kept_and_continued_by_the_next_call(server, tmp_path):
    server.breaks_after = [500_000, 0, 0]
    with pytest.raises(StoreError, match=r"broke after 500,000 bytes .* run the same again"):
        cx.datasets.download(server.url, tmp_path / "x.bin")
    assert not (tmp_path / "x.bin").exists()
    path = cx.datasets.download(server.url, tmp_path / "x.bin")
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=500000-"
    assert left(tmp_path) == ["x.bin", "x.bin.sha256"]


def test_a_file_that_changed_meanwhile_starts_anew(server, tmp_path):
    server.breaks_after = [500_000, 0, 0]
    with pytest.raises(StoreError, match="broke"):
        cx.datasets.download(server.url, tmp_path / "x.bin")
    server.content, server.tag = CONTENT[::-1], '"two"'
    assert cx.datasets.download(server.url, tmp_path / "x.bin").read_bytes() == CONTENT[::-1]


def test_a_server_without_tags_is_never_resumed(server, tmp_path):
    server.tag, server.breaks_after = "", [500_000]
    assert cx.datasets.download(server.url, tmp_path / "x.bin").read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_part_longer_than_the_file_starts_anew(server, tmp_path):
    (tmp_path / "x.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "x.bin.part.tag").write_text(server.tag)
    path = cx.datasets.download(server.url, tmp_path / "x.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_wrong_hash_leaves_no_file(server, tmp_path):
    with pytest.raises(StoreError, match=f"gave a file with SHA-256 {SHA256}, not 00"):
        cx.datasets.download(server.url, tmp_path / "x.bin", sha256="00" * 32)
    assert not [name for name in left(tmp_path) if not name.endswith(".lock")]


def test_a_file_that_was_damaged_since_is_not_taken(server, tmp_path):
    path = cx.datasets.download(server.url, tmp_path / "x.bin")
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(cx.InputError, match="is not the file that was asked for"):
        cx.datasets.download(server.url, path)


def test_what_the_server_refuses_is_one_sentence(server, tmp_path):
    server.refuses = [404]
    with pytest.raises(StoreError, match=r"answered 404 \(Not Found\) for http"):
        cx.datasets.download(server.url, tmp_path / "x.bin")
    assert len(server.ranges) == 1
    server.refuses = [503, 503]
    assert cx.datasets.download(server.url, tmp_path / "x.bin").read_bytes() == CONTENT


def test_offline_says_what_to_do(server, tmp_path):
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(StoreError, match=r"cannot be reached .* put it at .*x\.bin\.$"):
        cx.datasets.download(url, tmp_path / "x.bin")


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_asked(server, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(StoreError, match="could not be written"):
        cx.datasets.download(server.url, blocked / "x.bin")
    assert server.ranges == []


@pytest.mark.parametrize("url", ["file:///etc/hosts", "s3://bucket/key", "data.csv"])
def test_other_addresses_are_refused(url, tmp_path):
    with pytest.raises(cx.InputError, match="no http or https"):
        cx.datasets.download(url, tmp_path / "x")
    with pytest.raises(cx.InputError, match="names no file"):
        cx.datasets.download("http://somewhere.example/")


def test_the_files_of_open_problems_come_from_the_public_bucket(server, tmp_path, monkeypatch):
    monkeypatch.setattr("cellaxes.datasets._download.OP3", server.url.removesuffix("file.bin"))
    path = cx.datasets.op3("id_map", folder=tmp_path, sha256=SHA256)
    assert (path.name, path.read_bytes()) == ("id_map.csv", CONTENT)
    with pytest.raises(cx.InputError, match="did you mean 'de_train'"):
        cx.datasets.op3("de_trian")
