from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.words.report import Contributions, WordsReport, WordsRow
from analysis.words.spans import Word, Words
from dashboard.figures.words_panels import UNREAD_LIMIT, cam_title, shown_pieces, words_layers


def contributions(*values: float) -> Contributions:
    words = np.array(values)
    return Contributions(words, words, 0.0)


ROW = WordsRow(
    layer="blocks.0",
    channels=5,
    label="Block 1",
    cam=contributions(0.2, -0.6),
    cam_kind="exact",
    cam_note="The network's own weights.",
    gradcam=contributions(0.1, 0.05),
    gradient=contributions(0.0, 0.0),
    gradient_label="gradient × activation",
    window=3,
)


def report(text: str, *words: tuple[int, int], rows: tuple[WordsRow, ...] = (ROW,)) -> WordsReport:
    spans = tuple(Word(text[start:stop], text[start:stop], start, stop, True) for start, stop in words)
    owner = np.arange(len(spans))
    return WordsReport(
        words=Words(text, spans, owner, np.zeros(len(spans), bool)),
        unknown=np.zeros(len(spans), bool),
        class_names=("negative", "positive"),
        logits=np.zeros(2),
        probabilities=np.full(2, 0.5),
        target=1,
        target_label="positive",
        score=0.0,
        bias=0.0,
        left_out=0,
        rows=rows,
    )


def test_a_layer_has_three_panels_each_on_its_own_scale():
    (layer,) = words_layers(report("good film", (0, 4), (5, 9)))
    cam, gradcam, gradient = layer.panels
    assert [panel.title for panel in layer.panels] == ["CAM (exact)", "Grad-CAM", "Gradient × activation"]
    assert [panel.scale for panel in layer.panels] == [0.6, 0.1, 0.0]
    np.testing.assert_array_equal(cam.values, [0.2, -0.6])
    np.testing.assert_array_equal(gradcam.values, [0.1, 0.05])
    assert (cam.note, gradcam.note) == ("", "")
    assert "zero" in gradient.note


def test_a_layer_without_cam_says_why():
    row = replace(ROW, cam=None, cam_kind="none", cam_note="No probe has been fitted at this layer.")
    (layer,) = words_layers(report("good film", (0, 4), (5, 9), rows=(row,)))
    cam = layer.panels[0]
    assert cam.values is None
    assert (cam.title, cam.note) == ("CAM (none here)", "No probe has been fitted at this layer.")


def test_a_review_without_words_has_empty_panels_and_no_complaint():
    nothing = contributions()
    (layer,) = words_layers(report("", rows=(replace(ROW, cam=nothing, gradcam=nothing, gradient=nothing),)))
    assert [(panel.note, panel.scale) for panel in layer.panels] == [("", 0.0)] * 3


@pytest.mark.parametrize(
    ("kind", "accuracy", "title"),
    [
        ("exact", None, "CAM (exact)"),
        ("probe", 0.8449, "CAM of a linear probe (accuracy 0.84)"),
        ("probe", None, "CAM of a linear probe"),
    ],
)
def test_the_title_names_the_kind_of_cam(kind, accuracy, title):
    assert cam_title(replace(ROW, cam_kind=kind, probe_accuracy=accuracy)) == title


@pytest.mark.parametrize(
    ("window", "ending"), [(1, "sees 1 word"), (3, "sees 3 words"), (None, "sees all words before")]
)
def test_the_slider_says_how_far_a_layer_sees(window, ending):
    (layer,) = words_layers(report("good", (0, 4), rows=(replace(ROW, window=window),)))
    assert layer.label == f"Block 1 · {ending}"


def test_the_pieces_are_the_text_to_the_character():
    text = "A <b>good</b>  film!"
    pieces, cut = shown_pieces(report(text, (5, 9), (15, 19)))
    assert "".join(characters for characters, _ in pieces) == text
    assert [(characters, word) for characters, word in pieces if word >= 0] == [("good", 0), ("film", 1)]
    assert cut == 0


@pytest.mark.parametrize(("extra", "cut"), [(0, 0), (7, 7)])
def test_a_long_end_that_the_learner_does_not_read_is_cut(extra, cut):
    text = "good" + "x" * (UNREAD_LIMIT + extra)
    pieces, left_out = shown_pieces(report(text, (0, 4)))
    assert left_out == cut
    assert "".join(characters for characters, _ in pieces) == text[: len(text) - cut]


def test_a_long_last_word_is_never_cut():
    text = "x" * (UNREAD_LIMIT + 7)
    assert shown_pieces(report(text, (0, len(text)))) == ([(text, 0)], 0)


def test_an_empty_text_has_no_pieces():
    assert shown_pieces(report("")) == ([], 0)
