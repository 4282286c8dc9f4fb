"""Is anything in these pages alive? A real browser and a parser say so, page by page.

Every page is a frame of its own. A policy that only reports tells of each script, handler and request in it; the browser's only way
out is a proxy that notes every request; and the page as the browser built it is compared with a harmless one of its kind.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOST = "judge.test"
_POLICY = ("default-src 'none'; style-src 'unsafe-inline'; img-src data: https://shop.example.com; form-action 'none'; "
           "base-uri 'none'; report-uri /report/{id}")
_LINKS = ("href", "src", "action", "formaction", "xlink:href", "background", "poster", "data", "srcset", "ping", "manifest", "longdesc")
_OWN = ("googleapis.com", "google.com", "gvt1.com", "gstatic.com", "shop.example.com")
"""What the browser itself asks for, and the shop whose pictures stand in articles and looks."""
BATCH = 8
TRIES = 3
_WAIT_S, _LONG_WAIT_S = 15, 90
"""How long a page may take to load among others, and alone."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Page:
    """A page to be judged, and the kind of page whose harmless form it is compared with."""

    id: str
    kind: str
    html: str
    watched: bool = True
    """False leaves the reporting policy out, for pages whose own policy is part of the proof: then only requests count."""
    media: str = "text/html"

    @property
    def seal(self) -> str:
        """What a verdict is kept under."""
        return hashlib.sha256(f"{self.kind} {self.watched} {self.media}\n{self.html}".encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Harmless:
    """What pages of a kind hold when nobody attacks: pairs of element and attribute, and hosts they may link to."""

    pairs: frozenset[tuple[str, str]]
    hosts: frozenset[str]

    @classmethod
    def of(cls, pages: Iterable[str], hosts: Iterable[str]) -> Harmless:
        pairs: set[tuple[str, str]] = set()
        for page in pages:
            pairs |= {(tag, name) for tag, attributes in _parsed(page) for name in ("", *attributes)}
        return cls(frozenset(pairs), frozenset(hosts))

    def objections(self, elements: Iterable[tuple[str, Mapping[str, str | None]]]) -> list[str]:
        """What a page holds beyond that."""
        found = []
        for tag, attributes in elements:
            for name in ("", *attributes):
                if (tag, name) not in self.pairs:
                    found.append(f"<{tag}{' ' + name if name else ''}>")
            if tag == "script" and attributes.get("type") != "application/ld+json":
                found.append("<script> that is no data")
            for name in _LINKS:
                if (value := attributes.get(name)) and not self._may_lead(value):
                    found.append(f"{name}={value[:60]}")
        return found

    def _may_lead(self, link: str) -> bool:
        link = re.sub(r"[\x00-\x20]+", "", link)
        if link.startswith("#"):
            return True
        try:
            parts = urlsplit(link)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.username is None and parts.hostname in self.hosts


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


def _parsed(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Elements()
    reader.feed(page)
    reader.close()
    return reader.found


def parse_judge(pages: Sequence[Page], kinds: Mapping[str, Harmless]) -> dict[str, list[str]]:
    """What Python's parser objects to, by page."""
    found = {page.id: kinds[page.kind].objections(_parsed(page.html)) for page in pages if page.kind in kinds and page.media == "text/html"}
    return {key: value for key, value in found.items() if value}


@dataclass
class Seen:
    """What the browser did."""

    judged: int = 0
    reports: dict[str, list[str]] = field(default_factory=dict)
    """Per page: scripts, handlers and requests the policy told of."""
    objections: dict[str, list[str]] = field(default_factory=dict)
    """Per page: what its tree holds that a harmless page does not."""
    left: list[str] = field(default_factory=list)
    """Pages whose frame went elsewhere."""
    unloaded: list[str] = field(default_factory=list)
    """Pages that never loaded, alone and with time; a clean run has none."""
    again: int = 0
    """Pages that loaded only when they were asked for again."""
    kept: int = 0
    """Verdicts taken over from an interrupted run."""
    requests: Counter[str] = field(default_factory=Counter)
    """Addresses asked for outside the judge's own."""
    seconds: float = 0.0

    @property
    def alive(self) -> set[str]:
        return {*self.reports, *self.objections, *self.left, *self.unloaded}


_HARNESS = """<!doctype html><meta charset=utf-8><title>judge</title><body><script>
for (const name of ['alert','confirm','prompt','print','open']) window[name] = () => fetch('/dialog/' + name);
function walk(root, out) {
  for (const el of root.querySelectorAll('*')) {
    const attrs = {};
    for (const a of el.attributes) attrs[a.name.toLowerCase()] = a.value.slice(0, 300);
    out.push([el.localName.toLowerCase(), attrs]);
    if (el.shadowRoot) walk(el.shadowRoot, out);
  }
  return out;
}
async function one(item, wait) {
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', 'allow-scripts allow-same-origin allow-forms');
  frame.style.width = '640px'; frame.style.height = '300px';
  let loads = 0;
  const loaded = new Promise(done => { frame.onload = () => { loads++; done(true); }; setTimeout(() => done(false), wait); });
  frame.src = '/page/' + item;
  document.body.append(frame);
  const came = await loaded;
  await new Promise(done => setTimeout(done, 60));
  const result = {id: item, came: came, loads: loads, place: null, tree: null};
  try {
    result.place = frame.contentWindow.location.pathname;
    const seen = new Map();
    for (const [tag, attrs] of walk(frame.contentDocument, [])) seen.set(JSON.stringify([tag, attrs]), 1);
    result.tree = [...seen.keys()].map(x => JSON.parse(x));
  } catch (error) { result.place = String(error); }
  frame.remove();
  return result;
}
(async () => {
  for (;;) {
    const batch = await (await fetch('/next')).json();
    if (!batch.pages.length) { await new Promise(done => setTimeout(done, 500)); await fetch('/done'); return; }
    const results = await Promise.all(batch.pages.map(item => one(item, batch.wait)));
    await fetch('/results', {method: 'POST', body: JSON.stringify(results)});
  }
})();
</script>"""


def judge(pages: Sequence[Page], kinds: Mapping[str, Harmless], *, batch: int = BATCH, silence_s: float = 120.0, keep: Path | None = None,
          progress: Progress | None = None) -> Seen:
    """Let Chromium build every page, and note what it does. A page that does not load is asked for again, alone and with more time.

    Args:
        pages: ids are plain words.
        kinds: what is harmless, by kind of page; pages of other kinds are only watched.
        batch: pages built at a time; few where each holds many frames.
        silence_s: after so long without a word the browser is started again, and the pages it held are asked for again.
        keep: file of verdicts; an interrupted run goes on from it.
        progress: called with pages judged and all.
    Raises:
        SystemExit: there is no browser.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no browser; install one with: apt-get install -y chromium")
    court = _Court(pages, kinds, batch, keep)
    started = time.monotonic()
    with court.serving() as port:
        while not court.over.is_set():
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, _running(browser, port, profile):
                court.wait(silence_s, progress)
    court.settle()
    court.seen.seconds = time.monotonic() - started
    return court.seen


@contextlib.contextmanager
def _running(browser: str, port: int, profile: str) -> Iterator[None]:
    process = subprocess.Popen(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability", "--mute-audio",
         f"--proxy-server=http://127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>", f"--user-data-dir={profile}", f"http://{HOST}/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its helpers too
        process.wait()


class _Court:
    """The judge's own server and proxy in one."""

    def __init__(self, pages: Sequence[Page], kinds: Mapping[str, Harmless], batch: int, keep: Path | None) -> None:
        self.batch, self.keep = batch, keep
        self.pages = {page.id: page for page in pages}
        self.kinds = kinds
        self.seen = Seen()
        known = self._taken_over()
        self.waiting = [name for name, page in self.pages.items() if page.seal not in known]
        self.alone: list[str] = []
        self.tries: Counter[str] = Counter()
        self.held: list[str] = []
        self.unsettled: list[str] = []
        self.over = threading.Event()
        self.last = time.monotonic()
        self.lock = threading.Lock()

    def _taken_over(self) -> set[str]:
        """Seals of pages that the file of verdicts knows, their verdicts noted."""
        if self.keep is None or not self.keep.is_file():
            return set()
        by_seal = {page.seal: name for name, page in self.pages.items()}
        known = set()
        for line in self.keep.read_text(encoding="utf-8").splitlines():
            verdict = json.loads(line)
            if "request" in verdict:
                self.seen.requests[verdict["request"]] += 1
            elif verdict["seal"] in by_seal and verdict["seal"] not in known:
                known.add(verdict["seal"])
                name = by_seal[verdict["seal"]]
                self.seen.judged += 1
                self.seen.kept += 1
                for place, found in ((self.seen.reports, verdict["reports"]), (self.seen.objections, verdict["objections"])):
                    if found:
                        place[name] = found
                self.seen.left += [name] if verdict["left"] else []
        return known

    def _write(self, verdict: Mapping[str, Any]) -> None:
        if self.keep is not None:
            with self.keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(verdict, ensure_ascii=False) + "\n")

    def settle(self) -> None:
        """Keep the verdicts of the batch before, whose reports have come in by now."""
        for name in self.unsettled:
            self._write({"seal": self.pages[name].seal, "reports": self.seen.reports.get(name, []), "objections": self.seen.objections.get(name, []),
                         "left": name in self.seen.left})
        self.unsettled = []

    def asked_elsewhere(self, where: str) -> None:
        with self.lock:
            self.seen.requests[where] += 1
            self._write({"request": where})

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        court = self

        class Handler(_Handler):
            pass

        Handler.court = court
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()

    def wait(self, silence_s: float, progress: Progress | None) -> None:
        self.last = told = before = time.monotonic()
        while not self.over.wait(0.2):
            now = time.monotonic()
            if now - before > 5:  # this process was paused, and the browser with it
                self.last = now
            before = now
            if progress is not None and time.monotonic() - told > 15:
                told = time.monotonic()
                progress(self.seen.judged, len(self.pages))
            if time.monotonic() - self.last > silence_s:
                with self.lock:
                    self._again(self.held)
                    self.held = []
                return

    def next(self) -> dict[str, Any]:
        with self.lock:
            if self.waiting:
                self.held, self.waiting = self.waiting[:self.batch], self.waiting[self.batch:]
            else:
                self.held, self.alone = self.alone[:1], self.alone[1:]
            return {"pages": self.held, "wait": 1000 * (_WAIT_S if self.waiting else _LONG_WAIT_S)}

    def _again(self, names: Iterable[str]) -> None:
        for name in names:
            self.tries[name] += 1
            if self.tries[name] < TRIES:
                self.alone.append(name)
            else:
                self.seen.judged += 1
                self.seen.unloaded.append(name)

    def take(self, results: Sequence[Mapping[str, Any]]) -> None:
        with self.lock:
            self.settle()
            self.held = []
            for result in results:
                page = self.pages[result["id"]]
                if not result["came"]:
                    self._again([page.id])
                    continue
                self.seen.judged += 1
                self.seen.again += self.tries[page.id] > 0
                self.unsettled.append(page.id)
                if result["loads"] != 1 or result["place"] != f"/page/{page.id}":
                    self.seen.left.append(page.id)
                elif page.kind in self.kinds:
                    found = self.kinds[page.kind].objections([(tag, attributes) for tag, attributes in result["tree"]])
                    if found:
                        self.seen.objections[page.id] = found


class _Handler(BaseHTTPRequestHandler):
    court: _Court
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        court, place = self.court, urlsplit(self.path)
        court.last = time.monotonic()
        if place.hostname != HOST:
            self._elsewhere(place.hostname or self.path)
        elif place.path == "/":
            self._send("text/html", _HARNESS.encode())
        elif place.path == "/next":
            self._send("application/json", json.dumps(court.next()).encode())
        elif place.path == "/done":
            court.over.set()
            self._send("text/plain", b"")
        elif place.path.startswith("/page/") and (page := court.pages.get(place.path[6:])) is not None:
            policy = {"Content-Security-Policy-Report-Only": _POLICY.format(id=page.id)} if page.watched else {}
            self._send(page.media, page.html.encode("utf-8", "replace"), headers=policy)
        else:
            if place.path != "/favicon.ico":
                court.asked_elsewhere(place.path)
            self._send("text/plain", b"", status=404)

    def do_POST(self) -> None:
        court, place = self.court, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        court.last = time.monotonic()
        if place.hostname != HOST:
            self._elsewhere(place.hostname or self.path)
            return
        if place.path == "/results":
            court.take(json.loads(body))
        elif place.path.startswith("/report/"):
            told = json.loads(body).get("csp-report", {})
            with court.lock:
                court.seen.reports.setdefault(place.path[8:], []).append(
                    f"{told.get('effective-directive') or told.get('violated-directive')}: {told.get('blocked-uri')}")
        self._send("text/plain", b"")

    def do_CONNECT(self) -> None:
        self._elsewhere(self.path.partition(":")[0])

    def _elsewhere(self, host: str) -> None:
        if not host.endswith(_OWN):
            self.court.asked_elsewhere(host)
        self.close_connection = True
        self._send("text/plain", b"", status=403)

    def _send(self, kind: str, data: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        usual = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(data)), "Cache-Control": "no-store"}
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):  # a browser that is done hangs up
            super().handle_one_request()
            return
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def payloads(folder: Path, naughty: Path | None) -> list[str]:
    """The lists of `shared/data/attacks` and, where given, the big list of naughty strings."""
    lines = [line for name in ("xss_payloadbox.txt", "xss_intruders.txt") for line in (folder / name).read_text("utf-8", "replace").splitlines()]
    strings = json.loads(naughty.read_text("utf-8")) if naughty else []
    return [*lines, *strings]
