"""The form that trains a learner for words."""

from __future__ import annotations

import streamlit as st

from analysis.recipes.base import RecipeError
from analysis.recipes.words import TEXT_ARCHITECTURES, TextRecipe

WORD_SOURCES = {
    "reviews": "Words: 25,000 IMDb reviews, in the installation, offline",
    "imdb_sample": "Words: 1,000 IMDb reviews, downloaded by fastai",
    "imdb": "Words: all of IMDb, downloaded by fastai (about 145 MB)",
    "table": "Words: a CSV or Parquet file of my own",
}
TASK_NAMES = {"imdb": "IMDb reviews", "rotten_tomatoes": "Rotten Tomatoes sentences"}
NETWORKS = {
    "wordcnn": "wordcnn: convolutions, average pool, Linear (CAM is exact; minutes)",
    "awd_lstm": "awd_lstm: fastai's, pretrained where its weights are available (no CAM; slow without a GPU)",
}


def words_recipe_form(source: str) -> TextRecipe | None:
    """Show the form of one source of texts; return a recipe once it is sent and its values are possible."""
    from analysis.data.texts import TEXT_TASKS

    with st.form("train_words", border=False):
        tasks = TEXT_TASKS[source]
        task = tasks[0]
        if len(tasks) > 1:
            task = st.selectbox("Texts", tasks, format_func=lambda name: TASK_NAMES.get(name, name))
        path = text_column = label_column = None
        if source == "table":
            path = st.text_input(
                "File on this machine",
                placeholder="/home/me/reviews.csv",
                help="CSV or Parquet, one row for each text, with a column of texts and one of labels.",
            ).strip()
            first, second = st.columns(2)
            text_column = first.text_input("Column of texts", placeholder="found by its name").strip() or None
            label_column = second.text_input("Column of labels", placeholder="found by its name").strip() or None
        arch = st.selectbox(
            "Network", TEXT_ARCHITECTURES, format_func=lambda name: NETWORKS.get(name, name), key=f"arch_{source}"
        )
        epochs, words, seed = st.columns(3)
        chosen_epochs = epochs.number_input("Epochs", 1, 50, 3)
        longest = words.number_input("Words read from each text", 10, 5000, 600, 50, help="From its beginning.")
        chosen_seed = seed.number_input("Seed", 0, 2**31 - 1, 21, key="words_seed", help="Of split and training.")
        if not st.form_submit_button("Train", type="primary", icon=":material/model_training:"):
            return None
    if source == "table" and not path:
        st.error("Name the file with the texts.")
        return None
    try:
        return TextRecipe.for_source(
            source,
            task=task,
            path=path,
            arch=arch,
            epochs=int(chosen_epochs),
            seed=int(chosen_seed),
            max_tokens=int(longest),
            text_column=text_column,
            label_column=label_column,
        )
    except RecipeError as problem:
        st.error(str(problem))
        return None
