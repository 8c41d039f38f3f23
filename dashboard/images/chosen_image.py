"""The picture that a page is about: one of the validation set, or a photo that the user uploaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from analysis.runs import Run
from dashboard.backend.images import service
from dashboard.backend.pictures import UPLOAD
from dashboard.chosen import Chooser, ChosenExample
from dashboard.example_kinds import PICTURES


@dataclass(frozen=True)
class ChosenImage(ChosenExample):
    """A picture of the run, or a photo that the user uploaded."""


class ImageChooser(Chooser[ChosenImage]):
    """The choice of a picture."""

    kind = PICTURES
    example = ChosenImage

    def is_own(self, example: str) -> bool:
        """Return whether an id is of an uploaded photo."""
        return example.startswith(UPLOAD)

    def describe_own(self, run: Run, example: str) -> tuple[str, np.ndarray]:
        """Return the file name of an uploaded photo, and its class probabilities, (C,)."""
        with st.spinner("Loading the learner and looking at the photo…"):
            return service().pictures.upload_name(example), service().probabilities(run, example)


image_chooser = ImageChooser()
