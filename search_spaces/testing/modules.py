"""Modules and supernets: they cost what the table says, and train."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.pricing import ADDITIVE
from search_spaces.space import Genomes, SearchSpace
from search_spaces.testing.base import ContractBase


class ModuleContract(ContractBase):
    """The built module, the supernet and its subnets."""

    def _built(self, space: SearchSpace, sample: Genomes) -> Iterator[tuple[Architecture, Any]]:
        """(architecture, module on the meta device) of the extremes and of the first samples."""
        import torch

        chosen: NDArray[Any] = np.concatenate([self.extremes(space, sample), sample[: self.modules]])
        for genome in chosen:
            architecture = space.decode(genome)
            with torch.device("meta"):
                yield architecture, space.model(architecture)

    def _check_costs(self, space: SearchSpace, sample: Genomes) -> None:
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        from search_spaces.tracing import trace

        for architecture, module in self._built(space, sample):
            size = self.input_size(architecture, space)
            table, traced = space.operators(architecture), trace(module, input_size=size)
            for quantity in ADDITIVE:
                assert getattr(traced, quantity)[0] == getattr(table, quantity)[0], (quantity, architecture.to_json())
            assert table.params[0] == sum(p.numel() for p in module.parameters())
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                module.eval()(torch.empty(1, *size, device="meta"))
            assert 2 * table.macs[0] == counter.get_total_flops(), architecture.to_json()

    def test_table_equals_module(self, space: SearchSpace, sample: Genomes) -> None:
        """MACs, parameters and activations of table and traced module agree to the integer; so does torch's counter."""
        self._check_costs(space, sample)

    def test_table_equals_module_with_options(self, sample: Genomes) -> None:
        """The same with other classes and input channels."""
        self._check_costs(self.make_space(**self.options), sample[:1])

    def _train_step(self, module: Any, images: Any, classes: int) -> None:
        import torch

        labels = torch.arange(len(images)) % classes
        torch.nn.functional.cross_entropy(module(images), labels).backward()  # type: ignore[no-untyped-call]

    def test_model_trains_a_step(self, sample: Genomes) -> None:
        """Logits of the right shape, and a finite gradient for every parameter, with other classes and channels."""
        import torch

        space = self.make_space(**self.options)
        classes = space.options.get("num_classes", 1000)
        genome = self._cheapest(space, sample)
        architecture = space.decode(genome)
        module = space.model(architecture).train()
        images = torch.randn(
            self.batch, *self.input_size(architecture, space), generator=torch.Generator().manual_seed(0)
        )
        self._train_step(module, images, classes)
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
        with torch.no_grad():
            assert module.eval()(images).shape == (self.batch, classes)

    def _cheapest(self, space: SearchSpace, sample: Genomes) -> NDArray[Any]:
        return sample[space.price(sample, ("macs",))["macs"].argmin()]  # type: ignore[no-any-return]

    @pytest.fixture(scope="class")
    def supernet(self, space: SearchSpace) -> Any:
        """One for all tests, with random vectors; what a test changes (modes, gradients) no other relies on."""
        import torch

        supernet = space.supernet()
        randomise(supernet, torch.Generator().manual_seed(0))
        return supernet

    def test_supernet_equals_subnets(self, space: SearchSpace, sample: Genomes, supernet: Any) -> None:
        """A subnet extracted computes what it computes when active, in evaluation and with batch statistics."""
        import torch

        generator = torch.Generator().manual_seed(1)
        ends = self.extremes(space, sample)
        for i, genome in enumerate(np.concatenate([ends, sample[: self.subnets]])):
            architecture = space.decode(genome)
            images = torch.randn(self.batch, *self.input_size(architecture, space), generator=generator)
            supernet.activate(architecture)
            module = supernet.extract(architecture)
            assert sum(p.numel() for p in module.parameters()) == space.operators(architecture).params[0]
            shared = {p.data_ptr() for p in supernet.parameters()} & {p.data_ptr() for p in module.parameters()}
            assert not shared
            for training in (False, True)[: 1 if i < len(ends) else 2]:
                with torch.no_grad():
                    expected, got = supernet.train(training)(images), module.train(training)(images)
                scale = max(1.0, float(expected.abs().max()))
                assert float((expected - got).abs().max()) <= self.tolerance * scale, architecture.to_json()

    def test_activating_leaves_the_weights_alone(self, space: SearchSpace, sample: Genomes, supernet: Any) -> None:
        """Nothing that building a subnet initialises reaches the shared tensors, also when blocks come again."""
        import torch

        before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
        images = torch.zeros(self.batch, *self.input_size(space.decode(self._cheapest(space, sample)), space))
        for genome in [*sample[: self.subnets], self._cheapest(space, sample), *sample[: self.subnets]]:
            supernet.activate(space.decode(genome))
            with torch.no_grad():
                supernet.eval()(images)
            supernet.extract(space.decode(genome))
        assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state_dict().items())

    def test_supernet_learns_in_place(self, space: SearchSpace, sample: Genomes, supernet: Any) -> None:
        """Gradients of an active subnet reach the supernet's own parameters, and only as many as it has."""
        import torch

        supernet.zero_grad(set_to_none=True)
        architecture = space.decode(self._cheapest(space, sample))
        supernet.activate(architecture)
        images = torch.randn(self.batch, *self.input_size(architecture, space))
        self._train_step(supernet.train(), images, space.options.get("num_classes", 1000))
        gradients = [p.grad for p in supernet.parameters() if p.grad is not None]
        assert gradients
        touched = sum(int((g != 0).sum()) for g in gradients)
        assert 0 < touched <= space.operators(architecture).params[0]


def randomise(module: Any, generator: Any) -> None:
    """Give every vector of parameters and every batch statistic random values, so that no slice goes unnoticed."""
    import torch

    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.dim() == 1 and tensor.is_floating_point():
                low = 0.5 if "var" in name or "weight" in name else -0.5
                tensor.copy_(torch.empty(tensor.shape).uniform_(low, low + 1.0, generator=generator))
