"""No path of the host in what a user is told: folders go by the names that requests give them."""

from __future__ import annotations

from typing import Any

from nas.service.runner.settings import RunnerSettings


class Hide:
    """Replaces the runner's folders in a text, longest first."""

    def __init__(self, settings: RunnerSettings) -> None:
        names = {str(folder.resolve()): name for name, folder in settings.data_roots.items()}
        for folder in (settings.runs, settings.data):
            names |= {str(folder): "", str(folder.resolve()): ""}
        self._names = sorted(names.items(), key=lambda pair: -len(pair[0]))

    def __call__(self, text: str) -> str:
        """The text without them."""
        for path, name in self._names:
            text = text.replace(path + "/", f"{name}/" if name else "").replace(path, name)
        return text

    def all(self, value: Any) -> Any:
        """Every text in plain data."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {k: self.all(v) if isinstance(v, str) else v for k, v in value.items()}
        return value
