"""Keys and passwords: given to every command, then looked for in all that commands say, write and show in the list of processes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.attack.commands import Commands, Trace
from benchmarks.attack.detector import Canaries
from benchmarks.attack.server import Recorder
from benchmarks.attack.shop import AS_OF


@dataclass(frozen=True)
class Given:
    """The secrets of one run, each a value that stands nowhere else."""

    canaries: Canaries
    key: str
    """Of the model's endpoint."""
    password: str
    """Of the mail server."""
    wrong: str
    """A password that is not accepted anywhere."""
    database: str
    """Password of a database."""

    @classmethod
    def new(cls, seed: int) -> Given:
        made = Canaries(seed)
        return cls(made, made.word(), made.word(), made.word(), made.word())

    def refused(self, commands: Commands, shop: Path, plan: str, recorder: Recorder, carrier: str) -> None:
        """Each way in which a service can refuse a secret, or an address that holds one can be wrong."""
        brief, usual = shop.parent / "second.yaml", dict(commands.environment)
        brief.write_text("name: Second lights\naudience:\n  max_size: 20\n", encoding="utf-8")

        def try_it(*words: object, **changed: str) -> None:
            commands.environment = {**usual, **changed}
            commands(*words, fails=True)

        recorder.refuse = 401  # an endpoint that repeats what it was sent, key and all
        try_it("plan", shop, "--brief", brief, "--as-of", AS_OF, BRANDLOOM_CACHE=str(shop.parent / "cache 2"))
        recorder.refuse = None
        for url in (f"smtp://shop:{self.wrong}@{carrier}", f"smtp://shop:{self.wrong}@127.0.0.1:9", f"shop:{self.wrong}@host",
                    f"smtp://shop:{self.wrong}@[bad", f"ftp://x:{self.wrong}@h"):
            try_it("launch", shop, plan, BRANDLOOM_SMTP_URL=url)
        for url in (f"postgresql+psycopg://u:{self.database}@127.0.0.1:9/x", f"nonsense://u:{self.database}@127.0.0.1/x"):
            try_it("report", shop, plan, BRANDLOOM_LEDGER_URL=url)
        for url in (f"http://u:{self.wrong}@127.0.0.1:9/v1", f"ftp://u:{self.wrong}@127.0.0.1:9/v1"):
            try_it("models", "test", BRANDLOOM_MODEL_URL=url, BRANDLOOM_CACHE=str(shop.parent / "cache 2"))
        try_it("models", "test", BRANDLOOM_THREADS="many")
        commands.environment = usual

    def search(self, folder: Path, trace: Trace, recorder: Recorder) -> dict[str, Any]:
        """Where any of them stands, the workspace's own key included; the model's key belongs in one header of its requests."""
        raw = (folder / "shop" / "workspace.key").read_bytes()
        forms = (raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw), repr(raw).encode())
        pieces = [*((f"printed: {name}", text) for name, text in trace.output.items()), *(("process list", line) for line in trace.processes),
                  *(("request", body) for body in recorder.bodies), *(("mail", mail) for mail in trace.mails),
                  *((str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*"))
                    if path.is_file() and path.name != "workspace.key" and path.suffix not in (".csv", ".jsonl"))]
        found = [f"{name}: {value}" for name, data in pieces for value in self.canaries.found_in(data)]
        found += [f"{name}: workspace.key" for name, data in pieces if any(form in data for form in forms)]
        return {"secrets": 5, "commands": len(trace.output), "refusals": 11, "pieces": len(pieces), "bytes": sum(len(data) for _name, data in pieces),
                "processes": len(trace.processes), "found": len(found), "examples": found[:5],
                "key_sent_where_it_belongs": all(self.key.encode() in head for head in recorder.heads if head.startswith(b"POST"))}
