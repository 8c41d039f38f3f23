"""Broadcasting without keepdim: the rule against PyTorch itself, and the real shapes of resnet34."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet34

from analysis.explain.errors import ExplainError
from analysis.explain.studies.keepdim import (
    AlignedDim,
    KeepdimCell,
    keepdim_case,
    keepdim_cases,
    keepdim_table,
    outcome,
)
from analysis.explain.trace import capture
from tests.analysis.explain.networks import classifier, pictures


def what_torch_does(act: torch.Tensor, grad: torch.Tensor, batched: bool) -> str:
    over, channel = ([2, 3], 1) if batched else ([1, 2], 0)
    right = (grad.mean(over, keepdim=True) * act).sum(channel)
    try:
        wrong = (grad.mean(over) * act).sum(channel)
    except RuntimeError:
        return "raises"
    return "right" if wrong.shape == right.shape and torch.allclose(wrong, right) else "silent"


def test_the_rule_is_what_torch_does() -> None:
    torch.manual_seed(0)
    found = set()
    for batch, channels, height, width in itertools.product((1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3)):
        act, grad = torch.randn(2, batch, channels, height, width)
        expected = what_torch_does(act, grad, batched=True)
        assert outcome(channels, height, width, batch) == expected, (batch, channels, height, width)
        assert keepdim_case(act, grad, batched=True).outcome == expected
        expected = what_torch_does(act[0], grad[0], batched=False)
        assert outcome(channels, height, width) == expected, (channels, height, width)
        assert keepdim_case(act, grad).outcome == expected
        found.add(expected)
    assert found == {"raises", "silent", "right"}


def test_a_silent_case_shows_both_maps_of_the_first_image() -> None:
    act, grad = torch.randn(2, 2, 5, 4, 5, generator=torch.Generator().manual_seed(1))
    case = keepdim_case(act, grad)
    weights = grad[0].mean((1, 2))
    by_hand = sum(weights[None, :] * act[0, channel] for channel in range(5))  # weights along the columns
    np.testing.assert_allclose(case.wrong, by_hand, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(case.right, torch.einsum("c,chw->hw", weights, act[0]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(case.difference, case.wrong - case.right)
    assert case.correlation == pytest.approx(np.corrcoef(case.wrong.ravel(), case.right.ravel())[0, 1], abs=1e-6)
    assert case.error is None
    assert case.steps == (
        ("act[0]", "(5, 4, 5)"),
        ("grad[0]", "(5, 4, 5)"),
        ("w = grad[0].mean(dim=[1, 2])", "(5,)"),
        ("w * act[0]", "(5, 4, 5)"),
        ("(w * act[0]).sum(0)", "(4, 5)"),
    )
    assert case.alignment == (AlignedDim(None, 5, 5), AlignedDim(None, 4, 4), AlignedDim(5, 5, 5))
    assert case.right_steps[2:] == (
        ("w = grad[0].mean(dim=[1, 2], keepdim=True)", "(5, 1, 1)"),
        ("w * act[0]", "(5, 4, 5)"),
        ("(w * act[0]).sum(0)", "(4, 5)"),
    )
    assert case.right_alignment == (AlignedDim(5, 5, 5), AlignedDim(1, 4, 4), AlignedDim(1, 5, 5))


def test_a_raising_case_carries_pytorchs_own_words() -> None:
    act, grad = torch.randn(2, 1, 6, 4, 5)
    with pytest.raises(RuntimeError) as raised:
        grad[0].mean(dim=[1, 2]) * act[0]
    case = keepdim_case(act, grad)
    assert case.outcome == "raises"
    assert case.error == str(raised.value)
    assert case.steps[-1] == ("w * act[0]", f"RuntimeError: {raised.value}")
    assert case.wrong is case.difference is case.correlation is None
    assert case.right.shape == (4, 5)
    assert case.alignment[-1] == AlignedDim(6, 5, None)


def test_one_column_gives_a_map_of_another_shape() -> None:
    act, grad = torch.randn(2, 1, 6, 4, 1)
    case = keepdim_case(act, grad)
    assert case.outcome == "silent"
    assert case.wrong.shape == (4, 6)
    assert case.right.shape == (4, 1)
    assert case.difference is case.correlation is None
    assert case.alignment[-1] == AlignedDim(6, 1, 6)


def test_a_batch_multiplies_its_images_with_the_rows() -> None:
    act, grad = torch.randn(2, 4, 5, 4, 5, generator=torch.Generator().manual_seed(2))
    case = keepdim_case(act, grad, batched=True)
    weights = grad.mean((2, 3))  # (image, channel), laid on (row, column)
    np.testing.assert_allclose(case.wrong, (weights * act[0]).sum(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(case.right, torch.einsum("c,chw->hw", weights[0], act[0]), rtol=1e-5, atol=1e-6)
    assert case.outcome == "silent"
    assert case.batched
    assert ("w = grad.mean(dim=[2, 3])", "(4, 5)") in case.steps
    assert case.alignment[2:] == (AlignedDim(4, 4, 4), AlignedDim(5, 5, 5))


def test_a_constant_map_has_no_correlation() -> None:
    zeros = torch.zeros(1, 5, 4, 5)
    assert keepdim_case(zeros, zeros).correlation is None


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ExplainError, match=r"\(5, 4, 5\)"):
        keepdim_case(torch.zeros(5, 4, 5), torch.zeros(5, 4, 5))


def test_cases_of_a_network_are_its_own_gradcam() -> None:
    net, x = classifier(), pictures(2, 8, 8)
    record = capture(net, x, ["0.3", "0.6"], targets=(1, 0))
    cases = keepdim_cases(net, x, ["0.3", "0.6"], target=(1, 0))
    assert {name: case.outcome for name, case in cases.items()} == {"0.3": "silent", "0.6": "raises"}
    for name, case in cases.items():
        expected = torch.einsum("c,chw->hw", record.gradients[name][0].mean((1, 2)), record.activations[name][0])
        np.testing.assert_allclose(case.right, expected, rtol=1e-5, atol=1e-6)
    assert list(keepdim_cases(net, x)) == ["0.2", "0.3", "0.6"]


@pytest.fixture(scope="module")
def chapters_network() -> nn.Module:
    torch.manual_seed(0)
    return resnet34(weights=None, num_classes=2)


def test_resnet34_is_silent_at_layer1_of_256_pixels(chapters_network: nn.Module) -> None:
    table = keepdim_table(chapters_network, [128, 224, 256])
    silent = [cell for cell in table if cell.outcome == "silent"]
    assert silent == [
        KeepdimCell("relu", 128, 64, 64, 64, "silent"),
        KeepdimCell("layer1", 256, 64, 64, 64, "silent"),
    ]
    assert {cell.outcome for cell in table} == {"silent", "raises"}
    assert [cell.size for cell in table[:3]] == [128, 224, 256]
    assert KeepdimCell("layer4", 224, 512, 7, 7, "raises") in table


def test_the_batched_table_depends_on_the_batch_size() -> None:
    net = classifier()  # layer 0.3 is 4 x 3 x 3 at 6 pixels and 4 x 4 x 4 at 8

    def of_the_pool(**batch) -> list[str]:
        return [cell.outcome for cell in keepdim_table(net, [6, 8], ["0.3"], **batch)]

    assert of_the_pool() == ["raises", "silent"]
    assert of_the_pool(batch=3) == ["raises", "silent"]
    assert of_the_pool(batched=True) == ["raises", "silent"]
    assert of_the_pool(batched=True, batch=3) == ["raises", "raises"]
    assert of_the_pool(batched=True, batch=4) == ["raises", "silent"]


@pytest.mark.parametrize(("batch", "result"), [(1, "silent"), (3, "raises"), (4, "silent"), (5, "raises")])
def test_one_picture_stands_for_a_batch_of_copies(batch: int, result: str) -> None:
    net, x = classifier(), pictures(1, 8, 8)  # layer 0.3 is 4 x 4 x 4
    case = keepdim_cases(net, x, ["0.3"], 0, batched=True, batch=batch)["0.3"]
    assert case.outcome == result == outcome(4, 4, 4, batch)
    assert case.steps[0] == ("act", f"({batch}, 4, 4, 4)")
    assert (case.error is None) == (result == "silent")
    really = keepdim_cases(net, x.expand(batch, -1, -1, -1), ["0.3"], 0, batched=True)["0.3"]
    assert (case.steps, case.right_steps, case.alignment) == (really.steps, really.right_steps, really.alignment)
    np.testing.assert_allclose(case.right, really.right, rtol=1e-5, atol=1e-7)
    if case.wrong is not None:
        np.testing.assert_allclose(case.wrong, really.wrong, rtol=1e-5, atol=1e-7)
    alone = keepdim_cases(net, x, ["0.3"], 0, batch=batch)["0.3"]
    assert alone.steps[0] == ("act[0]", "(4, 4, 4)")


def test_a_batch_that_cannot_be_is_refused() -> None:
    for count, batch in ((1, 0), (2, 3)):
        with pytest.raises(ExplainError, match=f"got {batch} for {count}"):
            keepdim_cases(classifier(), pictures(count, 8, 8), ["0.3"], 0, batched=True, batch=batch)


def test_resnet34s_layer1_in_a_batch(chapters_network: nn.Module) -> None:
    x = torch.zeros(1, 3, 256, 256)
    for batch, result in ((2, "raises"), (64, "silent")):
        case = keepdim_cases(chapters_network, x, ["layer1"], 0, batched=True, batch=batch)["layer1"]
        assert case.outcome == result == outcome(64, 64, 64, batch)


def test_the_silent_map_of_resnet34_has_nothing_to_do_with_the_right_one(chapters_network: nn.Module) -> None:
    x = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(3))
    case = keepdim_cases(chapters_network, x, ["layer1"], target=0)["layer1"]
    assert case.outcome == "silent"
    assert case.wrong.shape == case.right.shape == (64, 64)
    assert abs(case.correlation) < 0.6


def test_a_size_the_model_cannot_take_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ExplainError, match="3 x 3 pixels"):
        keepdim_table(net, [3, 8], ["0"])
    with pytest.raises(ExplainError, match="at least one input size"):
        keepdim_table(net, [])
