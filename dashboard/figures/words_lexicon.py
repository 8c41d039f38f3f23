"""The learner's words compared with a human lexicon: one dot for each word."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.figures.palette import INKS, Theme

MOST_WORDS = 600  # more dots than this hide one another
SIDES = ("Same side", "Other side")


def lexicon_chart(table: pd.DataFrame, lexicon: str, theme: Theme = "light") -> alt.LayerChart:
    """Return a scatter plot of valence against mean contribution for the words that occur most often.

    Parameters
    ----------
    table : columns word, mean (contribution in logits), valence (-4 to 4) and reviews (how many hold the word).
    lexicon : name of the lexicon.
    """
    ink = INKS[theme]
    words = table.nlargest(MOST_WORDS, "reviews").assign(
        side=lambda rows: np.where(np.sign(rows["mean"]) == np.sign(rows["valence"]), *SIDES)
    )
    zero = pd.DataFrame({"zero": [0]})
    dots = (
        alt.Chart(words[["word", "mean", "valence", "reviews", "side"]])
        .mark_point(filled=True, opacity=0.75)
        .encode(
            x=alt.X("valence:Q", title=f"{lexicon}: what people say (−4 to 4)"),
            y=alt.Y("mean:Q", title="Mean contribution, in logits"),
            size=alt.Size("reviews:Q", legend=None).scale(range=[25, 320]),
            color=alt.Color("side:N", title=None, legend=alt.Legend(orient="top")).scale(
                domain=list(SIDES), range=[ink.good, ink.bad]
            ),
            shape=alt.Shape("side:N", title=None).scale(domain=list(SIDES), range=["circle", "diamond"]),
            tooltip=[
                alt.Tooltip("word:N", title="Word"),
                alt.Tooltip("valence:Q", title=lexicon, format="+.1f"),
                alt.Tooltip("mean:Q", title="Mean contribution", format="+.4f"),
                alt.Tooltip("reviews:Q", title="Reviews", format=","),
            ],
        )
    )
    lines = alt.Chart(zero).mark_rule(color=ink.muted, strokeDash=[3, 3])
    return alt.LayerChart(
        layer=[lines.encode(x="zero:Q"), lines.encode(y="zero:Q"), dots], height=380, width="container"
    )
