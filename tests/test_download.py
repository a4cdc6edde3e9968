"""Files from a server: cached, continued, checked, whole or not at all."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

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


def test_a_hash_that_is_published_as_md5_is_checked_too(server, tmp_path):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    path = cx.datasets.download(server.url, tmp_path / "x.bin", md5=md5.upper())
    assert cx.datasets.download(server.url, path, md5=md5) == path
    assert len(server.ranges) == 1
    with pytest.raises(cx.InputError, match="its MD5 is not 00"):
        cx.datasets.download(server.url, path, md5="00" * 16)
    with pytest.raises(StoreError, match=f"gave a file with MD5 {md5}, not 00"):
        cx.datasets.download(server.url, tmp_path / "y.bin", md5="00" * 16)
    assert not (tmp_path / "y.bin").exists()


def packed_images(images):
    """An archive as Caltech's: a zip with a packed tar in it, and what is no image beside."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for name, content in images.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with zipfile.ZipFile(outer, "w") as whole:
        whole.writestr("caltech-101/Annotations.tar", b"")
        whole.writestr("caltech-101/101_ObjectCategories.tar.gz", inner.getvalue())
    return outer.getvalue()


def test_caltech101_is_unpacked_into_folders_of_classes(server, tmp_path, monkeypatch):
    room_of_sets = "cellaxes.datasets._image_sets."
    picture = io.BytesIO()
    Image.new("RGB", (5, 4), "red").save(picture, "jpeg")
    inside = {
        "101_ObjectCategories/ant/image_0001.jpg": picture.getvalue(),
        "./101_ObjectCategories/watch/image_0001.jpg": picture.getvalue(),
        "101_ObjectCategories/watch/tmp": b"",
        "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg": picture.getvalue(),
        "../../image_0009.jpg": b"outside",
        "101_ObjectCategories/../image_0010.jpg": b"outside",
    }
    server.content = packed_images(inside)
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(room_of_sets + "CALTECH101", server.url)
    monkeypatch.setattr(room_of_sets + "CALTECH101_MD5", md5)
    folder = cx.datasets.caltech101(folder=tmp_path / "sets")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.*")) == [
        "ant/image_0001.jpg",
        "watch/image_0001.jpg",
    ]
    beside = ["101_ObjectCategories", "caltech-101.zip", "caltech-101.zip.sha256"]
    assert left(tmp_path / "sets") == beside
    assert list(cx.datasets.read_images(folder).obs["label"]) == ["ant", "watch"]
    assert cx.datasets.caltech101(folder=tmp_path / "sets") == folder
    assert len(server.ranges) == 1
    server.content = b"no archive"
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(room_of_sets + "CALTECH101_MD5", md5)
    with pytest.raises(cx.InputError, match="no whole archive of Caltech 101"):
        cx.datasets.caltech101(folder=tmp_path / "other")
    assert left(tmp_path / "other") == ["caltech-101.zip", "caltech-101.zip.sha256"]


def test_sets_of_medmnist_are_named_and_checked(server, tmp_path, monkeypatch):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    monkeypatch.setattr("cellaxes.datasets._image_sets.MEDMNIST", server.url.removesuffix("le.bin"))
    table = {"bloodmnist": ("", "", "", md5), "tissuemnist": (md5, "", "", "")}
    monkeypatch.setattr("cellaxes.datasets._image_sets.MEDMNIST_MD5", table)
    path = cx.datasets.medmnist("bloodmnist", size=224, folder=tmp_path)
    assert path == tmp_path / "bloodmnist_224.npz"
    assert cx.datasets.medmnist(folder=tmp_path) == tmp_path / "tissuemnist.npz"
    with pytest.raises(cx.InputError, match="did you mean 'tissuemnist'"):
        cx.datasets.medmnist("tisuemnist")
    with pytest.raises(cx.InputError, match="no size 32: it has 28, 64, 128, 224"):
        cx.datasets.medmnist(size=32)
