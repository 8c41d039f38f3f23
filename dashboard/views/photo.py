"""A photo that the user uploads, predicted and explained like any other picture."""

from __future__ import annotations

import streamlit as st

from analysis.data.images import ImageError
from dashboard import state
from dashboard.backend.images import service
from dashboard.figures.probabilities import probabilities_chart
from dashboard.frame import chosen_run, clear_messages, theme
from dashboard.pages import page_file

run = chosen_run()
with clear_messages(run):
    st.title("Your photo")
    st.write("Upload a picture: the learner predicts it, and the Layers page explains it like any other picture.")
    file = st.file_uploader(
        "Photo",
        type=["jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff"],
        max_upload_size=50,
        help="JPEG, PNG, GIF (first frame), WebP, BMP or TIFF; at most 50 MB and 50 million pixels. It stays "
        "in the memory of this server until 32 others have been uploaded or the server stops.",
    )
    if file is None:
        st.stop()
    try:
        image = service().pictures.keep_upload(file.getvalue(), file.name)
    except ImageError as problem:
        st.error(
            f"{file.name}: {problem} Try a JPEG or PNG photo instead.",
            title="This file can't be shown",
            icon=":material/broken_image:",
        )
        st.stop()
    with st.spinner("Loading the learner and looking at the photo…", show_time=True):
        probabilities = service().probabilities(run, image)
    picture, answer = st.columns([1, 2], gap="large")
    picture.image(service().pictures.read(run, image), width="stretch", alt="Your photo")
    names = run.manifest.class_names
    best = int(probabilities.argmax())
    with answer:
        st.metric(
            "Predicted", names[best], f"{probabilities[best]:.1%} sure", delta_arrow="off", delta_color="off"
        )
        st.altair_chart(
            probabilities_chart(names, probabilities, None, names[best], theme=theme()), alt="Class probabilities"
        )
        if st.button("See why, layer by layer", type="primary", icon=":material/layers:"):
            st.switch_page(page_file("layers"), query_params={state.RUN: run.name, state.IMAGE: image})
