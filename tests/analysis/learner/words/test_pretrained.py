"""fastai's language model: from an archive to a classifier, with nothing run that was unpacked."""

from __future__ import annotations

import os
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from fastai.data.external import URLs, fastai_cfg
from fastai.text.learner import TextLearner, get_language_model
from fastai.text.models.awdlstm import AWD_LSTM

from analysis.learner.words.awd_lstm import build_awd_lstm
from analysis.learner.words.dataloaders import make_text_dataloaders
from analysis.learner.words.pretrained import LanguageModelError, fetch_language_model, load_language_model
from analysis.learner.words.vocabulary import TokenVocabulary

OLD = ["xxunk", "xxpad", "xxbos", "good", "film", "other"]
NEW = TokenVocabulary(("xxunk", "xxpad", "xxbos", "xxup", "xxmaj", "film", "new", "good"), 100, markers=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FASTAI_HOME", str(tmp_path / "fastai"))
    fastai_cfg.cache_clear()
    yield tmp_path / "fastai"
    fastai_cfg.cache_clear()


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A folder as fastai's archive unpacks to, of a language model with random weights; and those."""
    folder = tmp_path_factory.mktemp("model") / "wt103-fwd"
    folder.mkdir()
    weights = get_language_model(AWD_LSTM, len(OLD)).state_dict()
    torch.save(weights, folder / "lstm_fwd.pth")
    (folder / "itos_wt103.pkl").write_bytes(pickle.dumps(OLD))
    return folder, weights


def classifier() -> TextLearner:
    blank = [(np.zeros(1, dtype=np.int64), 0)] * 2
    dls = make_text_dataloaders(blank, blank, NEW, ["a", "b"], torch.device("cpu"), chunked=True)
    return build_awd_lstm(dls, 2, pretrained=True)


def test_words_keep_their_vectors_and_new_ones_get_the_mean(
    language_model: tuple[Path, dict[str, torch.Tensor]],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    folder, weights = language_model
    with tarfile.open(tmp_path / "wt103-fwd.tgz", "w:gz") as tar:
        tar.add(folder, arcname="wt103-fwd")
    monkeypatch.setattr(URLs, "WT103_FWD", (tmp_path / "wt103-fwd.tgz").as_uri())
    found = fetch_language_model()
    assert found == home / "models" / "wt103-fwd"
    learn = classifier()
    load_language_model(learn, NEW, found)
    state = learn.model[0].module.state_dict()
    old = weights["0.encoder.weight"]
    for word in ("good", "film"):
        torch.testing.assert_close(state["encoder.weight"][NEW.tokens.index(word)], old[OLD.index(word)])
    torch.testing.assert_close(state["encoder.weight"][NEW.tokens.index("new")], old.mean(0))
    torch.testing.assert_close(state["rnns.1.weight_hh_l0_raw"], weights["0.rnns.1.weight_hh_l0_raw"])
    trained = [name for name, value in learn.model.named_parameters() if value.requires_grad]
    assert trained
    assert all(name.startswith("1.") for name in trained)


def test_it_is_what_fastais_own_function_gives(language_model: tuple[Path, dict[str, torch.Tensor]]):
    folder, _ = language_model
    ours, theirs = classifier(), classifier()
    load_language_model(ours, NEW, folder)
    theirs.load_pretrained(folder / "lstm_fwd.pth", folder / "itos_wt103.pkl", model=theirs.model[0])
    for (name, value), other in zip(
        ours.model[0].state_dict().items(), theirs.model[0].state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name


def test_a_pickle_that_would_run_something_is_refused(
    language_model: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
):
    class Bad:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "run"),)

    weights = language_model[1]
    for name, content in (("words.pkl", pickle.dumps(Bad())), ("words.pkl", pickle.dumps({"a": 1}))):
        bad = tmp_path / f"bad{len(list(tmp_path.iterdir()))}"
        bad.mkdir()
        torch.save(weights, bad / "model.pth")
        (bad / name).write_bytes(content)
        with pytest.raises(LanguageModelError, match="not those of fastai's language model.*--no-pretrained"):
            load_language_model(classifier(), NEW, bad)
    torch.save(Bad(), bad / "model.pth")
    (bad / "words.pkl").write_bytes(pickle.dumps(OLD))
    with pytest.raises(LanguageModelError, match="not those of"):
        load_language_model(classifier(), NEW, bad)
    (bad / "words.pkl").unlink()
    with pytest.raises(LanguageModelError, match="not those of"):
        load_language_model(classifier(), NEW, bad)
    assert not (tmp_path / "run").exists()


def test_without_a_network_the_message_says_what_was_tried(home: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("fastcore.net.urlopen", unreachable)
    with pytest.raises(
        LanguageModelError, match="language model are not on this machine.*from .*wt103-fwd.tgz .*Name or service"
    ):
        fetch_language_model()
