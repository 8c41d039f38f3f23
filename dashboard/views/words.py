"""The words of the whole validation set: ranked, compared with a lexicon, and tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from analysis.progress import ProgressEvent
from analysis.runs import Run
from dashboard import state
from dashboard.backend.jobs.board import job_board
from dashboard.backend.set_jobs.words import WordSetJob
from dashboard.backend.words import Target
from dashboard.frame import chosen_run, clear_messages
from dashboard.plain import plain
from dashboard.words.set_tabs import lexicon_tab, mistakes_tab, no_lexicon, ranking_tab, truth_tab

if TYPE_CHECKING:
    from analysis.sweeps.words import WordSet

SENTIMENT = {"negative", "positive"}


@st.fragment(run_every=0.5)
def watch(job: WordSetJob) -> None:
    """Show the progress bar of a set."""
    if not job.running:
        st.rerun(scope="app")
    event = job.event or ProgressEvent("words", "Starting…", 0.0)
    st.progress(event.fraction, text=event.message)
    if event.seconds_left is not None:
        st.caption(f"About {max(1, round(event.seconds_left))} s left")
    st.button("Stop", icon=":material/stop:", on_click=job.stop)


@st.cache_resource(max_entries=16, show_spinner=False)
def _read_once(folder: str, modified_ns: int) -> WordSet | None:
    from analysis.sweeps.words import read_set

    return read_set(Path(folder))


def saved_words(run: Run, target: Target) -> WordSet | None:
    """Return the saved set, read once and shared by all sessions; None where there is none."""
    from analysis.sweeps.words import set_folder

    folder = set_folder(run, target)
    try:
        return _read_once(str(folder), folder.stat().st_mtime_ns)
    except OSError:
        return None


def offer_to_compute(run: Run, target: Target, label: str) -> None:
    """Offer to explain the words of the whole set, or show the progress of that."""
    job = job_board().current(WordSetJob)
    if job is not None and job.running and job.is_of(run, target):
        st.write(
            f"Every word of the validation reviews is explained: {plain(label)}. "
            "You can use the other pages meanwhile."
        )
        watch(job)
        return
    if job is not None and job.is_of(run, target) and job.error:
        st.error(job.error, title="The validation set could not be finished", icon=":material/error:")
    count = run.manifest.counts["valid"]
    st.write(
        f"Every word of the {count:,} validation reviews is explained once, in the background, and the result is "
        "saved; you can use the other pages meanwhile. It takes about "
        + ("a minute or two." if count > 1000 else "half a minute or less.")
    )
    if job is not None and job.running:
        st.info(f"The words of another learner are being explained: {job.run.name}.")
        return
    if st.button("Explain every word", type="primary", icon=":material/play_arrow:"):
        job_board().start(WordSetJob(run, target))
        st.rerun()


def asked_target(run: Run) -> tuple[Target, str]:
    """Return what the words speak for: the second of two classes rather than the first, else the class chosen."""
    names = run.manifest.class_names
    if len(names) == 2:
        return (1, 0), f"{names[1]} rather than {names[0]}"
    chosen = st.selectbox("Words speak for", names, key=state.SPEAKS_FOR, bind="query-params", width=260)
    return names.index(chosen), chosen


run = chosen_run("words")
st.title("Words")
with clear_messages(run):
    target, label = asked_target(run)
    from analysis.sweeps.words import MIN_REVIEWS

    found = saved_words(run, target)
    if found is None:
        offer_to_compute(run, target, label)
        st.stop()
    count = run.manifest.counts["valid"]
    st.markdown(f"Which words speak for **{plain(label)}**, over {count:,} validation reviews")
    least = st.number_input(
        "Minimum number of reviews",
        MIN_REVIEWS,
        max(MIN_REVIEWS, count),
        min(max(MIN_REVIEWS, count // 250), 20),
        key=state.LEAST,
        bind="query-params",
        width=240,
        help="Only words that occur in at least this many reviews are listed. Rare words have wide intervals; "
        "a word needs two reviews to have one at all.",
    )
    ranking = found.ranking[found.ranking["reviews"] >= least]
    lexicon = None
    if set(run.manifest.class_names) == SENTIMENT:
        from analysis.words import vader

        lexicon = vader()
    ranked, compared, mistakes, truth = st.tabs(["Ranking", "Against the lexicon", "Mistakes", "Truth"])
    with ranked:
        ranking_tab(run, ranking, lexicon, label)
    with compared:
        if lexicon is None:
            no_lexicon(run.manifest.class_names)
        else:
            lexicon_tab(run, ranking, lexicon)
    with mistakes:
        mistakes_tab(run, found.mistakes)
    with truth:
        truth_tab(run, found)
