"""The NPZ file of raw maps: one format for every writer."""

from __future__ import annotations

import io

import numpy as np

from analysis.explain.report.maps_file import save_maps

LOGITS = np.array([[1.0, 2.0], [4.0, 3.0]], dtype=np.float32)
STEM, BODY = np.arange(8.0).reshape(2, 2, 2), np.ones((2, 1, 1))


def read(**changes) -> dict[str, np.ndarray]:
    file = io.BytesIO()
    given = {
        "images": ["a.png", "b.png"],
        "class_names": ["cat", "dog"],
        "logits": LOGITS,
        "targets": np.array([1, 0]),
        "maps": {("stem", "gradcam"): STEM, ("body.0", "cam"): BODY},
        **changes,
    }
    save_maps(file, **given)
    file.seek(0)
    return dict(np.load(file))


def test_a_map_is_named_after_its_layer_and_then_its_method() -> None:
    arrays = read()
    assert set(arrays) == {"images", "class_names", "logits", "targets", "stem/gradcam", "body.0/cam"}
    np.testing.assert_array_equal(arrays["stem/gradcam"], STEM)
    np.testing.assert_array_equal(arrays["body.0/cam"], BODY)
    assert arrays["images"].tolist() == ["a.png", "b.png"]
    assert arrays["class_names"].tolist() == ["cat", "dog"]
    np.testing.assert_array_equal(arrays["logits"], LOGITS)


def test_only_a_contrast_has_the_classes_it_is_against() -> None:
    assert read(against=np.array([0, 1]))["against"].tolist() == [0, 1]
    assert "against" not in read()
