"""The Layers page asks for, draws and hands out the maps of what its control says."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch

from analysis.learner.images.store import load
from tests.dashboard.conftest import heat_maps, mistakes, words

CONTRAST = "Why predicted rather than true"


@pytest.fixture
def asked(monkeypatch):
    """Every (image, target) that a page asks for maps of."""
    from dashboard.backend.map_store import MapStore

    real, calls = MapStore.report, []

    def recorded(self, subject, target, methods, reader, stopped=frozenset()):
        calls.append((subject.image, target))
        return real(self, subject, target, methods, reader, stopped)

    monkeypatch.setattr(MapStore, "report", recorded)
    return calls


@pytest.fixture
def downloads(monkeypatch):
    """The data of every download button of the page, by its label."""
    import streamlit

    offered = {}
    monkeypatch.setattr(streamlit, "download_button", lambda label, data, **_: offered.update({label: data}))
    return offered


def of_table(run, wrong: bool):
    """Path, predicted and true class of the first picture that the learner got wrong, or right."""
    table, names = run.predictions(), run.manifest.class_names
    row = table[(table.label != table.predicted) == wrong].iloc[0]
    return row.path, names.index(row.predicted), names.index(row.label)


def plain_gradcam(run, image: str, layers: list[str], score):
    """Grad-CAM by the paper's formula, with nothing but torch: mean gradients weigh the activations."""
    from PIL import Image

    loaded = load(run, "cpu")
    seen, handles = {}, []
    for name in layers:
        keep = loaded.model.get_submodule(name)
        handles.append(keep.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out})))
    logits = loaded.model(loaded.batch([Image.open(run.image_path(image)).convert("RGB")]))[0]
    gradients = torch.autograd.grad(score(logits), [seen[name] for name in layers])
    for handle in handles:
        handle.remove()
    return {
        name: (gradient.mean(dim=(2, 3), keepdim=True) * seen[name]).sum(1)[0].detach().numpy()
        for name, gradient in zip(layers, gradients, strict=True)
    }


def test_the_contrast_of_a_mistake_is_predicted_minus_true(open_view, tiny_run, asked):
    from dashboard.backend.images import service

    image, predicted, true = of_table(tiny_run, wrong=True)
    app = open_view("layers", {"image": image}, {"explain": CONTRAST})
    assert asked[-1] == (image, (predicted, true))
    report = service().report(tiny_run, *asked[-1])
    names = tiny_run.manifest.class_names
    assert report.target_label == f"{names[predicted]} rather than {names[true]}"
    layers = [row.layer.name for row in report.rows]
    wanted = plain_gradcam(tiny_run, image, layers, lambda logits: logits[predicted] - logits[true])
    drawn = heat_maps(app)
    for row in report.rows:
        expected = wanted[row.layer.name]
        tolerance = 1e-3 * np.abs(expected).max()
        np.testing.assert_allclose(row.maps["gradcam"].values, expected, atol=tolerance)
        assert any(z.shape == expected.shape and np.allclose(z, expected, atol=tolerance) for z in drawn)


def test_the_contrast_of_a_right_prediction_is_with_the_runner_up(open_view, tiny_run, asked):
    image, predicted, _ = of_table(tiny_run, wrong=False)
    open_view("layers", {"image": image}, {"explain": CONTRAST})
    assert asked[-1] == (image, (predicted, 1 - predicted))


def test_each_choice_asks_for_its_class(open_view, tiny_run, asked):
    image, predicted, true = of_table(tiny_run, wrong=True)
    app = open_view("layers", {"image": image})
    assert asked[-1] == (image, predicted)
    wanted = {"True class": true, "Predicted class": predicted}
    wanted |= {f"Class: {name}": index for index, name in enumerate(tiny_run.manifest.class_names)}
    for choice, target in wanted.items():
        app.selectbox(key="explain").select(choice).run()
        assert not app.exception
        assert asked[-1] == (image, target), choice


@pytest.mark.parametrize("choice", ["Class 0", "Class 1", CONTRAST])
def test_the_npz_holds_what_its_names_say(open_view, tiny_run, downloads, choice):
    from dashboard.backend.images import service

    image, predicted, true = of_table(tiny_run, wrong=True)
    names = tiny_run.manifest.class_names
    targets = {"Class 0": 0, "Class 1": 1, CONTRAST: (predicted, true)}
    explain = choice if choice == CONTRAST else f"Class: {names[targets[choice]]}"
    open_view("layers", {"image": image}, {"explain": explain})
    maps = np.load(io.BytesIO(downloads["Raw maps as NPZ"]()))
    target, against = targets[choice] if choice == CONTRAST else (targets[choice], None)
    assert maps["targets"].tolist() == [target]
    assert (maps["against"].tolist() if "against" in maps else [None]) == [against]
    assert maps["images"].tolist() == [image]
    assert maps["class_names"].tolist() == list(names)
    odds = np.exp(maps["logits"][0] - maps["logits"].max())
    row = tiny_run.predictions().set_index("path").loc[image]
    np.testing.assert_allclose(odds / odds.sum(), row.probabilities, atol=1e-4)
    report = service().report(tiny_run, image, targets[choice])
    wanted = plain_gradcam(
        tiny_run,
        image,
        [row.layer.name for row in report.rows],
        (lambda logits: logits[predicted] - logits[true])
        if choice == CONTRAST
        else (lambda logits: logits[targets[choice]]),
    )
    for row in report.rows:
        name = row.layer.name
        gradcam, cam = maps[f"{name}/gradcam"][0], maps[f"{name}/cam"][0]
        np.testing.assert_allclose(gradcam, wanted[name], atol=1e-3 * np.abs(wanted[name]).max())
        np.testing.assert_array_equal(cam, row.maps["cam"].values)
    # Behind a linear head, CAM is Grad-CAM times the number of cells: the two can't be mistaken for each other.
    np.testing.assert_allclose(cam, gradcam * gradcam.size, rtol=1e-3, atol=1e-4 * np.abs(cam).max())
    assert gradcam.size > 1


def titles_of(app) -> list[str]:
    """The panel titles of the page's first figure."""
    notes = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]
    return [note["text"].replace("<br>", " ") for note in notes if note["text"].startswith("<b>")]


def test_methods_of_the_link_stand_side_by_side_in_its_order(open_view):
    app = open_view("layers", {"methods": ["LayerCAM", "CAM", "Eigen-CAM"]})
    assert titles_of(app) == ["<b>LayerCAM</b>", "<b>CAM (exact)</b>", "<b>Eigen-CAM</b>"]
    assert app.multiselect(key="methods").value == ["layercam", "cam", "eigencam"]
    assert "How far they agree with CAM" in words(app)


NO_SUCH = "There is no such method; the rest of the link counts."


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (["LayerCAM", "Kaleidoscope", "CAM"], ["layercam", "cam"]),
        (["CAM", "Grad-CAM", "Kaleidoscope"], ["cam", "gradcam"]),
        (["Kaleidoscope"], ["cam", "gradcam"]),
    ],
    ids=["two known", "the default and one more", "none known"],
)
def test_a_link_with_an_unknown_method_shows_the_others_and_says_so_until_they_are_changed(
    open_view, asked, shown
):
    app = open_view("layers", {"methods": asked})
    for _ in range(3):
        assert [element.value for element in app.warning] == [f"The link asks for “Kaleidoscope”. {NO_SUCH}"]
        assert app.multiselect(key="methods").value == shown
        app.toggle(key="relu").set_value(not app.toggle(key="relu").value).run()
    app.multiselect(key="methods").set_value(["hirescam"]).run()
    assert not app.exception
    assert not app.warning


def test_the_warning_about_a_link_ends_with_the_visit(open_view):
    app = open_view("layers", {"methods": ["Kaleidoscope"]})
    assert NO_SUCH in words(app)
    app.switch_page("dashboard/views/methods.py").run()
    app.switch_page("dashboard/views/layers.py").run()
    assert NO_SUCH not in words(app)


def test_many_unknown_methods_are_one_short_warning_of_plain_text(open_view):
    app = open_view("layers", {"methods": ["![](http://x/y.png)", *[f"method {number}" for number in range(40)]]})
    (warning,) = app.warning
    assert warning.value.startswith(r"The link asks for “\!\[\]\(http\://x/y\.png\)”, “method 0”")
    assert "and 36 more. There is no such method" in warning.value


def test_no_method_at_all_asks_for_one(open_view):
    app = open_view("layers")
    app.multiselect(key="methods").set_value([]).run()
    assert not app.exception
    assert "Choose at least one method" in words(app)


def test_one_method_over_all_layers_with_its_fused_maps(open_view):
    app = open_view("layers", {"view": "One method over all layers", "method": "Grad-CAM"})
    drawn = titles_of(app)
    assert [title for title in drawn if "Stage" in title]
    assert drawn[-3:] == [
        "<b>Mean of the layers</b>",
        "<b>Maximum of the layers</b>",
        "<b>Scaled tanh (LayerCAM, eq. 9)</b>",
    ]


def test_costs_and_setup_are_told(open_view, tiny_run):
    table = tiny_run.predictions()
    image = table[table.label != table.predicted].path.iloc[-1]  # a mistake that no other test here has opened
    app = open_view("layers", {"image": image, "methods": ["CAM", "HiResCAM"]})
    table = next(frame.value for frame in app.dataframe if "forwards" in frame.value.columns)
    assert table.iloc[:, 0].tolist() == ["Forward pass", "Backward pass", "CAM", "HiResCAM"]
    assert all(value.endswith(("ms", " s")) for value in table["time"])
    assert "Auto takes" in words(app)
    app.selectbox(key="explain").select("True class").run()
    table = next(frame.value for frame in app.dataframe if "forwards" in frame.value.columns)
    assert table["time"].tolist()[0] == "from cache"


def test_a_precision_can_be_asked_for(open_view):
    app = open_view("layers", {"precision": "float32"})
    assert "Computed on cpu in float32" in words(app)


def test_slow_methods_come_beside_the_page_and_are_there_in_the_end(open_view, tiny_run):
    app = open_view("layers", {"methods": ["CAM", "Ablation-CAM"]})
    for _ in range(100):
        if not [button for button in app.button if button.label == "Stop"]:
            break
        app.run()
    assert not app.exception
    assert titles_of(app) == ["<b>CAM (exact)</b>", "<b>Ablation-CAM</b>"]
    assert len(heat_maps(app)) == 2 * len(heat_maps(open_view("layers", {"methods": ["CAM"]})))


@pytest.mark.parametrize("target", ["predicted", "contrast"])
def test_the_page_and_the_command_line_write_the_same_file(open_view, tiny_run, downloads, tmp_path, target):
    from analysis.sweeps.maps import write_maps

    image, _, _ = of_table(tiny_run, wrong=True)
    query = {"image": image, "methods": ["LayerCAM", "Grad-CAM"], "precision": "float32"}
    open_view("layers", query, {"explain": CONTRAST} if target == "contrast" else None)
    page = dict(np.load(io.BytesIO(downloads["Raw maps as NPZ"]())))
    layers = list(dict.fromkeys(name.split("/")[0] for name in page if "/" in name))
    write_maps(tiny_run, tmp_path / "maps.npz", ["layercam", "gradcam"], layers, [image], target=target)
    command = dict(np.load(tmp_path / "maps.npz"))
    assert set(page) == set(command)
    assert "0.7/layercam" in page
    for name, values in command.items():
        assert page[name].shape == values.shape, name
        if values.dtype.kind == "f":
            np.testing.assert_allclose(page[name], values, rtol=1e-3, atol=1e-3 * np.abs(values).max())
        else:
            assert page[name].tolist() == values.tolist()


def test_the_view_of_one_method_writes_its_fused_maps_too(open_view, downloads):
    from analysis.explain.measures.fusion import fuse

    open_view("layers", {"view": "One method over all layers", "method": "Grad-CAM"})
    maps = dict(np.load(io.BytesIO(downloads["Raw maps as NPZ"]())))
    layers = [values for name, values in maps.items() if name.endswith("/gradcam") and "fused" not in name]
    scaled = [torch.from_numpy(values / np.abs(values).max()) for values in layers]
    for how in ("mean", "max", "tanh"):
        np.testing.assert_allclose(maps[f"fused-{how}/gradcam"], fuse(scaled, how), rtol=1e-5, atol=1e-6)
    assert not [name for name in maps if name.startswith("fused") and not name.endswith("/gradcam")]


def test_layers_of_the_first_mistake(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    app = open_view("layers")
    assert wrong.path.iloc[0] in words(app)
    assert "is exact: its mean plus the bias" in words(app)
    assert app.query_params["image"] in (wrong.path.iloc[0], [wrong.path.iloc[0]])
    app.selectbox(key="explain").select("Why predicted rather than true").run()
    assert not app.exception
    signed = heat_maps(app)
    app.toggle(key="relu").set_value(True).run()
    assert any((values < 0).any() for values in signed)
    for values, kept in zip(signed, heat_maps(app), strict=True):
        np.testing.assert_array_equal(kept, np.maximum(values, 0))
