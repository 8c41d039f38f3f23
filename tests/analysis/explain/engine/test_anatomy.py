"""The record of a forward pass: calls in order, in-place changes and the call that made them, resuming."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Anatomy, record
from tests.analysis.explain.networks import classifier, hooks_of, pictures


def names(anatomy: Anatomy, steps: list[int] | tuple[int, ...]) -> list[str]:
    return [anatomy.steps[index].name for index in steps]


def step(anatomy: Anatomy, name: str) -> int:
    return anatomy.last_call[name]


def test_calls_stand_in_the_order_they_began_and_ended() -> None:
    anatomy = record(classifier(), pictures(1))
    body, head = [f"0.{at}" for at in range(7)], [f"1.{at}" for at in range(5)]
    assert [found.name for found in anatomy.steps] == ["0", *body, "1", *head]
    assert names(anatomy, anatomy.ended) == [*body, "0", *head, "1"]
    assert [info.name for info in anatomy.layers()] == [*body, "0"]
    assert anatomy.times["0.3"] == 1
    assert names(anatomy, anatomy.open_at(step(anatomy, "0.3"))) == ["0"]
    assert anatomy.open_at(step(anatomy, "0")) == []


def test_the_step_before_is_the_one_whose_output_goes_in() -> None:
    anatomy = record(classifier(inplace=False), pictures(1))
    before = {found.name: found.before for found in anatomy.steps}
    assert anatomy.steps[before["0.1"]].name == "0.0"
    assert anatomy.steps[before["1.0"]].name == "0.6"  # not its container, which only hands it on
    assert before["0.0"] is None


class Block(nn.Module):
    """A skip connection with everything in place, and one ReLU for both places."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        identity = self.relu(self.stem(x))
        out = self.norm(self.conv(identity))
        out += identity
        return self.fc(self.relu(out).mean((2, 3)))


def test_in_place_changes_are_attributed_to_the_call_that_made_them() -> None:
    anatomy = record(Block().eval(), pictures(1, dtype=torch.float32))
    found = {s.name: [-1 if by < 0 else anatomy.steps[by].name for by in s.rewritten_by] for s in anatomy.steps}
    assert found["stem"] == ["relu"]
    assert found["conv"] == []
    assert found["norm"] == [-1, "relu"]  # first the addition, which is no module
    assert found["relu"] == []
    assert anatomy.steps[step(anatomy, "norm")].rewritten
    assert anatomy.times["relu"] == 2
    first, second = anatomy.turns["relu"]
    assert anatomy.last_call["relu"] == second != first


def test_resuming_replays_the_calls_that_had_ended() -> None:
    anatomy = record(Block().eval(), pictures(1, dtype=torch.float32))
    assert names(anatomy, anatomy.skipped_before(step(anatomy, "norm"))) == ["stem", "relu", "conv"]
    assert anatomy.rewritten_after(step(anatomy, "norm"), step(anatomy, "norm"))
    assert not anatomy.rewritten_after(step(anatomy, "stem"), step(anatomy, "conv"))  # changed before that
    nested = record(classifier(), pictures(1))
    assert names(nested, nested.skipped_before(step(nested, "0.2"))) == ["0.0", "0.1"]
    assert names(nested, nested.skipped_before(step(nested, "1.1"))) == ["0", "1.0"]
    assert nested.skipped_before(step(nested, "0.0")) == []
    # the in-place ReLU after 0.1 runs again when 0.1 is resumed, and not when 0.2 is
    assert nested.rewritten_after(step(nested, "0.1"), step(nested, "0.1"))
    assert not nested.rewritten_after(step(nested, "0.1"), step(nested, "0.2"))


def test_calls_after_a_layer_are_childless_and_the_same_objects_each_time() -> None:
    anatomy = record(Block().eval(), pictures(1, dtype=torch.float32))
    after = anatomy.calls_after("conv")
    assert [(call.name, call.spatial) for call in after] == [("norm", True), ("relu", True), ("fc", False)]
    assert all(a is b for a, b in zip(after, anatomy.calls_after("conv"), strict=True))
    assert anatomy.calls_after("fc") == ()
    assert len({*anatomy.calls_after("stem")}) == 5  # with both calls of the ReLU


@pytest.mark.parametrize("failing", [False, True])
def test_no_hook_is_left(failing: bool) -> None:
    net = classifier()
    if failing:
        net[1][4] = nn.Linear(7, 3).double()
        with pytest.raises(RuntimeError):
            record(net, pictures(1))
    else:
        record(net, pictures(1))
    assert hooks_of(net) == 0
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_outputs_of_other_kinds_have_a_reason_and_no_map() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.flat, self.last = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(3)

        def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return self.flat(self.pool(x)), {"x": self.last(x.permute(0, 2, 3, 1))}

    anatomy = record(nn.Sequential(Pair()), torch.zeros(1, 3, 6, 6))
    steps = {found.name: found for found in anatomy.steps}
    assert "tuple" in steps["0"].reason
    assert steps["0.pool"].reason is None
    assert steps["0.pool"].info is None  # one cell
    assert "(B, 3)" in steps["0.flat"].reason
    assert "channels last" in steps["0.last"].reason
    assert anatomy.layers() == []


def test_a_module_called_with_named_arguments_is_recorded() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(input=x).mean((2, 3))

    anatomy = record(Named(), torch.zeros(1, 3, 6, 6))
    assert [info.name for info in anatomy.layers()] == ["conv"]
    assert anatomy.steps[0].before is None
