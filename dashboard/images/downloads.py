"""The downloads of the Layers page: the view as a PNG, the raw maps as an NPZ file."""

from __future__ import annotations

import io
from collections.abc import Sequence

import streamlit as st

from analysis.explain.report.layers import LayerReport, MethodMap
from analysis.explain.report.maps_file import save_report
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.png import multiples_png, view_png
from dashboard.images.layer_controls import TITLES


def raw_maps(report: LayerReport, image: str, method: str | None, fused: Sequence[MethodMap]) -> bytes:
    """Return an NPZ file of the signed maps of all chosen methods, and of the fused maps where they are shown."""
    file = io.BytesIO()
    save_report(file, report, image, method or "", fused)
    return file.getvalue()


def download_buttons(
    report: LayerReport, image: str, options: LayerViewOptions, method: str | None, fused: Sequence[MethodMap]
) -> None:
    """Show the buttons for the view as a PNG and for the raw maps as NPZ; `image` is the picture's name."""
    stem = image.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace(" ", "-")
    if method is None:
        st.download_button(
            f"PNG of {report.rows[options.layer].label.split(' · ')[0]}",
            data=lambda: view_png(report, options.layer, options),
            file_name=f"{stem}-layer-{options.layer + 1}.png",
            mime="image/png",
            icon=":material/image:",
            on_click="ignore",
            help="All panels at the layer chosen at “Open at layer”, with the colours and switches set above.",
        )
    else:
        st.download_button(
            f"PNG of {TITLES[method]}",
            data=lambda: multiples_png(report, method, fused, options),
            file_name=f"{stem}-{method}.png",
            mime="image/png",
            icon=":material/image:",
            on_click="ignore",
            help="The method at every layer and its fused maps, with the colours and switches set above.",
        )
    st.download_button(
        "Raw maps as NPZ",
        data=lambda: raw_maps(report, image, method, fused),
        file_name=f"{stem}-maps.npz",
        mime="application/octet-stream",
        icon=":material/data_array:",
        on_click="ignore",
        help="Signed float32 maps for numpy.load, at each layer's own resolution, named <layer>/<method>, "
        "the fused ones fused-<how>/<method>, as in the file of `python -m analysis explain`.",
    )
