"""The recipe's changes against what plain torch gives when the step is really done so."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from explain.networks import classifier, hooks_of, pictures
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.explain.ablation_recipe import (
    CHANGES,
    RIGHT,
    Choices,
    Kitchen,
    effects,
    pairs,
    rewritten_layer,
    together,
)
from analysis.explain.ablation_recipe.kitchen import Dish, draw, weigh
from analysis.explain.ablation_recipe.whole_set import (
    ablate_set,
    correlation_counts,
    load_table,
    save_table,
    summary,
)
from analysis.explain.errors import ExplainError, LayerError
from analysis.runs import Run

NORMALIZE = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
LAYER = "0.3"  # (4, 4, 5), with a nonlinear way to the logits behind it


@pytest.fixture
def net() -> nn.Sequential:
    return classifier(dtype=torch.float32)


@pytest.fixture
def x() -> Tensor:
    return pictures(1, dtype=torch.float32)


def cooked(net: nn.Module, x: Tensor, choices: Choices, layer: str = LAYER, company: Tensor | None = None) -> Dish:
    return Kitchen(net, x, layer, NORMALIZE).cook(x, [choices], company)[0][choices]


def by_hand(net: nn.Sequential, x: Tensor, score=lambda logits: logits[0].max(), pool=torch.mean) -> np.ndarray:
    """Grad-CAM at module 0.3, by cutting the network in two."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        inside = net[0][:4](x)
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(score(net[1](net[0][4:](inside))), inside)
    return (pool(gradient[0], dim=(1, 2), keepdim=True) * inside[0]).sum(0).detach().numpy()


def test_the_right_recipe_is_gradcam(net: nn.Sequential, x: Tensor):
    dish = cooked(net, x, RIGHT)
    np.testing.assert_allclose(dish.values, by_hand(net, x), rtol=1e-4, atol=1e-6)
    stretched = F.interpolate(torch.tensor(dish.values)[None, None], (8, 10), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(dish.drawn, stretched[0, 0], rtol=1e-5)


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
    np.testing.assert_allclose(cooked(net, x, choices).values, by_hand(net, x, score, pool), rtol=1e-4, atol=1e-7)


def test_pixels_without_normalisation(net: nn.Sequential, x: Tensor):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in NORMALIZE)
    predicted = int(net(x).argmax())  # the class stays that of the right recipe
    expected = by_hand(net, x * std + mean, lambda logits: logits[0, predicted])
    np.testing.assert_allclose(cooked(net, x, Choices(pixels="raw")).values, expected, rtol=1e-4, atol=1e-6)


def test_training_mode_raises_alone_and_normalises_by_its_company(net: nn.Sequential, x: Tensor):
    with pytest.raises(ValueError, match="more than 1 value") as raised:
        copy.deepcopy(net).train()(x)
    assert cooked(net, x, Choices(mode="alone")).error == f"ValueError: {raised.value}"
    net[1][3].p = 0.0  # dropout would make the answer a matter of chance
    company = pictures(4, dtype=torch.float32)[1:]
    predicted = int(net(x).argmax())
    trained = copy.deepcopy(net).train()
    with torch.no_grad():
        inside = trained[0][:4](torch.cat([x, company]))
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(trained[1](trained[0][4:](inside))[0, predicted], inside)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * inside[0]).sum(0).detach()
    dish = cooked(net, x, Choices(mode="batch"), company=company)
    np.testing.assert_allclose(dish.values, expected, rtol=1e-3, atol=1e-5)


def test_without_a_clone_an_inplace_relu_gets_at_what_was_stored(net: nn.Sequential, x: Tensor):
    """0.5 stands before an in-place ReLU: what is left of its output is the rectified one."""
    assert rewritten_layer(net, x) == "0.5"
    assert rewritten_layer(classifier(inplace=False), pictures(1)) is None
    with torch.no_grad():
        inside = net[0][:6](x)
    inside.requires_grad_()
    (gradient,) = torch.autograd.grad(net[1](net[0][6:](inside * 1))[0].max(), inside)
    weights = gradient[0].mean(dim=(1, 2), keepdim=True)
    right = cooked(net, x, RIGHT, "0.5").values
    np.testing.assert_allclose(right, (weights * inside[0]).sum(0).detach(), rtol=1e-4, atol=1e-6)
    wrong = cooked(net, x, Choices(stored="detach"), "0.5").values
    np.testing.assert_allclose(wrong, (weights * inside[0].relu()).sum(0).detach(), rtol=1e-4, atol=1e-6)
    assert np.abs(wrong - right).max() > 0.03 * np.abs(right).max()
    # where nothing is changed in place the clone is not missed
    np.testing.assert_array_equal(cooked(net, x, Choices(stored="detach")).values, cooked(net, x, RIGHT).values)


def test_a_full_backward_hook_before_an_inplace_relu_raises_pytorchs_own_error(net: nn.Sequential, x: Tensor):
    twin = copy.deepcopy(net)
    twin[0][5].register_full_backward_hook(lambda *call: None)
    with pytest.raises(RuntimeError) as raised:
        twin(x)
    kitchen = Kitchen(net, x, "0.5", NORMALIZE)
    full, deprecated = Choices(hook="full"), Choices(hook="deprecated")
    found = kitchen.cook(x, [full, deprecated])[0]
    # what PyTorch says of the same view; it names the view by its gradient function, which differs here
    assert found[full].error.startswith("RuntimeError: Output 0 of BackwardHookFunction")
    assert "being modified inplace" in found[full].error
    assert "being modified inplace" in str(raised.value)
    assert found[deprecated].error is None
    np.testing.assert_allclose(found[deprecated].values, found[RIGHT].values, rtol=1e-5)


def test_the_deprecated_hook_warns_where_a_module_has_several_steps(net: nn.Sequential, x: Tensor):
    heard = cooked(net, x, Choices(hook="deprecated"), "0").warning
    twin = copy.deepcopy(net)
    twin[0].register_backward_hook(lambda *call: None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        twin(x)
    assert heard in [str(one.message) for one in said]


def test_keepdim_and_relu_by_hand():
    activation = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    gradient = torch.tensor([[[1.0, 1.0], [1.0, 1.0]], [[-1.0, -1.0], [-1.0, 1.0]]])  # means 1 and -0.5
    np.testing.assert_array_equal(weigh(activation, gradient, RIGHT), [[-1.5, -1.0], [-0.5, 0.0]])
    np.testing.assert_array_equal(weigh(activation, gradient, Choices(keepdim=False)), [[6.0, -4.0], [10.0, -6.0]])
    np.testing.assert_array_equal(weigh(activation, gradient, Choices(relu=True)), [[0, 0], [0, 0]])
    np.testing.assert_array_equal(
        draw(torch.tensor([[1.0, 2.0]]), (2, 4), Choices(drawn="nearest")), [[1, 1, 2, 2], [1, 1, 2, 2]]
    )


def test_keepdim_left_out_raises_in_pytorchs_words(net: nn.Sequential, x: Tensor):
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(4) * torch.zeros(4, 4, 5)
    dish = cooked(net, x, Choices(keepdim=False))
    assert dish.error == f"RuntimeError: {raised.value}"
    assert dish.values is dish.drawn is None


def test_a_batch_is_cooked_as_its_pictures_are(net: nn.Sequential):
    batch = pictures(3, dtype=torch.float32)
    wanted = [change.choices for change in CHANGES if change.field != "mode"]
    kitchen = Kitchen(net, batch[:1], LAYER, NORMALIZE)
    every = kitchen.cook(batch, wanted)
    for row in range(3):
        single = kitchen.cook(batch[row : row + 1], wanted)[0]
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
    Kitchen(net, x, LAYER, NORMALIZE).cook(x, [change.choices for change in CHANGES], pictures(2).float())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert net.training
    assert hooks_of(net) == 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())


def test_what_counts_as_harmless_silent_and_raising():
    right = np.add.outer(np.arange(8.0), np.arange(8.0))
    grid = np.zeros((2, 2))
    upside_down = right[::-1]
    dishes = {
        RIGHT: Dish(grid, right),
        Choices(pool="sum"): Dish(grid, 3 * right + 1),
        Choices(cls="other"): Dish(grid, upside_down),
        Choices(score="probability"): Dish(grid, np.zeros((8, 8))),
        Choices(keepdim=False): Dish(None, None, "RuntimeError: no"),
    }
    scaled, turned, flat, failed = effects(dishes, list(dishes)[1:])
    assert (scaled.outcome, scaled.moved, scaled.distance) == ("harmless", False, 0)
    assert (turned.outcome, turned.moved) == ("silent", True)
    assert turned.correlation == pytest.approx(np.corrcoef(right.ravel(), upside_down.ravel())[0, 1], abs=1e-6)
    assert turned.distance == pytest.approx(7 / math.hypot(8, 8))
    assert (flat.outcome, flat.moved) == ("silent", None)
    assert math.isnan(flat.correlation)
    assert (failed.outcome, failed.error) == ("raises", "RuntimeError: no")


def test_a_map_with_the_same_hottest_cell_is_harmless_only_where_it_is_the_same_map():
    right = np.zeros((4, 8))
    right[0, 1], right[3, 7] = 2.0, 1.0
    another, shifted = right.copy(), np.roll(right, 3, axis=1)  # the peak goes from column 1 to 4, the row stays
    another[3, 0] = 1.0
    dishes = {
        RIGHT: Dish(np.zeros((2, 4)), right),
        Choices(relu=True): Dish(np.zeros((2, 4)), another),
        Choices(pool="max"): Dish(np.zeros((2, 4)), shifted),
    }
    other, moved = effects(dishes, list(dishes)[1:])
    assert (other.outcome, other.moved) == ("silent", False)
    assert other.correlation == pytest.approx(np.corrcoef(right.ravel(), another.ravel())[0, 1])
    assert moved.moved
    assert moved.distance == pytest.approx(3 / math.hypot(4, 8))


def test_together_and_pairs():
    by_name = {change.name: change for change in CHANGES}
    assert len(by_name) == len(CHANGES)
    assert all(change.choices != RIGHT for change in CHANGES)
    assert together([]) == RIGHT
    both = together([by_name["no clone"], by_name["ReLU on the map"]])
    assert both == Choices(stored="detach", relu=True)
    with pytest.raises(ExplainError, match="one way at a time"):
        together([by_name["bicubic"], by_name["nearest neighbour"]])
    assert len(pairs()) == 14 * 13 // 2 - 4  # four steps have two changes each
    assert pairs()[3, 4] == both


def test_a_layer_without_a_map_is_refused(net: nn.Sequential, x: Tensor):
    with pytest.raises(LayerError, match="no layer with a map"):
        Kitchen(net, x, "1.4", NORMALIZE)


def test_the_validation_set(tiny_run, tmp_path, monkeypatch):
    from analysis.data.images import open_image
    from analysis.learner.store import load

    loaded = load(tiny_run, "cpu")
    files = tiny_run.examples().names("valid")[:9]
    told = []

    def batch_of(names):
        return loaded.batch([open_image(tiny_run.image_path(name)) for name in names])

    rows = ablate_set(loaded, files, "0.6", batch_of, told.append)
    assert len(rows) == 9 * len(CHANGES)
    assert [event.fraction for event in told] == [0, pytest.approx(5 / 9)]  # 9 pictures in two batches, 5 and 4
    table = summary(rows).set_index("change")
    assert table.loc["training mode, alone", "raises"] == 1
    assert table.loc["sum of the gradients", ["harmless", "moved", "median"]].tolist() == [1, 0, pytest.approx(1)]
    assert table.loc["keepdim left out", "error"].startswith("RuntimeError: The size of tensor")
    assert np.isnan(table.loc["keepdim left out", "median"])
    one = rows[(rows["path"] == files[2]) & (rows["change"] == "another class")].iloc[0]
    x = batch_of(files[2:3])
    kitchen = Kitchen(loaded.model, x, "0.6", tiny_run.manifest.normalize)
    alone = effects(kitchen.cook(x, [Choices(cls="other")])[0], [Choices(cls="other")])[0]
    assert one["correlation"] == pytest.approx(alone.correlation, abs=1e-3)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    monkeypatch.setattr(Run, "examples", lambda run: pytest.fail("it went through every picture's name"))
    assert load_table(tiny_run, "0.6") is None
    save_table(rows, tiny_run, "0.6")
    pd.testing.assert_frame_equal(load_table(tiny_run, "0.6"), rows, check_dtype=False)
    assert load_table(tiny_run, "0.5") is None


def test_the_counts_of_correlations_do_not_grow_with_the_pictures():
    random = np.random.default_rng(0)
    for count in (10, 5000):
        rows = pd.DataFrame(
            {"change": np.repeat(["x", "y", "z"], count), "correlation": random.uniform(-1, 1, 3 * count)}
        )
        rows.loc[rows["change"] == "z", "correlation"] = np.nan
        counts = correlation_counts(rows, bins=20)
        assert len(counts) <= 40
        assert counts.groupby("change")["pictures"].sum().to_dict() == {"x": count, "y": count}
        assert counts.groupby("change")["share"].sum().tolist() == pytest.approx([1, 1])
    one = pd.DataFrame({"change": "x", "correlation": [1.0, 1.0 + 1e-9, -1.0, 0.05]})
    found = correlation_counts(one, bins=4)
    assert found[["low", "high", "pictures"]].values.tolist() == [[-1, -0.5, 1], [0, 0.5, 1], [0.5, 1, 2]]


def test_the_summary_by_hand():
    rows = pd.DataFrame(
        {
            "step": "Mode",
            "change": "x",
            "outcome": ["silent", "silent", "harmless", "raises"],
            "correlation": [0.0, 0.5, 1.0, np.nan],
            "moved": [True, None, False, None],
            "error": [None, None, None, "RuntimeError: no"],
        }
    )
    (row,) = summary(rows).to_dict("records")
    assert (row["pictures"], row["silent"], row["harmless"], row["raises"]) == (4, 0.5, 0.25, 0.25)
    assert (row["moved"], row["median"], row["error"]) == (0.5, 0.5, "RuntimeError: no")
    assert row["low"] == pytest.approx(0.1)
    assert row["high"] == pytest.approx(0.9)
