"""What every page shares: which run is chosen, the first start, messages instead of tracebacks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import streamlit as st

from analysis.data.images import ImageError
from analysis.errors import CamLensError
from analysis.kinds import Kind, kind_named, kind_of, kinds
from analysis.progress import ProgressEvent
from analysis.runs import Run, list_broken, list_runs, restore_runs
from dashboard import state
from dashboard.backend.gone import ImageGone, ReviewGone
from dashboard.backend.jobs.board import job_board
from dashboard.backend.jobs.fit import FitJob
from dashboard.backend.warm import warm
from dashboard.example_kinds import EXAMPLE_KINDS, PICTURES, REVIEWS
from dashboard.figures.palette import Theme
from dashboard.filters import clear_filters
from dashboard.pages import page_file
from dashboard.plain import plain

UNKNOWN_NAMED = 5  # how many of a link's unknown values a warning names


def theme() -> Theme:
    """Return the theme in which the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


@contextmanager
def clear_messages(run: Run | None = None) -> Iterator[None]:
    """Show an error that a user can cause as a message on the page, and stop the page there."""
    try:
        yield
    except (ImageGone, ImageError, ReviewGone) as problem:
        kind = REVIEWS if isinstance(problem, ReviewGone) else PICTURES
        st.error(str(problem), title=f"This {kind.noun} can't be shown", icon=kind.gone_icon)
        st.page_link(page_file(kind.gallery), label=f"Back to {kind.gallery_name}", icon=":material/arrow_back:")
        st.stop()
    except CamLensError as problem:
        st.error(str(problem), title="This can't be shown", icon=":material/error:")
        if run is not None and st.button("Fine-tune this recipe again", icon=":material/refresh:"):
            job_board().start(FitJob.again(run))
            st.rerun()
        st.stop()


def chosen_run(kind: str | None = "images") -> Run:
    """Return the run that the sidebar names, of one kind of learner, or of any for None.

    A link or a choice that names a run of another kind leads to that kind's first page. Where there is no run, the
    page shows the first fine-tune of the default kind, or offers to train a learner of another one, and stops.
    """
    for sentence in restore_runs():
        st.toast(sentence, icon=":material/restore:")
    runs = list_runs()
    by_name = {run.name: run for run in runs}
    asked = st.query_params.get(state.RUN)
    if asked in by_name and kind not in (None, by_name[asked].manifest.kind):
        first = kind_of(by_name[asked].manifest.recipe).first_page
        st.switch_page(page_file(first), query_params={state.RUN: asked})
    fitting = [run.name for run in runs if kind in (None, run.manifest.kind)]
    if not fitting:
        default = kinds()[0]
        _first_start(default) if kind in (None, default.name) else _offer(kind_named(kind))
        st.stop()
    # The link decides, then this session's last choice (a widget forgets its own from page to page).
    last = st.session_state.get(f"{state.LAST_RUN}_{kind}")
    known = [name for name in (asked, last, fitting[0]) if name in fitting]
    st.session_state[state.CHOSEN_RUN] = known[0]
    for one in (by_name[known[0]].manifest.kind, None):
        st.session_state[f"{state.LAST_RUN}_{one}"] = known[0]
    with st.sidebar:
        name = st.selectbox(
            "Learner",
            list(by_name),
            format_func=lambda name: _short(by_name[name]),
            key=state.CHOSEN_RUN,
            on_change=_another_run,
            help="Every learner in the cache, of every kind. One made by `python -m analysis fit` "
            "appears here too.",
        )
        if _short(by_name[name]) != name:
            st.caption(name)
        if asked and asked not in by_name:
            st.warning(
                f"The link names the learner “{plain(asked[:80])}”, which is not in the cache. "
                "The page shows another one."
            )
        job = job_board().current(FitJob)
        if job is not None:
            job_progress(job)
    # Every link names its learner, so that it means the same when there is a newer one.
    if st.query_params.get(state.RUN) != name:
        st.query_params[state.RUN] = name
    run = by_name[name]
    warm(run)
    return run


@contextmanager
def heed_link(key: str, known: Collection[str], what: str) -> Iterator[None]:
    """Warn of values in the link that do not exist, above the control that the block draws.

    The control takes the known values of the link, or its default where there are none. Streamlit removes the
    unknown ones from the link at once, so they are remembered: the warning stays until the control is changed
    or the page is left.
    """
    remembered = st.session_state.setdefault(state.UNKNOWN, {})
    unknown = [value for value in st.query_params.get_all(key) if value not in known]
    if not unknown and key in remembered:
        values, chosen = remembered[key]
        unknown = values if st.session_state.get(key) == chosen else []
    if unknown:
        names = ", ".join(f"“{plain(value[:80])}”" for value in unknown[:UNKNOWN_NAMED])
        more = f" and {len(unknown) - UNKNOWN_NAMED} more" if len(unknown) > UNKNOWN_NAMED else ""
        st.warning(f"The link asks for {names}{more}. There is no such {what}; the rest of the link counts.")
    yield
    if unknown:
        remembered[key] = unknown, st.session_state.get(key)
    else:
        remembered.pop(key, None)


def _short(run: Run) -> str:
    """Return a name that fits the sidebar: the run's own where a person chose it, else its recipe in short."""
    recipe = run.manifest.recipe
    name = recipe.run_name()
    number = run.name.removeprefix(name)  # of a later run of the recipe, on changed data
    if not run.name.startswith(name) or not re.fullmatch(r"(-\d+)?", number):
        return run.name
    which = name[-4:] + number
    return f"{recipe.short_name()} · {which}"


def _another_run() -> None:
    """Forget the old learner's example and filters: the new one may know neither."""
    st.query_params[state.RUN] = st.session_state[state.CHOSEN_RUN]
    for kind in EXAMPLE_KINDS.values():
        st.query_params.pop(kind.link, None)
        st.session_state.pop(kind.current, None)
        st.session_state.pop(kind.view, None)
    clear_filters()


def _first_start(kind: Kind) -> None:
    st.title("CAM Lens")
    st.write(kind.introduction)
    job = job_board().current(FitJob)
    broken = list_broken()
    for path, reason in broken:
        st.warning(f"{path.name}: {reason}", title="A learner in the cache can't be used")
    if broken and job is None:
        if st.button("Fine-tune the demo again", type="primary", icon=":material/refresh:"):
            job_board().start(FitJob(("--source", kind.default_source, "--force")))
            st.rerun()
        return
    if job is not None and not job.running and job.error:
        st.error(job.error, title="The fine-tune did not finish", icon=":material/error:")
        if st.button("Try again", type="primary"):
            job_board().clear(FitJob)
            st.rerun()
        return
    job_progress(job_board().start(FitJob(("--source", kind.default_source))))


def _offer(kind: Kind) -> None:
    st.title(kind.label)
    st.write(kind.introduction)
    job = job_board().current(FitJob)
    if job is not None:
        job_progress(job)
        if job.running:
            return
    train = f"Train a learner for {kind.label.lower()}"
    if kind.steps is not None and st.button(train, type="primary", icon=":material/model_training:"):
        job_board().start(FitJob(("--source", kind.default_source)))
        st.rerun()


@st.fragment(run_every=0.5)
def _watch(job: FitJob) -> None:
    if not job.running:
        st.rerun(scope="app")
    event = job.event or ProgressEvent("data", "Starting…", 0.0)
    st.progress(event.fraction, text=event.message)
    if event.seconds_left is not None:
        st.caption(f"About {_duration(event.seconds_left)} left")


def job_progress(job: FitJob) -> None:
    """Show the progress bar of a fine-tune or, once it has ended, its result."""
    if job.running:
        _watch(job)
    elif job.error:
        if job.stopped:
            st.info("The fine-tune was stopped.")
        else:
            st.error(job.error, title="The fine-tune did not finish", icon=":material/error:")
        st.button("Dismiss", key="dismiss_job", on_click=job_board().clear, args=(FitJob,))
    else:
        job_board().clear(FitJob)
        st.toast("The learner is ready.", icon=":material/check_circle:")


def _duration(seconds: float) -> str:
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"
