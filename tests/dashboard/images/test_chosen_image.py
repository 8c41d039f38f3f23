"""The choice of a picture: which ids are uploads, and how an upload is described."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from dashboard.backend.images import service
from dashboard.images.chosen_image import ChosenImage, image_chooser


def test_only_an_uploaded_photo_is_the_user_s_own(tiny_run):
    assert image_chooser.is_own("upload:0f")
    assert not image_chooser.is_own(tiny_run.predictions().path.iloc[0])


def test_an_upload_has_its_file_name_and_what_the_learner_says(home, tiny_run):
    file = io.BytesIO()
    Image.fromarray(np.full((70, 90, 3), 90, np.uint8)).save(file, "PNG")
    image = service().pictures.keep_upload(file.getvalue(), "mine.png")
    name, probabilities = image_chooser.describe_own(tiny_run, image)
    assert name == "mine.png"
    np.testing.assert_array_equal(probabilities, service().probabilities(tiny_run, image))
    assert image_chooser.example is ChosenImage
