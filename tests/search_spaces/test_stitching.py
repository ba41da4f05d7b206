"""The stitching space: the papers' routes and figures, tables, switching, refusals.

The golden figures are those of the SN-Net repositories (released evaluation files), copied as facts.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.errors import NasError, SpaceError
from search_spaces.space import SearchSpace
from search_spaces.stitching import Stitching
from search_spaces.stitching.anchors import create, options_for
from search_spaces.stitching.least_squares import fit_stitches
from search_spaces.stitching.model import StitchedNet, layer_name
from search_spaces.stitching.routes import unpaired, v1, v2, windows
from search_spaces.testing import SpaceContract
from search_spaces.tracing import trace

DEIT = "deit_tiny_patch16_224,deit_small_patch16_224"
TINY = "vit_tiny_patch16_224?patch_size=8&embed_dim={}&depth={}&num_heads=2"
PAIR = f"{TINY.format(16, 4)},{TINY.format(24, 4)}"


def tiny(**options: Any) -> Stitching:
    """Two ViTs of a few thousand parameters on 32-pixel images."""
    return Stitching(**{"anchors": PAIR, "num_classes": 5, "in_chans": 3, "img_size": 32, **options})


class TestContract(SpaceContract):
    """What every space keeps."""

    genomes = 30
    tables = 10

    def make_space(self, **options: Any) -> SearchSpace:
        return tiny(**options)

    def input_size(self, architecture: Any, space: SearchSpace) -> tuple[int, int, int]:
        return space.options["in_chans"], 32, 32


@pytest.mark.parametrize(
    ("kernel", "stride", "stitches", "layers"),
    [(1, 1, 12, 12), (2, 1, 34, 11), (2, 2, 24, 6), (3, 1, 54, 10), (3, 2, 44, 6), (3, 3, 36, 4), (4, 1, 72, 9),
     (4, 4, 48, 3)],
)  # fmt: skip
def test_sliding_windows(kernel: int, stride: int, stitches: int, layers: int) -> None:
    """Numbers of stitches and layers of two anchors of 12 blocks."""
    found = windows(12, kernel, stride)
    assert (len(found), len({layer for _, layer in found})) == (stitches, layers)


def test_unpaired_stages_follow_the_nearest_block() -> None:
    """2 to 6 blocks, and the released numbering of layers, which lags by one pair."""
    pairs = [(0, 1), (0, 2), (1, 3), (1, 4), (1, 5)]
    assert [p for p, _ in unpaired(2, 6, shifted=True)] == pairs
    assert [layer for _, layer in unpaired(2, 6, shifted=True)] == [0, 0, 0, 1, 1]
    assert [layer for _, layer in unpaired(2, 6, shifted=False)] == [0, 0, 1, 1, 1]
    assert len(unpaired(6, 18, shifted=False)) == 17


def test_two_way_routes_come_in_the_papers_order() -> None:
    """135 routes of which one is not used, equal for (12, 24) and (12, 12)."""
    for depths in ([12, 24], [12, 12]):
        routes = v2(depths)
        assert [n for n, r in enumerate(routes) if not r.used] == [13]
        counts = Counter(r.kind for r in routes)
        assert counts == {"anchor": 2, "SL": 12, "LS": 11, "LSL": 55, "SLS": 55}
    order = [r.kind for r in v2([12, 24])]
    assert order == sorted(order, key=["anchor", "SL", "LS", "LSL", "SLS"].index)
    assert [(s.i, s.j) for s in v2([12, 24])[36].stitches] == [(3, 2), (3, 8)]


def test_three_deits() -> None:
    """71 routes; FLOPs and parameters of the released file, to the integer."""
    space = Stitching()
    assert len(space.routes) == 71
    golden = {
        0: (1258411200, 5717416), 1: (4608338304, 22050664), 2: (17582740224, 86567656), 3: (4696010496, 22345960),
        4: (4316862720, 20571496), 5: (4798437888, 22790824), 36: (1652086272, 7720360), 37: (17961426432, 88190440),
        40: (16885106688, 82877032), 69: (7577376768, 36830824), 70: (6121909248, 29742952),
    }  # fmt: skip
    for number, figures in golden.items():
        architecture = space.of_route(space.routes[number])
        assert (space.paper_count(architecture), space.paper_params(architecture)) == figures


def test_three_swins() -> None:
    """41 routes, stage by stage; stitched parameters are reported without the front's patch merging."""
    space = Stitching(anchors="swin_tiny_patch4_window7_224,swin_small_patch4_window7_224,swin_base_patch4_window7_224")
    assert len(space.routes) == 41
    golden = {
        0: (4509194496, 28288354), 2: (15467826176, 87768224), 3: (8797436160, 49615570), 4: (15220458496, 87692407),
        5: (8797436160, 49568818), 36: (10756952064, 68519862), 40: (9667129344, 63005478),
    }  # fmt: skip
    for number, figures in golden.items():
        architecture = space.of_route(space.routes[number])
        assert (space.paper_count(architecture), space.paper_params(architecture)) == figures


@pytest.mark.parametrize(
    ("anchors", "counts"),
    [
        ("resnet18,resnet50", [1819065856, 4111512576, 3755463680, 3767505920, 3547935744, 3134686208, 2915718144,
                               2928161792, 2709193728, 2490225664]),
        ("levit_192,levit_256", [661663808, 1133412864, 1020918272]),
    ],
)  # fmt: skip
def test_convolutional_and_mixed_families(anchors: str, counts: list[int]) -> None:
    """FLOPs of the released lists; LeViT has 8 routes from 0.662 to 1.133 G."""
    space = Stitching(anchors=anchors)
    found = [space.paper_count(space.of_route(r)) for r in space.routes]
    assert found[: len(counts)] == counts
    assert len(found) == {"resnet18,resnet50": 10}.get(anchors, 8)


def test_stitched_resnets_hold_the_published_parameters() -> None:
    """The whole stitchable net of ResNet-18 and 50 has 37,904,976 parameters: stitches have a bias."""
    with torch.device("meta"):
        net = Stitching(anchors="resnet18,resnet50", released=True).supernet()
    assert sum(p.numel() for p in net.parameters()) == 37_904_976


def test_two_way_counts() -> None:
    """SN-Net v2 between DeiT3-S and L: FLOPs of single and double stitches; 44 distinct values."""
    space = Stitching(anchors="deit3_small_patch16_224,deit3_large_patch16_224", rule="v2")
    counts = [space.paper_count(space.of_route(r)) for r in space.routes]
    golden = {0: 4608338304, 1: 61604135936, 2: 56843745792, 3: 52102230016, 36: 52276031488, 133: 14246296960,
              134: 9504781184}  # fmt: skip
    assert {n: counts[n] for n in golden} == golden
    assert len({c for c, r in zip(counts, space.routes, strict=True) if r.used}) == 44


@pytest.mark.parametrize("options", [{}, {"rule": "v2"}, {"released": True}])
def test_every_route_is_the_module_it_says(options: dict[str, Any]) -> None:
    """Table, look-up and trace of the plain network agree; the stitched net gives the same outputs."""
    space = tiny(**options)
    net = space.supernet().eval()
    images = torch.randn(2, 3, 32, 32)
    for genome in space.enumerate()[::2]:
        architecture = space.decode(genome)
        net.activate(architecture)
        plain = net.extract(architecture).eval()
        with torch.no_grad():
            assert torch.equal(net(images), plain(images))
        traced, table = trace(plain, input_size=(3, 32, 32)), space.operators(architecture)
        prices = space.price(genome[None], ("macs", "params", "memory"))
        assert traced.macs[0] == table.macs[0] == prices["macs"][0]
        assert traced.memory_bytes[0] == table.memory_bytes[0] == prices["memory"][0]
        ours = sum(p.numel() for p in plain.parameters())
        assert traced.params[0] == table.params[0] == prices["params"][0] == ours


def test_switching_copies_nothing() -> None:
    """Another route is a look-up: well under a millisecond, and every tensor stays where it is."""
    space = tiny(rule="v2")
    net = space.supernet()
    routes = [space.decode(g) for g in space.enumerate()]
    for architecture in routes:
        net.activate(architecture)
    before = [t.data_ptr() for t in (*net.parameters(), *net.buffers())]
    start = time.perf_counter()
    for architecture in routes * 10:
        net.activate(architecture)
    assert (time.perf_counter() - start) / (10 * len(routes)) < 1e-3
    assert [t.data_ptr() for t in (*net.parameters(), *net.buffers())] == before


def test_low_rank_updates_merge() -> None:
    """With a trained rank the extracted net, where it is merged, gives the same outputs."""
    space = tiny()
    net = space.supernet().eval()
    for layer in net.stitches.values():
        layer.add_rank(3)
        torch.nn.init.normal_(layer.up)
    architecture = space.decode(space.enumerate()[-1])
    net.activate(architecture)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected, plain = net(images), net.extract(architecture).eval()
        assert torch.allclose(plain(images), expected, atol=1e-5)
    assert sum(p.numel() for p in plain.parameters()) == space.operators(architecture).params[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"anchors": "deit_tiny_patch16_224"}, "at least two"),
        ({"anchors": "deit_tinny_patch16_224,deit_small_patch16_224"}, "did you mean"),
        ({"anchors": "deit_small_patch16_224,deit_tiny_patch16_224"}, "from the smaller to the larger"),
        ({"anchors": "deit_tiny_patch16_224,vit_base_patch32_224"}, "positions"),
        ({"anchors": "deit_tiny_patch16_224,deit_small_distilled_patch16_224"}, "1 and 2 classifier heads"),
        ({"anchors": "deit_tiny_patch16_224,deit_base_patch16_384"}, "made for images of 224 and 384 pixels"),
        ({"anchors": "vit_tiny_patch16_224,vit_base_patch16_224.augreg_in21k"}, "made for 1000 and 21843 classes"),
        ({"anchors": "levit_128s,levit_conv_128s"}, "features of different kinds"),
        ({"anchors": "deit_tiny_patch16_224,vit_small_patch14_reg4_dinov2", "img_size": 224}, "class and register"),
        ({"anchors": DEIT, "img_size": 8}, "does not run on images of 3 x 8 x 8"),
        ({"anchors": DEIT, "num_classes": 0}, "num_classes must be"),
        ({"anchors": "resnet18,deit_small_patch16_224"}, "stages"),
        ({"anchors": "levit_192,swin_tiny_patch4_window7_224"}, "stages"),
        ({"anchors": "mobilenetv3_small_100,deit_tiny_patch16_224"}, "only these can be stitched"),
        ({"anchors": "resnet18,resnet50", "rule": "v2"}, "plain ViTs"),
        ({"anchors": PAIR.replace("depth=4", "depth=5", 1), "rule": "v2", "img_size": 32}, "from the shallower"),
        ({"anchors": PAIR.replace("depth=4", "depth=5", 1), "img_size": 32}, "rule v1 has no stitch between them"),
        ({"rule": "v3"}, "known: v1, v2"),
        ({"anchors": "deit_tiny_patch16_224?depth,deit_small_patch16_224"}, "options are written"),
        ({"anchors": DEIT + "?checkpoint_path=/etc/passwd"}, "unknown option"),
        ({"anchors": DEIT + "?embed_dim=100"}, "cannot be built"),
    ],
)  # fmt: skip
def test_what_cannot_be_stitched_is_refused(options: dict[str, Any], said: str) -> None:
    """One line that names the anchors and the reason."""
    with pytest.raises(NasError) as caught:
        Stitching(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_routes_outside_of_the_list_are_priced() -> None:
    """The grammar knows any stitch between neighbours; such a route is not on the grid, and is still a network."""
    space = tiny()
    architecture = space.architecture({"path": [0, 1], "stitches": [[0, 0, 3]]})
    assert not space.contains(architecture)
    plain = space.model(architecture)
    assert sum(p.numel() for p in plain.parameters()) == space.operators(architecture).params[0]
    with pytest.raises(SpaceError, match="no layer"):
        space.supernet().activate(architecture)


def test_v1_between_more_than_two_anchors_is_nearest_only() -> None:
    """No route skips an anchor."""
    routes = v1([[12]] * 3, [0], crossing=True, kernel=2, stride=1, shifted=False)
    assert {r.path for r in routes if r.stitches} == {(0, 1), (1, 2)}
    assert np.array_equal([r.path[0] for r in routes[:3]], [0, 1, 2])


@pytest.mark.parametrize("options", [{}, {"rule": "v2"}])
def test_least_squares_are_those_of_numpy(options: dict[str, Any]) -> None:
    """Streaming in two batches gives the layers that one call of ``lstsq`` on all features gives, and its residual."""
    torch.manual_seed(0)
    space = tiny(**options)
    net = space.supernet().eval()
    images = torch.randn(12, 3, 32, 32)
    fits = fit_stitches(net, images.split(5))
    fit = next(f for f in fits if f.stitches == 1) if options else fits[0]
    front, end, _, _ = fit.layer
    feature = {a: _inputs(net.anchors[str(a)], images) for a in (front, end)}
    x = np.concatenate([feature[front][i + 1] for i, _ in fit.pairs])
    y = np.concatenate([feature[end][j] for _, j in fit.pairs])
    ones = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    expected = np.linalg.lstsq(ones, y, rcond=None)[0]
    layer = net.stitches[layer_name(fit.layer)].linear
    assert np.allclose(layer.weight.detach().numpy(), expected[:-1].T, atol=2e-3)
    assert np.allclose(
        ones @ expected, ones[:, :-1] @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), atol=1e-2
    )
    if fit.stitches == 1:
        left = ((y - ones @ expected) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()
        assert fit.residual == pytest.approx(left, rel=1e-3)


def _inputs(anchor: Any, images: torch.Tensor) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """What each block of a ViT takes, then what the last one gives, as rows."""
    with torch.no_grad():
        x = anchor.norm_pre(anchor._pos_embed(anchor.patch_embed(images)))
        found = [x]
        for block in anchor.blocks:
            x = block(x)
            found.append(x)
    return [f.reshape(-1, f.shape[-1]).double().numpy() for f in found]


def test_identical_anchors_are_stitched_without_loss() -> None:
    """Two copies of one network: each stitch (i, i + 1) is the identity, and the stitched net the network itself."""
    torch.manual_seed(0)
    name = TINY.format(16, 4)
    space = Stitching(anchors=f"{name},{name}", num_classes=5, img_size=32, rule="v2")
    module = create(name, **options_for(name, 5, 3, 32)).eval()
    net = StitchedNet(space, [module, module])
    images = torch.randn(64, 3, 32, 32)
    fits = fit_stitches(net, images.split(16))
    assert all(f.residual < 1e-5 for f in fits)
    for genome in space.enumerate():
        net.eval().activate(space.decode(genome))
        with torch.no_grad():
            assert torch.allclose(net(images), module(images), atol=2e-2)


def test_least_squares_need_images() -> None:
    """No batch, one clear line."""
    with pytest.raises(NasError, match="at least one image"):
        fit_stitches(tiny().supernet(), [])
