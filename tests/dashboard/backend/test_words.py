"""The learners of words: a held one holds up nobody else, and another kind's run is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from analysis.runs import PROBES, RunError, open_run
from dashboard.backend.words import WordsService
from tests.dashboard.backend.hold import held_by


def test_a_held_learner_of_words_holds_up_no_other_reader(tiny_words_run, another, monkeypatch):
    import analysis.words

    service, other = WordsService(), another(tiny_words_run)
    first, second = tiny_words_run.predictions()["path"][:2]
    kept, report = service.prediction(tiny_words_run, first), analysis.words.words_report

    def ask(hold):
        def slow(loaded, *args):
            if loaded.run.path == tiny_words_run.path:
                hold()
            return report(loaded, *args)

        monkeypatch.setattr(analysis.words, "words_report", slow)
        service.report(tiny_words_run, first, 0)
        return "done"

    with held_by(ask) as at_once:
        assert at_once(service.text, tiny_words_run, second)
        assert at_once(service.prediction, tiny_words_run, first) is kept
        np.testing.assert_allclose(at_once(service.prediction, other, first).probabilities, kept.probabilities)
        assert at_once(service.report, other, second, 0).words


def test_a_run_of_pictures_is_refused(tiny_run):
    with pytest.raises(RunError, match="is a run of images, not of words"):
        WordsService().report(tiny_run, "typed:", 0)


def test_probes_that_were_changed_are_refused_with_their_cure(tiny_words_run, tmp_path):
    shutil.copytree(tiny_words_run.path, tmp_path / "run")
    data = (tmp_path / "run" / PROBES).read_bytes()
    (tmp_path / "run" / PROBES).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # still readable, but other numbers
    with pytest.raises(RunError, match=f"{PROBES} was changed since .*--force"):
        WordsService().report(open_run(tmp_path / "run"), tiny_words_run.predictions().path.iloc[0], 0)
