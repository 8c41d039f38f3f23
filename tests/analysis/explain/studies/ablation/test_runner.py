"""The ablated maps against what plain torch gives when the step is really changed."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.explain.errors import LayerError
from analysis.explain.studies.ablation.runner import (
    AblatedMap,
    AblationRunner,
    enlarge,
    overwritten_layer,
    weighted_sum,
)
from analysis.explain.studies.ablation.steps import CHANGES, STANDARD, Choices
from tests.analysis.explain.networks import classifier, hooks_of, pictures

NORMALIZE = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
LAYER = "0.3"  # (4, 4, 5); what follows it is not linear


@pytest.fixture
def net() -> nn.Sequential:
    return classifier(dtype=torch.float32)


@pytest.fixture
def x() -> Tensor:
    return pictures(1, dtype=torch.float32)


def run_one(
    net: nn.Module, x: Tensor, choices: Choices, layer: str = LAYER, batch_mates: Tensor | None = None
) -> AblatedMap:
    return AblationRunner(net, x, layer, NORMALIZE).run(x, [choices], batch_mates)[0][choices]


def by_hand(net: nn.Sequential, x: Tensor, score=lambda logits: logits[0].max(), pool=torch.mean) -> np.ndarray:
    """Grad-CAM at module 0.3, by cutting the network in two."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        inside = net[0][:4](x)
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(score(net[1](net[0][4:](inside))), inside)
    return (pool(gradient[0], dim=(1, 2), keepdim=True) * inside[0]).sum(0).detach().numpy()


def test_the_standard_choices_give_gradcam(net: nn.Sequential, x: Tensor):
    ablated = run_one(net, x, STANDARD)
    np.testing.assert_allclose(ablated.values, by_hand(net, x), rtol=1e-4, atol=1e-6)
    stretched = F.interpolate(
        torch.tensor(ablated.values)[None, None], (8, 10), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(ablated.enlarged, stretched[0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("choices", "score", "pool"),
    [
        (Choices(pool="sum"), lambda logits: logits[0].max(), torch.sum),
        (Choices(pool="max"), lambda logits: logits[0].max(), torch.amax),
        (Choices(score="probability"), lambda logits: logits.softmax(1)[0].max(), torch.mean),
        (Choices(cls="other"), lambda logits: logits[0].topk(2).values[1], torch.mean),
        (Choices(hook="full"), lambda logits: logits[0].max(), torch.mean),
        (Choices(hook="deprecated"), lambda logits: logits[0].max(), torch.mean),
        (
            Choices(cls="other", score="probability"),
            lambda logits: logits.softmax(1)[0].topk(2).values[1],
            torch.mean,
        ),
    ],
)
def test_scores_pools_and_hooks(net: nn.Sequential, x: Tensor, choices: Choices, score, pool):
    np.testing.assert_allclose(run_one(net, x, choices).values, by_hand(net, x, score, pool), rtol=1e-4, atol=1e-7)


def test_pixels_without_normalisation(net: nn.Sequential, x: Tensor):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in NORMALIZE)
    predicted = int(net(x).argmax())  # the class stays that of the standard choices
    expected = by_hand(net, x * std + mean, lambda logits: logits[0, predicted])
    np.testing.assert_allclose(run_one(net, x, Choices(pixels="raw")).values, expected, rtol=1e-4, atol=1e-6)


def test_training_mode_raises_alone_and_normalises_by_its_batch_mates(net: nn.Sequential, x: Tensor):
    with pytest.raises(ValueError, match="more than 1 value") as raised:
        copy.deepcopy(net).train()(x)
    assert run_one(net, x, Choices(mode="alone")).error == f"ValueError: {raised.value}"
    net[1][3].p = 0.0  # dropout would make the answer random
    batch_mates = pictures(4, dtype=torch.float32)[1:]
    predicted = int(net(x).argmax())
    trained = copy.deepcopy(net).train()
    with torch.no_grad():
        inside = trained[0][:4](torch.cat([x, batch_mates]))
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(trained[1](trained[0][4:](inside))[0, predicted], inside)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * inside[0]).sum(0).detach()
    ablated = run_one(net, x, Choices(mode="batch"), batch_mates=batch_mates)
    np.testing.assert_allclose(ablated.values, expected, rtol=1e-3, atol=1e-5)


def test_without_a_clone_an_inplace_relu_changes_the_stored_activation(net: nn.Sequential, x: Tensor):
    """0.5 stands before an in-place ReLU: the stored output becomes the rectified one."""
    assert overwritten_layer(net, x) == "0.5"
    assert overwritten_layer(classifier(inplace=False), pictures(1)) is None
    with torch.no_grad():
        inside = net[0][:6](x)
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(net[1](net[0][6:](inside * 1))[0].max(), inside)
    weights = gradient[0].mean(dim=(1, 2), keepdim=True)
    standard = run_one(net, x, STANDARD, "0.5").values
    np.testing.assert_allclose(standard, (weights * inside[0]).sum(0).detach(), rtol=1e-4, atol=1e-6)
    without_clone = run_one(net, x, Choices(storage="detach"), "0.5").values
    np.testing.assert_allclose(without_clone, (weights * inside[0].relu()).sum(0).detach(), rtol=1e-4, atol=1e-6)
    assert np.abs(without_clone - standard).max() > 0.03 * np.abs(standard).max()
    # where nothing is changed in place, the clone makes no difference
    np.testing.assert_array_equal(
        run_one(net, x, Choices(storage="detach")).values, run_one(net, x, STANDARD).values
    )


def test_a_full_backward_hook_before_an_inplace_relu_raises_pytorchs_own_error(net: nn.Sequential, x: Tensor):
    twin = copy.deepcopy(net)
    twin[0][5].register_full_backward_hook(lambda *call: None)
    with pytest.raises(RuntimeError) as raised:
        twin(x)
    runner = AblationRunner(net, x, "0.5", NORMALIZE)
    full, deprecated = Choices(hook="full"), Choices(hook="deprecated")
    maps = runner.run(x, [full, deprecated])[0]
    # PyTorch's message about the same view; it names the view by its gradient function, which differs here
    assert maps[full].error.startswith("RuntimeError: Output 0 of BackwardHookFunction")
    assert "being modified inplace" in maps[full].error
    assert "being modified inplace" in str(raised.value)
    assert maps[deprecated].error is None
    np.testing.assert_allclose(maps[deprecated].values, maps[STANDARD].values, rtol=1e-5)


def test_the_deprecated_hook_warns_where_a_module_has_several_steps(net: nn.Sequential, x: Tensor):
    warning = run_one(net, x, Choices(hook="deprecated"), "0").warning
    twin = copy.deepcopy(net)
    twin[0].register_backward_hook(lambda *call: None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        twin(x)
    assert warning in [str(one.message) for one in caught]


def test_keepdim_and_relu_by_hand():
    activation = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    gradient = torch.tensor([[[1.0, 1.0], [1.0, 1.0]], [[-1.0, -1.0], [-1.0, 1.0]]])  # means 1 and -0.5
    np.testing.assert_array_equal(weighted_sum(activation, gradient, STANDARD), [[-1.5, -1.0], [-0.5, 0.0]])
    np.testing.assert_array_equal(
        weighted_sum(activation, gradient, Choices(keepdim=False)), [[6.0, -4.0], [10.0, -6.0]]
    )
    np.testing.assert_array_equal(weighted_sum(activation, gradient, Choices(relu=True)), [[0, 0], [0, 0]])
    np.testing.assert_array_equal(
        enlarge(torch.tensor([[1.0, 2.0]]), (2, 4), Choices(interpolation="nearest")), [[1, 1, 2, 2], [1, 1, 2, 2]]
    )


def test_keepdim_left_out_raises_in_pytorchs_words(net: nn.Sequential, x: Tensor):
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(4) * torch.zeros(4, 4, 5)
    ablated = run_one(net, x, Choices(keepdim=False))
    assert ablated.error == f"RuntimeError: {raised.value}"
    assert ablated.values is ablated.enlarged is None


def test_a_batch_gives_the_maps_of_its_single_pictures(net: nn.Sequential):
    batch = pictures(3, dtype=torch.float32)
    wanted = [change.choices for change in CHANGES if change.field != "mode"]
    runner = AblationRunner(net, batch[:1], LAYER, NORMALIZE)
    every = runner.run(batch, wanted)
    for row in range(3):
        single = runner.run(batch[row : row + 1], wanted)[0]
        for choices in wanted:
            if single[choices].error is None:
                np.testing.assert_allclose(
                    every[row][choices].values, single[choices].values, rtol=1e-3, atol=1e-5
                )
            else:
                assert every[row][choices].error == single[choices].error


def test_the_learner_and_the_random_state_stay(net: nn.Sequential, x: Tensor):
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random_state = torch.get_rng_state()
    AblationRunner(net, x, LAYER, NORMALIZE).run(x, [change.choices for change in CHANGES], pictures(2).float())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert net.training
    assert hooks_of(net) == 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())


def test_a_layer_without_a_map_is_refused(net: nn.Sequential, x: Tensor):
    with pytest.raises(LayerError, match="no layer with a map"):
        AblationRunner(net, x, "1.4", NORMALIZE)
