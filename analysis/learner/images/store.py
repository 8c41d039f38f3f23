"""Load the learner of a run of pictures, without pickle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from fastai.data.core import TfmdDL
from fastai.data.transforms import Normalize, ToTensor
from fastai.learner import Learner
from fastai.vision.augment import Resize
from fastai.vision.core import PILMask
from PIL import Image
from torch import nn

from analysis.learner.images.dataloaders import Item, make_dataloaders, plain_image_errors
from analysis.learner.images.examples import image_recipe, missing
from analysis.learner.images.finetune import build_learner, loader_workers
from analysis.learner.training import best_device
from analysis.learner.weights_file import check_weights, load_weights
from analysis.progress import Report, silent
from analysis.runs import Run, RunError
from analysis.sweep import array_of, sweep, table_of

BATCH = 64
"""Images of one pass through the network."""
_VALID = 1  # fastai's split_idx of the validation set: crop in the middle, not at random


class ImageLearner:
    """A run's learner in evaluation mode, with the pipeline that its images go through.

    Attributes
    ----------
    run : the run it was loaded from
    recipe : the run's recipe
    learn : fastai's Learner; its DataLoaders hold the pipeline and one blank image, not the run's data
    device : where the model is
    """

    def __init__(self, run: Run, learn: Learner) -> None:
        """Take a learner whose weights are loaded; raises RunError for a run of words."""
        self.run, self.recipe, self.learn = run, image_recipe(run), learn
        self.device: torch.device = learn.dls.device

    @property
    def model(self) -> nn.Module:
        """Return the network itself."""
        return self.learn.model

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes as shown to a person, in the order of the logits."""
        return self.run.manifest.class_names

    @property
    def size(self) -> int:
        """Return the side of the square that the network was trained on, in pixels."""
        return self.recipe.size

    def dataloader(
        self, items: Sequence[Item], batch_size: int, size: int | None = None, workers: int = 0
    ) -> TfmdDL:
        """Return fastai's test DataLoader over items with their labels, in their order."""
        return self.learn.dls.test_dl(
            list(items),
            with_labels=True,
            bs=batch_size,
            after_item=[Resize(size or self.size), ToTensor()],
            num_workers=workers,
        )

    def item(self, file: str) -> Item:
        """Return the item of one of the run's own images; raises RunError for a name that is not its."""
        labels = self.run.examples().labels
        if file not in labels:
            raise RunError(f"{file!r} is not an image of the run {self.run.name}.")
        return Item(self.run.image_path(file), self.run.manifest.vocabulary[labels[file]])

    def batch(self, examples: Sequence[Image.Image], size: int | None = None) -> torch.Tensor:
        """Return images as the network gets them: (B, 3, size, size) float32, normalised, on the device.

        They go through fastai's own pipeline: a crop in the middle, resized to `size` (the run's, where
        none is given).
        """
        blank = self.run.manifest.vocabulary[0]
        loader = self.dataloader([Item(image, blank) for image in examples], len(examples), size)
        return loader.one_batch()[0].as_subclass(torch.Tensor)

    def read(self, batches: Sequence[Sequence[str]]) -> Iterator[torch.Tensor]:
        """Return images of the run as the network gets them, a tensor (B, 3, S, S) for each batch of names.

        With a GPU, other processes decode the next images meanwhile. All batches have the same size; only the last
        one may be smaller. Raises ImageError where an image is damaged.
        """
        items = [self.item(file) for batch in batches for file in batch]
        loader = self.dataloader(items, len(batches[0]), workers=loader_workers(self.device))
        with plain_image_errors():
            for x, _ in loader:
                yield x.as_subclass(torch.Tensor)

    def logits(self, files: Sequence[str], report: Report = silent) -> torch.Tensor:
        """Return the logits (N, C), float64 on the CPU, of images of the run, in the order given.

        Raises RunError where images are missing, ImageError where one is damaged.
        """
        gone = missing(self.run, files)
        if gone:
            raise RunError(
                f"{len(gone)} of {len(files)} images of {self.run.name} are missing under "
                f"{self.run.manifest.data_root}, the first one {gone[0]}. Put the folder back, or fit again "
                f"on the images as they are now."
            )

        @torch.no_grad()
        def predict(x: torch.Tensor) -> pa.Table:
            return table_of({"logits": self.model(x).double().cpu().numpy()})

        training = self.model.training
        self.model.eval()
        try:
            results = sweep(
                files,
                predict,
                batch_size=BATCH,
                read=self.read,
                report=report,
                message="Predicting images, {done} of {total}",
            )
        finally:
            self.model.train(training)
        return torch.from_numpy(array_of(results.table(), "logits"))

    def columns(self, files: Sequence[str]) -> dict[str, list[Any]]:
        """Return no further columns: a predictions table of images has none."""
        return {}

    def picture(self, x: torch.Tensor) -> np.ndarray:
        """Return a normalised batch (B, 3, S, S) as pictures (B, S, S, 3) uint8.

        This undoes fastai's normalisation and rounds; fastai's own decode truncates, which makes some
        pixels one level too dark.
        """
        normalize = self.learn.dls.after_batch.fs.filter(lambda step: isinstance(step, Normalize))[0]
        pixels = (x.detach() * normalize.std.to(x.device) + normalize.mean.to(x.device)).clamp(0, 1) * 255
        return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def view(self, example: Image.Image, size: int | None = None) -> np.ndarray:
        """Return a picture as the network sees it, (S, S, 3) uint8, at an input of `size` pixels."""
        return self.picture(self.batch([example], size))[0]

    def mask_view(self, mask: np.ndarray, size: int | None = None) -> np.ndarray:
        """Return a mask (H, W) bool of a photo as (S, S) bool, cropped and resized as the photo is."""
        drawn = PILMask.create(np.asarray(mask, dtype=np.uint8))
        return np.asarray(Resize(size or self.size)(drawn, split_idx=_VALID)) > 0


def load(run: Run, device: torch.device | str | None = None, verify: bool = True) -> ImageLearner:
    """Load a run's learner, on CUDA where there is one unless a device is named.

    Neither the run's images nor a pickle is read. Raises RunError where the weights are not those that
    the manifest names or do not fit.
    """
    manifest, recipe = run.manifest, image_recipe(run)
    if verify:
        check_weights(run)
    device = torch.device(device) if device is not None else best_device()
    size = recipe.size
    blank = [Item(Image.new("RGB", (size, size)), manifest.vocabulary[0])]
    dls = make_dataloaders(blank, blank, manifest.vocabulary, size, manifest.normalize, device, batch_size=1)
    learn = build_learner(recipe, dls, pretrained=False)
    load_weights(learn.model, run, device)
    return ImageLearner(run, learn)
