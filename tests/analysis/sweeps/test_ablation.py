"""The ablation of a validation set: its rows, its summary, its counts and the saved table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.explain.studies.ablation import CHANGES, AblationRunner, Choices, effects
from analysis.runs import Run
from analysis.sweeps.ablation import ablate_set, correlation_counts, load_table, save_table, shards_of, summary


def test_the_validation_set(tiny_run, tmp_path, monkeypatch):
    from analysis.data.images import open_image
    from analysis.learner.images.store import load

    loaded = load(tiny_run, "cpu")
    files = tiny_run.examples().names("valid")[:9]
    events = []

    def batch_of(names):
        return loaded.batch([open_image(tiny_run.image_path(name)) for name in names])

    rows = ablate_set(loaded, files, "0.6", batch_of, events.append)
    assert len(rows) == 9 * len(CHANGES)
    assert [event.fraction for event in events] == [0, pytest.approx(5 / 9), 1]  # 9 pictures in batches of 5 and 4
    table = summary(rows).set_index("change")
    assert table.loc["training mode, alone", "raises"] == 1
    assert table.loc["sum of the gradients", ["harmless", "moved", "median"]].tolist() == [1, 0, pytest.approx(1)]
    assert table.loc["keepdim left out", "error"].startswith("RuntimeError: The size of tensor")
    assert np.isnan(table.loc["keepdim left out", "median"])
    one = rows[(rows["path"] == files[2]) & (rows["change"] == "another class")].iloc[0]
    x = batch_of(files[2:3])
    runner = AblationRunner(loaded.model, x, "0.6", tiny_run.manifest.normalize)
    alone = effects(runner.run(x, [Choices(cls="other")])[0], [Choices(cls="other")])[0]
    assert one["correlation"] == pytest.approx(alone.correlation, abs=1e-3)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    monkeypatch.setattr(Run, "examples", lambda run: pytest.fail("it went through every picture's name"))
    assert load_table(tiny_run, "0.6") is None
    save_table(rows, tiny_run, "0.6")
    pd.testing.assert_frame_equal(load_table(tiny_run, "0.6"), rows, check_dtype=False)
    assert load_table(tiny_run, "0.5") is None


def test_a_cancelled_ablation_resumes_and_its_table_is_the_same(tiny_run, tmp_path, monkeypatch):
    from analysis.data.images import open_image
    from analysis.learner.images.store import load

    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    loaded, files = load(tiny_run, "cpu"), tiny_run.examples().names("valid")[:9]
    opened = []

    def batch_of(names):
        opened.extend(names)
        return loaded.batch([open_image(tiny_run.image_path(name)) for name in names])

    def cancel(event):
        if event.fraction > 0:
            raise KeyboardInterrupt

    out = shards_of(tiny_run, "0.6")
    with pytest.raises(KeyboardInterrupt):
        ablate_set(loaded, files, "0.6", batch_of, cancel, out)
    rows = ablate_set(loaded, files, "0.6", batch_of, out=out)
    assert opened == list(files)  # each picture once
    pd.testing.assert_frame_equal(rows, ablate_set(loaded, files, "0.6", batch_of))
    assert out.folder != shards_of(tiny_run, "0.5").folder
    save_table(rows, tiny_run, "0.6")
    assert not out.folder.exists()
    assert load_table(tiny_run, "0.6") is not None


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
    counts = correlation_counts(one, bins=4)
    assert counts[["low", "high", "pictures"]].values.tolist() == [[-1, -0.5, 1], [0, 0.5, 1], [0.5, 1, 2]]


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
