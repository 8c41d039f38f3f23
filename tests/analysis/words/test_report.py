"""One review's report: every layer, its certificate, and any text a user may type."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError, UnknownNameError
from analysis.explain.probe import Probe
from analysis.words.methods import METHODS, Method
from analysis.words.methods.gradient import gradient
from analysis.words.network import Reading
from analysis.words.report import words_report
from analysis.words.spans import pieces
from tests.analysis.words.learners import NAMES, Learner, Recurrent, bag, convolutional

TEXT = "The film didn’t -- was NOT awful!\n<b>Great</b> plot 🙂."


def probe(channels: int) -> Probe:
    rng = np.random.default_rng(channels)
    return Probe(rng.normal(size=(2, channels)).astype(np.float32), np.array([0.5, -0.5], np.float32), 0.875)


def test_the_exact_cam_is_certified_and_its_words_add_up() -> None:
    report = words_report(Learner(convolutional()), TEXT, NAMES, (1, 0))
    row = report.rows[-1]
    exact = row.maps["cam"]
    assert (row.layer, exact.kind, row.label, row.best) == ("blocks.1", "exact", "Block 2 · 5", "cam")
    assert exact.title == "CAM (exact)"
    assert exact.certificate is not None
    assert abs(exact.certificate.residual) < 1e-10
    single = words_report(Learner(convolutional(dtype=torch.float32)), TEXT, NAMES, (1, 0)).best_map.certificate
    assert single is not None
    assert single.residual == single.mean_plus_bias - single.logit != 0
    assert exact.certificate.logit == report.score == pytest.approx(report.logits[1] - report.logits[0])
    assert report.bias is not None
    assert report.best_map is exact
    assert report.best is exact.contributions
    assert report.best.words.sum() + report.best.unplaced + report.bias == pytest.approx(report.score, abs=1e-10)
    assert exact.note.endswith("Each value has seen the 5 tokens around its own.")
    assert report.target_label == "positive rather than negative"
    assert report.probabilities.sum() == pytest.approx(1)


def test_by_hand() -> None:
    report = words_report(bag({"good": 3.0, "bad": -5.0}, bias=0.25), "Good, bad film", NAMES, 1)
    assert [word.text for word in report.words.words] == ["Good", ",", "bad", "film"]
    assert report.best.words.tolist() == pytest.approx([0.75, 0, -1.25, 0])
    assert (report.score, report.bias) == (pytest.approx(-0.25), 0.25)
    assert report.unknown.tolist() == [False] * 4
    assert words_report(bag({}), "good zebra", NAMES).unknown.tolist() == [False, True]


def test_every_layer_has_gradcam_and_gradient_and_a_cam_where_there_is_a_probe() -> None:
    report = words_report(Learner(convolutional()), TEXT, NAMES, 1, probes={"embedding": probe(4)})
    assert [(row.layer, row.maps["cam"].kind) for row in report.rows] == [
        ("embedding", "probe"),
        ("blocks.0", "none"),
        ("blocks.1", "exact"),
    ]
    first, second, last = report.rows
    assert [row.window for row in report.rows] == [1, 3, 5]
    assert [list(row.maps) for row in report.rows] == [list(METHODS)] * 3
    titles = [[row.maps[name].title for name in ("cam", "gradcam", "gradient")] for row in report.rows]
    assert titles == [
        ["CAM of a linear probe (accuracy 0.88)", "Grad-CAM", "Gradient × embedding"],
        ["CAM (none here)", "Grad-CAM", "Gradient × activation"],
        ["CAM (exact)", "Grad-CAM", "Gradient × activation"],
    ]
    assert "87.5%" in first.maps["cam"].note
    assert second.maps["cam"].contributions is None
    assert second.maps["cam"].note == "The network has no class weights at this layer."
    assert [row.best for row in report.rows] == ["gradcam", "gradcam", "cam"]  # a probe is not the network
    assert last.by_method("gradient") is last.maps["gradient"]
    with pytest.raises(UnknownNameError, match="unknown method 'captum'; there are cam, gradcam, gradient"):
        last.by_method("captum")


def test_methods_are_compared_with_the_first_where_both_have_contributions() -> None:
    report = words_report(Learner(convolutional()), TEXT, NAMES, 1, probes={"embedding": probe(4)})
    first, second, last = report.rows
    assert set(first.agreement) == set(METHODS) - {"cam"}
    assert not second.agreement
    for name in ("gradcam", "gradient"):
        assert last.agreement[name].correlation == pytest.approx(1)
        assert last.agreement[name].rank_correlation == pytest.approx(1)
        assert abs(first.agreement[name].correlation) < 0.999
    assert {"gradcam", "gradient"} <= set(last.same_as("cam"))
    assert "gradient" not in (*first.same_as("cam"), *second.same_as("gradcam"), *second.same_as("cam"))


def test_one_more_method_is_in_every_report_and_a_refusal_costs_it_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def double(reading: Reading, layer: str) -> torch.Tensor:
        if layer == "embedding":
            raise ExplainError("not at the embedding")
        return 2 * gradient(reading, layer)

    monkeypatch.setitem(METHODS, "double", Method("double", "Twice", double, needs_gradient=True))
    report = words_report(Learner(convolutional()), TEXT, NAMES, 1)
    refused = report.rows[0].maps["double"]
    assert (refused.title, refused.contributions, refused.note) == ("Twice", None, "not at the embedding")
    once, twice = (report.rows[1].maps[name].contributions for name in ("gradient", "double"))
    assert once is not None
    assert twice is not None
    np.testing.assert_allclose(twice.words, 2 * once.words)
    assert report.rows[1].same_as("double") == ()


def test_the_probes_cam_adds_up_to_the_probes_own_logit() -> None:
    learner = Learner(convolutional())
    one = probe(4)
    row = words_report(learner, TEXT, NAMES, 1, probes={"embedding": one}).rows[0]
    ids = learner.view(TEXT).ids
    features = learner.model.embedding.weight.detach().numpy()[ids].mean(0)
    by_probe = row.maps["cam"].contributions
    assert by_probe is not None
    own = float(one.logits(features[None])[0, 1] - one.bias[1])
    assert by_probe.tokens.sum() == pytest.approx(own, abs=1e-6)


def test_a_probe_of_another_network_is_refused() -> None:
    with pytest.raises(ExplainError, match=r"the probe of layer 'embedding' has weights of shape \(2, 9\)"):
        words_report(Learner(convolutional()), TEXT, NAMES, 1, probes={"embedding": probe(9)})


def test_a_recurrent_network_has_no_cam_and_its_marks_are_not_lost() -> None:
    report = words_report(Learner(Recurrent(), marks=True), TEXT, NAMES)
    assert [row.layer for row in report.rows] == ["embedding", "rnns.0", "rnns.1"]
    assert [row.label for row in report.rows] == ["Embedding · 4", "LSTM layer 1 · 6", "LSTM layer 2 · 3"]
    assert all(row.maps["cam"].contributions is None for row in report.rows)
    assert all(one.certificate is None for row in report.rows for one in row.maps.values())
    assert report.bias is None
    assert [row.window for row in report.rows] == [1, None, None]
    assert report.best is report.rows[-1].maps["gradcam"].contributions
    for row in report.rows:
        for name in ("gradcam", "gradient"):
            one = row.maps[name].contributions
            assert one is not None
            assert one.words.sum() + one.unplaced == pytest.approx(one.tokens.sum())
    at_embedding = report.rows[0].maps["gradient"].contributions
    assert at_embedding is not None
    assert at_embedding.unplaced != 0  # the mark of the beginning
    assert len(at_embedding.tokens) > len(report.words)


@pytest.mark.parametrize("make", [convolutional, Recurrent])
@pytest.mark.parametrize(
    "text",
    ["", "   \n", "...!?", "🙂👍🏽", "отличный фильм", "这部电影", "<br /><br />", "a\x00b\x1b[31m", "\ud800"],
)
def test_any_text_has_a_report_and_is_painted_as_it_was(make: type, text: str) -> None:
    report = words_report(Learner(make()), text, NAMES)
    assert "".join(piece.text for piece in pieces(report.words)) == text
    for row in report.rows:
        one = row.maps["gradcam"].contributions
        assert one is not None
        assert np.isfinite(one.words).all()
        assert one.words.shape == (len(report.words),)
    if make is convolutional and not len(report.words):
        assert report.best_map.certificate is not None
        assert report.score == pytest.approx(report.bias)
        assert report.notes == ("There is no word in this text: the prediction rests on the bias alone.",)
        assert math.isnan(report.rows[-1].agreement["gradcam"].correlation)
    if text == "отличный фильм":
        assert report.unknown.all()
        assert report.notes == ("The learner knows none of these words: they all look the same to it.",)


def test_a_hundred_thousand_words_take_bounded_time_and_what_is_left_out_is_said() -> None:
    text = "good film bad . " * 25_000
    start = time.perf_counter()
    report = words_report(Learner(convolutional(), longest=300), text, NAMES)
    assert time.perf_counter() - start < 20
    assert (len(report.words), report.left_out) == (300, 99_700)
    assert "first 300 tokens" in report.notes[0]
    assert "99,700 were left out" in report.notes[0]
    cut = pieces(report.words)
    assert "".join(piece.text for piece in cut) == text
    assert cut[-1].word is None


def test_class_names_and_targets_have_to_fit() -> None:
    with pytest.raises(ExplainError, match="3 class names were given, but the network has 2"):
        words_report(Learner(convolutional()), TEXT, ("a", "b", "c"))
    with pytest.raises(ExplainError, match="class 2 is out of range"):
        words_report(Learner(convolutional()), TEXT, NAMES, 2)
