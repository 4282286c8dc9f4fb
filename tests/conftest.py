"""Fixtures that every room shares: fresh workspaces, both ledgers, both engines, the shared data."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from brandloom.engine import DuckEngine, Engine, ensure_tables
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.workspace import Workspace, create_workspace

if TYPE_CHECKING:
    from brandloom.campaigns import Shop

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
# An endpoint of a test has to be asked: an answer kept from an earlier run would hide what it does.
os.environ["BRANDLOOM_MODEL_CACHE_MB"] = "0"


def require(condition: object, reason: str) -> None:
    """Skip with a reason; where BRANDLOOM_TEST_ALL is set (CI) nothing may be missing, so fail instead."""
    if condition:
        return
    if os.environ.get("BRANDLOOM_TEST_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A new, empty workspace."""
    return create_workspace(tmp_path / "shop")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """DuckDB in memory with the canonical tables, empty."""
    duck = DuckEngine()
    ensure_tables(duck)
    yield duck
    duck.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger on each database; PostgreSQL gets a database of its own per test."""
    if request.param == "sqlite":
        opened = open_ledger_at(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        yield opened
        opened.close()
        return
    server: str = request.getfixturevalue("postgres")
    name = f"t{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    opened = open_ledger_at(server.rsplit("/", 1)[0] + f"/{name}")
    yield opened
    opened.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server: BRANDLOOM_TEST_POSTGRES, or one started here for the session."""
    given = os.environ.get("BRANDLOOM_TEST_POSTGRES")
    if given:
        yield given
        return
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(p) for p in [shutil.which("initdb")] if p]
    require(found, "PostgreSQL's server is not installed: sudo apt-get install postgresql")
    binaries = found[-1].parent
    # PostgreSQL refuses to run as root, so root runs it as the user that Debian's package makes
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="bl-pg-"))
    folder.chmod(0o777)
    data, port = folder / "data", 20000 + os.getpid() % 20000
    run = lambda *words: subprocess.run([*prefix, *map(str, words)], check=True, capture_output=True, cwd=folder)  # noqa: E731
    run(binaries / "initdb", "-D", data, "-A", "trust", "-U", "brandloom")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-o", options, "-w", "-l", str(folder / "log"), "start"],
                   check=True, stdout=subprocess.DEVNULL, cwd=folder)
    yield f"postgresql+psycopg://brandloom@127.0.0.1:{port}/postgres"
    run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data sets whose licence does not let us ship them."""
    require(SHARED_DATA.is_dir(), "the folder of public data sets is not beside the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shop_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """orders.csv, customers.csv and brief.yaml of a small shop; see `shop_world`."""
    from shop_world import write_shop  # the whole loop takes seconds to load, which only tests of it should
    return write_shop(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def learned(shop_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That shop's workspace, loaded and learned, to be copied."""
    from shop_world import learned_shop
    return learned_shop(tmp_path_factory.mktemp("learned") / "shop", shop_files)


@pytest.fixture
def shop(learned: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of that shop, open; its clock stands on the morning of `AS_OF`."""
    from brandloom.campaigns import open_shop
    from shop_world import NOW, good_model
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop")), model=good_model()) as opened:
        opened.clock = lambda: NOW
        yield opened
