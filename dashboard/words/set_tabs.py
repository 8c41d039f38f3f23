"""The four parts of the Words page, each for a set that has been computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.runs import Run
from dashboard import state
from dashboard.figures.words_bars import word_bars
from dashboard.figures.words_curves import curves_chart
from dashboard.figures.words_lexicon import lexicon_chart
from dashboard.frame import theme
from dashboard.plain import plain

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

    from analysis.sweeps.words import WordSet
    from analysis.words import Lexicon

EACH_SIDE = 15
COLUMNS: dict[str, str | ColumnConfig | None] = {
    "word": "Word",
    "mean": st.column_config.NumberColumn("Mean contribution", format="%+.4f"),
    "low": st.column_config.NumberColumn("95 % from", format="%+.4f"),
    "high": st.column_config.NumberColumn("to", format="%+.4f"),
    "evidence": st.column_config.NumberColumn(
        "Evidence", format="%+.2f", help="Mean of contribution × the review's length: what the word says anywhere."
    ),
    "occurrences": st.column_config.NumberColumn("Occurrences", format="localized"),
    "reviews": st.column_config.NumberColumn("Reviews", format="localized"),
    "valence": st.column_config.NumberColumn("Lexicon", format="%+.1f"),
    "push": st.column_config.NumberColumn("Push in all", format="%+.3f"),
    "mistakes": st.column_config.NumberColumn("Mistakes with it", format="localized"),
    "decisive": st.column_config.NumberColumn(
        "Decisive in",
        format="localized",
        help="Mistakes whose margin is no larger than what the word added there.",
    ),
}


def ranking_tab(run: Run, ranking: pd.DataFrame, lexicon: Lexicon | None, label: str) -> None:
    """Show the words by mean contribution: chart of both ends, table, search, export."""
    from analysis.words.ranking import INTERVAL

    find = st.text_input(
        "Find a word", key=state.FIND, bind="query-params", width=240, max_chars=100, placeholder="terrible"
    ).strip()
    shown = ranking
    if find:
        shown = ranking[ranking["word"].str.contains(find.lower(), regex=False)]
    if shown.empty:
        st.info(
            "No word in this list contains these letters. Lower the minimum number of reviews, or look for less."
        )
        return
    grid = st.grid(2, min_column_width=420, gap="large")
    chart, numbers = grid.cell(), grid.cell()
    with chart:
        ends = shown.sort_values("mean", ascending=False).rename(columns={"mean": "contribution"})
        top, low = ends[ends["contribution"] > 0].head(EACH_SIDE), ends[ends["contribution"] < 0].tail(EACH_SIDE)
        st.altair_chart(
            word_bars(pd.concat([top, low]), "word", f"Mean contribution to {label}", theme()),
            alt="The words with the strongest mean contributions, with intervals",
        )
    with numbers:
        columns = ["word", "mean", "low", "high", "occurrences", "reviews", "evidence"]
        table = shown[columns]
        if lexicon is not None:
            table = table.assign(valence=table["word"].map(lexicon.valence))
        st.dataframe(
            table,
            hide_index=True,
            column_config=COLUMNS,
            height=560,
            alt="Words by mean contribution, with counts",
        )
        csv_button("Words as CSV", table, f"{run.name}-words.csv")
    st.caption(INTERVAL)


def lexicon_tab(run: Run, ranking: pd.DataFrame, lexicon: Lexicon) -> None:
    """Show how far the learner and the lexicon agree, and the words where they do not."""
    from analysis.words import disagreements, lexicon_agreement
    from analysis.words.lexicon import with_valence

    found = lexicon_agreement(ranking, lexicon)
    if not found.words:
        st.info(f"None of these words is in the {lexicon.name} lexicon. Lower the minimum number of reviews.")
        return
    cells = st.grid(3, min_column_width=190)
    cells.metric(
        "Rank correlation",
        f"{found.rank_correlation:.2f}",
        f"95 %: {found.rank_low:.2f} to {found.rank_high:.2f}",
        delta_color="off",
        delta_arrow="off",
        help="Spearman's, of mean contribution and the lexicon's rating.",
    )
    cells.metric(
        "Same sign",
        f"{found.sign_accuracy:.0%}",
        f"95 %: {found.sign_low:.0%} to {found.sign_high:.0%}",
        delta_color="off",
        delta_arrow="off",
        help=f"{found.chance:.0%} by always saying the lexicon's commoner sign; each word counted as often as it "
        f"occurs: {found.sign_accuracy_by_occurrence:.0%}.",
    )
    cells.metric("Words in both", f"{found.words:,}", f"of {found.ranked:,}", delta_color="off", delta_arrow="off")
    st.altair_chart(
        lexicon_chart(with_valence(ranking, lexicon), lexicon.name, theme()),
        alt="Learner against lexicon, a dot for each word",
    )
    other = disagreements(ranking, lexicon)
    st.markdown(f"**Where they disagree**: {len(other):,} words whose interval does not contain 0")
    if len(other):
        table = other[["word", "mean", "low", "high", "valence", "occurrences", "reviews"]]
        st.dataframe(table, hide_index=True, column_config=COLUMNS, alt="Words where learner and lexicon disagree")
        csv_button("Disagreements as CSV", table, f"{run.name}-lexicon.csv")
    st.caption(
        f"{lexicon.name} rates words by themselves, for posts on social media: “war” and “killer” are bad there "
        "and common in praise of films. A disagreement is a question, not yet an error of the learner."
    )


def mistakes_tab(run: Run, mistakes: pd.DataFrame) -> None:
    """Show the words that pushed wrongly predicted reviews to the wrong class."""
    if mistakes.empty:
        st.success("There is no mistake that words of several reviews could have caused.")
        return
    top = mistakes[mistakes["push"] > 0].head(2 * EACH_SIDE)
    grid = st.grid(2, min_column_width=420, gap="large")
    first, second = grid.cell(), grid.cell()
    with first:
        st.altair_chart(
            word_bars(
                top[["word", "push", "mistakes", "decisive"]].rename(columns={"push": "contribution"}),
                "word",
                "Push to the wrong class over all mistakes, in logits",
                theme(),
            ),
            alt="Words that push most to the wrong class",
        )
    with second:
        st.dataframe(
            mistakes,
            hide_index=True,
            column_config=COLUMNS,
            column_order=["word", "push", "mistakes", "decisive", "mean", "low", "high", "occurrences"],
            height=560,
            alt="Words that cause mistakes",
        )
        csv_button("Words of the mistakes as CSV", mistakes, f"{run.name}-mistakes-words.csv")
    st.caption(
        "Push: what a word added to the predicted class rather than the true one, over all wrongly predicted "
        "reviews; common words lead. The mean says what a word does in one of them."
    )


def truth_tab(run: Run, found: WordSet) -> None:
    """Show deletion and insertion in the order of the contributions, against a random order."""
    from analysis.words.curves import curve_summary

    if found.areas.empty:
        st.info("No review here is long enough to remove words from it.")
        return
    summary = curve_summary(found.areas).set_index("area")
    st.markdown(
        f"From {len(found.areas):,} validation reviews the words are removed one group after the other, those "
        "that speak most for the prediction first, and the learner predicts again; then they are put back in that "
        "order into the empty review. Meaningful contributions make the prediction **fall sooner and "
        "rise sooner** than a random order does."
    )
    cells = st.grid(2, min_column_width=340, gap="large")
    for kind, better in (("deletion", "smaller is better"), ("insertion", "larger is better")):
        with cells.cell():
            mean, random = summary.loc[kind, "mean"], summary.loc[f"random_{kind}", "mean"]
            gain = summary.loc[f"{kind}_gain"]
            st.metric(
                f"{kind.capitalize()} area ({better})",
                f"{mean:.3f}",
                f"random order: {random:.3f}",
                delta_color="off",
                delta_arrow="off",
            )
            st.altair_chart(curves_chart(found.curves, kind, theme()), alt=f"{kind.capitalize()} curves")
            st.caption(
                "Mean probability of each review's predicted class. Better than random by "
                f"{gain['mean']:.3f} (95 %: {gain['low']:.3f} to {gain['high']:.3f}), in "
                f"{gain['share_better']:.0%} of the reviews."
            )
    csv_button("Areas of every review as CSV", found.areas, f"{run.name}-areas.csv")


def csv_button(label: str, table: pd.DataFrame, name: str) -> None:
    """Show a button that downloads a table as CSV."""
    st.download_button(
        label,
        data=lambda: table.to_csv(index=False),
        file_name=name,
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def no_lexicon(class_names: tuple[str, ...]) -> None:
    """Show why there is nothing to compare."""
    classes = ", ".join(plain(name) for name in class_names)
    st.info(
        "The lexicon rates words from negative to positive. This learner's classes are "
        f"{classes}, so there is nothing to compare."
    )
