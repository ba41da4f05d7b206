"""SortedNet of a user's own module by import path: what it makes, what is refused, and who may have it imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from search_spaces import Architecture, SpaceError, get_space
from search_spaces.permits import VARIABLE, allow_import, forbid_imports
from search_spaces.sorted_net import SortedNet

NET = """
from torch import nn
def make_net(num_classes=10, in_chans=3):
    return nn.Sequential(nn.Conv2d(in_chans, WIDTH, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(WIDTH, num_classes))
"""
OPTIONS = {"num_classes": 4, "in_chans": 1, "img_size": 8}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module into the current directory; nothing has been named so far, and is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(VARIABLE, "")
    names: list[str] = []

    def module(name: str, text: str = NET, width: int = 8) -> Path:
        names.append(name)
        sys.modules.pop(name, None)
        path = Path(f"{name}.py")
        path.write_text(text.replace("WIDTH", str(width)))
        return path

    yield module
    for name in names:
        sys.modules.pop(name, None)


def test_a_path_makes_a_space(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its architectures are read back in another directory and process, where only the record knows the folder."""
    write("own_nets")
    allow_import("own_nets:make_net")
    space = get_space("sorted_net", model="own_nets:make_net", **OPTIONS)
    smallest = space.decode(space.enumerate()[0])
    assert space.options["model"].startswith("own_nets:make_net@")
    with torch.no_grad():
        assert space.model(smallest).eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 4)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setenv(VARIABLE, "")
    del sys.modules["own_nets"]
    text = Architecture.from_json(smallest.to_json())
    assert get_space("sorted_net", **text.options).architecture(text.config).id == smallest.id


def test_a_path_that_nobody_named_is_not_imported(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("own_trap", "raise SystemExit('imported')")
    for model in ("own_trap:make_net", "os:abort", "os:abort@0123456789ab"):
        with pytest.raises(SpaceError, match=r"you have not named it yet.*NAS_ALLOW_IMPORT=.*allow_import"):
            get_space("sorted_net", model=model, **OPTIONS)
    write("own_nets_two")
    allow_import("own_nets_two:make_net")
    forbid_imports()
    with pytest.raises(SpaceError, match="imports none"):
        get_space("sorted_net", model="own_nets_two:make_net", **OPTIONS)
    with pytest.raises(SpaceError, match="imports none"):
        allow_import("own_nets_two:make_net")


def test_another_folder_s_module_is_not_taken(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's folder with a file of that name is not where the user's module was found."""
    write("own_place")
    allow_import("own_place:make_net")
    (tmp_path / "stranger").mkdir()
    monkeypatch.chdir("stranger")
    monkeypatch.setenv(VARIABLE, "")
    write("own_place", "raise SystemExit('imported')")
    assert get_space("sorted_net", model="own_place:make_net", **OPTIONS).size > 1


def test_a_module_that_has_changed_is_refused(write: Write) -> None:
    write("own_before")
    allow_import("own_before:make_net")
    model = get_space("sorted_net", model="own_before:make_net", **OPTIONS).options["model"]
    other = model.replace(model[-1], "0" if model[-1] != "0" else "1")
    with pytest.raises(SpaceError, match="has changed: it builds other weights"):
        get_space("sorted_net", model=other, **OPTIONS)
    more = get_space("sorted_net", model=model, **OPTIONS | {"num_classes": 7, "in_chans": 3})
    assert more.options["model"] == model


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("import nothing_of_this_name", "make_net", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", "make_net", "has no make_net"), ("x = 1", "x", "is a int, expected a function"),
        ("def f(): return 3", "f", "returns a int, expected a torch.nn.Module"),
        ("def f(): raise KeyError('lost')", "f", "fails: KeyError: 'lost'"),
        ("from torch import nn\ndef f(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))", "f", "gives 3 classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(write: Write, text: str, path: str, message: str) -> None:
    """In one line."""
    write("own_bad", text)
    allow_import(f"own_bad:{path}")
    with pytest.raises(SpaceError, match=message) as error:
        get_space("sorted_net", model=f"own_bad:{path}", **OPTIONS)
    assert "\n" not in str(error.value)


def test_no_such_module(write: Write) -> None:
    with pytest.raises(SpaceError, match="there is no module own_absent in the current directory"):
        allow_import("own_absent:make_net")
    with pytest.raises(SpaceError, match="is no import path: write PACKAGE"):
        allow_import("own_absent")
    with pytest.raises(SpaceError, match="read back by a space of the same module only"):
        get_space("sorted_net", model="module:Net:0123456789ab")


class Rows(nn.Module):
    """Reads an image row by row, in a layer that no rule knows."""

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.fc = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.fc(self.memory(x.flatten(1, 2))[0].mean(1))  # type: ignore[no-any-return]


def test_a_layer_that_no_rule_knows_is_named() -> None:
    with pytest.raises(SpaceError, match=r"nothing is known of how to cut memory \(LSTM\)"):
        SortedNet.from_module(Rows(), (3, 8, 8))
