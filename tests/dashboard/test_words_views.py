"""The pages of words on a tiny learner: what they say agrees with the run, and bad input gets words."""

from __future__ import annotations

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from analysis.progress import ProgressEvent
from tests.dashboard.conftest import ROOT, labelled, metrics, words


@pytest.fixture
def open_words(home, tiny_words_run):
    """Open a page of words on the tiny run, with query parameters and session state."""

    def opened(view: str, query: dict | None = None, state: dict | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
        for name, value in {"run": tiny_words_run.name, **(query or {})}.items():
            app.query_params[name] = value
        for name, value in (state or {}).items():
            app.session_state[name] = value
        app.switch_page(f"dashboard/views/{view}.py").run()
        assert not app.exception, [problem.value for problem in app.exception]
        return app

    return opened


@pytest.fixture
def shown_cards(monkeypatch):
    """The cards of every gallery that is drawn."""
    import dashboard.components.review_cards as component

    drawn = []
    monkeypatch.setattr(component, "review_cards", lambda cards, key: drawn.append(cards))
    return drawn


def mistakes(run):
    table = run.predictions()
    return table[table.label != table.predicted].sort_values(["loss", "path"], ascending=[False, True])


def test_gallery_filters_by_word(open_words, tiny_words_run, shown_cards):
    table = tiny_words_run.predictions()
    app = open_words("reviews")
    app.toggle(key="correct").set_value(True).run()
    assert f"{len(table)} of {len(table)} reviews" in words(app)
    app.text_input(key="word").set_value("WONDERFUL").run()
    found = table[table.text.str.contains("wonderful")]
    assert f"{len(found)} of {len(table)} reviews" in words(app)
    assert {card.id for card in shown_cards[-1]} <= set(found.path)
    app.text_input(key="word").set_value("wonderfu").run()  # no whole word
    assert "No review fits these filters" in words(app)
    labelled(app.button, "Remove the filters").click().run()
    assert not app.exception
    assert app.text_input(key="word").value == ""


def test_gallery_of_the_mistakes(open_words, tiny_words_run, shown_cards):
    wrong = mistakes(tiny_words_run)
    app = open_words("reviews")
    if wrong.empty:
        assert "got all" in words(app)
    else:
        assert f"{len(wrong)} of {len(wrong)} mistakes" in words(app)
        assert [card.id for card in shown_cards[-1]] == wrong.path.tolist()[:12]


def test_a_review_with_its_certificate(open_words, tiny_words_run):
    path = tiny_words_run.predictions().path.iloc[0]
    app = open_words("review", {"review": path})
    assert "is exact: its mean over the words" in words(app)
    app.selectbox(key="explain").select("Why predicted rather than true").run()
    assert not app.exception
    assert "the difference of the logits is" in words(app)


def test_an_unknown_review_is_named(open_words):
    app = open_words("review", {"review": "row/99999"})
    assert "not in this learner's validation set" in words(app)


def test_a_forgotten_review_says_so(open_words):
    app = open_words("review", {"review": "typed:00"})
    assert "is not kept any more" in words(app)


def typed(app: AppTest, text: str) -> AppTest:
    labelled(app.text_area, "Your review").set_value(text)
    labelled(app.button, "Explain it").click()
    app.run()
    assert not app.exception, [problem.value for problem in app.exception]
    return app


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  \n ", "There is nothing to explain yet"),
        ("\u200b\u200b", "Your review"),
        ("?!… --", "Your review"),
        ("😀 ❤️", "Your review"),
        ("这部电影 Фильм был ужасен", "The learner knows none of these words"),
        ("wonderful film " * 50_000, "were left out and have no contribution"),
        ("<script>alert(1)</script> $x^2$ **wonderful** <img src=x onerror=alert(2)>", "Your review"),
        ("dull. It is not good.", "Your review"),
    ],
)
def test_any_text_can_be_typed(open_words, tiny_words_run, text, said):
    app = open_words("review", {"review": tiny_words_run.predictions().path.iloc[0]})
    assert said in words(typed(app, text))


def test_struck_words_move_the_prediction(open_words, tiny_words_run):
    row = tiny_words_run.predictions().iloc[0]
    app = open_words("review", {"review": row.path}, {"edits": {row.path: {0: "", 1: "wonderful"}}})
    found = metrics(app)
    assert "Prediction after" in found
    assert f"from {row.confidence:.1%}" in found[f"Probability of {row.predicted}"].delta
    labelled(app.button, "Undo all").click().run()
    assert not app.metric


def test_striking_words_out_one_by_one_says_what_the_form_says(open_words, tiny_words_run):
    app = open_words("review", {"review": tiny_words_run.predictions().path.iloc[0]})
    (toggle,) = [toggle for toggle in app.toggle if toggle.label.startswith("Strike out each of")]
    assert not [frame for frame in app.dataframe if "falls" in frame.value.columns]
    toggle.set_value(True).run()
    (table,) = [frame.value for frame in app.dataframe if "falls" in frame.value.columns]
    assert table["contribution"].abs().is_monotonic_decreasing
    for row in table.head(3).itertuples():
        labelled(app.selectbox, "Word").set_value(row.place - 1)
        labelled(app.button, "Apply").click().run()
        assert not app.exception
        (score,) = [metric for label, metric in metrics(app).items() if label.startswith("Score of")]
        assert score.delta.startswith(f"{-row.falls:+.3f}, from")
        labelled(app.button, "Undo all").click().run()


def test_the_words_of_the_set(open_words, tiny_words_run):
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.set_jobs.words import WordSetJob

    shutil.rmtree(
        tiny_words_run.path.parent.parent / "words", ignore_errors=True
    )  # a browser test may have weighed them before
    app = open_words("words")
    labelled(app.button, "Weigh the words").click().run()
    assert job_board().current(WordSetJob).wait(120)
    assert job_board().current(WordSetJob).error is None
    app.run()
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Ranking", "Against the lexicon", "Mistakes", "Truth"]
    assert "Rank correlation" in [metric.label for metric in app.metric]
    app.text_input(key="find").set_value("zzz").run()
    assert "No word in this list" in words(app)


def test_a_link_to_the_other_kind_leads_to_its_page(home, tiny_words_run, tiny_run):
    def opened(view, run):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
        app.query_params["run"] = run.name
        app.switch_page(f"dashboard/views/{view}.py").run()
        assert not app.exception, [problem.value for problem in app.exception]
        return app

    for view in ("errors", "overview", "layers", "keepdim", "photo", "chapter", "ablation"):
        assert opened(view, tiny_words_run).title[0].value == "Reviews"
    for view in ("reviews", "review", "words"):
        assert opened(view, tiny_run).title[0].value == "Errors"
    assert tiny_words_run.name in opened("learners", tiny_words_run).selectbox(key="chosen_run").value


def test_without_a_run_of_words_one_button_trains_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.jobs.fit import FitJob

    started = []

    class Job:
        running, error, stopped, arguments = True, None, False, ()
        event = ProgressEvent("train", "Epoch 1 of 3", 0.3)

    def start(job):
        started.append(job.arguments)
        if "reviews" in job.arguments:
            monkeypatch.setitem(job_board()._jobs, FitJob, Job())
        return Job()

    monkeypatch.setattr(job_board(), "start", start)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    app.switch_page("dashboard/views/reviews.py").run()
    assert not app.exception
    assert "about 3 minutes" in words(app)
    labelled(app.button, "Train a learner for words").click().run()
    assert started[-1] == ("--source", "reviews")
    assert app.progress[0].value == 30


def test_the_form_of_words(open_words):
    app = open_words("learners")
    app.radio(key="new_source").set_value("table").run()
    labelled(app.button, "Train").click().run()
    assert "Name the file" in app.error[0].value


def test_the_gallery_does_not_load_torch(tiny_words_run):
    import subprocess
    import sys

    code = (
        "import sys\n"
        "import dashboard.words.filters, dashboard.backend.words, dashboard.frame\n"
        "import dashboard.components.review_cards\n"
        "assert not {'torch', 'fastai', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
