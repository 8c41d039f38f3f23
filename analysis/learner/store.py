"""Keeping a fine-tuned learner in a run folder, and bringing it back without pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fastai.data.core import TfmdDL
from fastai.data.transforms import Normalize, ToTensor
from fastai.learner import Learner
from fastai.vision.augment import Resize
from fastai.vision.core import PILMask
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from analysis.learner.dataloaders import Item, make_dataloaders
from analysis.learner.finetune import best_device, build_learner
from analysis.runs import WEIGHTS, Run, RunError, check_digest, sha256

_VALID = 1  # fastai's split_idx of the validation set: crop in the middle, not at random


class LoadedLearner:
    """A run's learner in evaluation mode, with the pipeline that its images go through.

    Attributes
    ----------
    run : the run it was loaded from
    learn : fastai's Learner; its DataLoaders hold the pipeline and one blank image, not the run's data
    device : where the model is
    """

    def __init__(self, run: Run, learn: Learner) -> None:
        """Take a learner whose weights are loaded."""
        self.run, self.learn = run, learn
        self.device: torch.device = learn.dls.device

    @property
    def model(self) -> nn.Module:
        """Return the network itself."""
        return self.learn.model

    @property
    def size(self) -> int:
        """Return the side of the square that the network was trained on, in pixels."""
        return self.run.manifest.recipe.size

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
        manifest = self.run.manifest
        if file not in manifest.labels:
            raise RunError(f"{file!r} is not an image of the run {self.run.name}.")
        return Item(self.run.image_path(file), manifest.vocabulary[manifest.labels[file]])

    def batch(self, images: Sequence[Image.Image], size: int | None = None) -> torch.Tensor:
        """Return images as the network gets them: (B, 3, size, size) float32, normalised, on the device.

        They go through fastai's own pipeline: a crop in the middle, resized to `size` (the run's, where
        none is given).
        """
        blank = self.run.manifest.vocabulary[0]
        loader = self.dataloader([Item(image, blank) for image in images], len(images), size)
        return loader.one_batch()[0].as_subclass(torch.Tensor)

    def picture(self, x: torch.Tensor) -> np.ndarray:
        """Return a normalised batch (B, 3, S, S) as pictures (B, S, S, 3) uint8.

        This undoes fastai's normalisation and rounds; fastai's own decode truncates, which makes some
        pixels one level too dark.
        """
        normalize = self.learn.dls.after_batch.fs.filter(lambda step: isinstance(step, Normalize))[0]
        pixels = (x.detach() * normalize.std.to(x.device) + normalize.mean.to(x.device)).clamp(0, 1) * 255
        return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def view(self, mask: np.ndarray, size: int | None = None) -> np.ndarray:
        """Return a mask (H, W) bool of a photo as (S, S) bool, cropped and resized as the photo is."""
        drawn = PILMask.create(np.asarray(mask, dtype=np.uint8))
        return np.asarray(Resize(size or self.size)(drawn, split_idx=_VALID)) > 0


def save_weights(learn: Learner, folder: Path) -> str:
    """Write the model's tensors to `weights.safetensors` in `folder`; return the file's sha256."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in learn.model.state_dict().items()}
    path = folder / WEIGHTS
    save_file(state, path, metadata={"format": "pt"})
    return sha256(path)


def load(run: Run, device: torch.device | str | None = None, verify: bool = True) -> LoadedLearner:
    """Bring a run's learner back, on CUDA where there is one unless a device is named.

    Neither the run's images nor a pickle is read. Raises RunError where the weights are not those that
    the manifest names or do not fit.
    """
    manifest, path = run.manifest, run.path / WEIGHTS
    again = run.how_to_retrain()
    if verify:
        check_digest(run, WEIGHTS, again)
    device = torch.device(device) if device is not None else best_device()
    size = manifest.recipe.size
    blank = [Item(Image.new("RGB", (size, size)), manifest.vocabulary[0])]
    dls = make_dataloaders(blank, blank, manifest.vocabulary, size, manifest.normalize, device, batch_size=1)
    learn = build_learner(manifest.recipe, dls, pretrained=False)
    try:
        learn.model.load_state_dict(load_file(path, device=str(device)))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{path} does not fit the recipe: {error}. {again}") from error
    learn.model.eval()
    return LoadedLearner(run, learn)
