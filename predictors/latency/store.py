"""Where profiles lie: those we ship, and the user's own folder."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from predictors.latency.errors import ProfileError
from predictors.latency.profile import MAX_BYTES, DeviceProfile, check_name
from search_spaces.errors import unknown_name

ENVIRONMENT = "NAS_PROFILES"
"""Names the user's folder of profiles; default ``~/.local/share/nas/profiles``."""


def user_folder() -> Path:
    """The folder of the user's own profiles; it need not exist."""
    return Path(os.environ.get(ENVIRONMENT) or Path.home() / ".local" / "share" / "nas" / "profiles")


def list_profiles() -> list[str]:
    """Names of all profiles, sorted: those we ship and the user's."""
    return sorted(_paths())


def load_profile(name_or_path: str | Path) -> DeviceProfile:
    """The profile of that name, or in that file (a path ends in ``.json``).

    Raises UnknownName, with a suggestion where one is close, or ProfileError where the file is not a valid profile.
    """
    given = str(name_or_path)
    if given.endswith(".json"):
        return read_profile(Path(given))
    paths = _paths()
    if given not in paths:
        raise unknown_name("device", given, paths)
    return read_profile(paths[given])


def save_profile(profile: DeviceProfile) -> Path:
    """Write a profile to the user's folder under its name. Raises ProfileError where we ship one of that name."""
    if check_name("the profile's name", profile.name) in _shipped():
        raise ProfileError(f"a profile called {profile.name} is shipped with nas; choose another name", field="name")
    return profile.save(user_folder() / f"{profile.name}.json")


def read_profile(path: Path) -> DeviceProfile:
    """The profile in a file. Raises ProfileError."""
    try:
        stat = path.stat()
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}", field="") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int, size: int) -> DeviceProfile:
    if size > MAX_BYTES:
        raise ProfileError(f"{path} has {size:,} bytes; a profile has at most {MAX_BYTES:,}", field="")
    try:
        return DeviceProfile.from_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}", field="") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path} is not a text file", field="") from None


def _shipped() -> dict[str, Path]:
    folder = Path(str(files("predictors.latency.profiles")))
    return {p.stem: p for p in folder.glob("*.json")}


def _paths() -> dict[str, Path]:
    return {p.stem: p for p in user_folder().glob("*.json")} | _shipped()
