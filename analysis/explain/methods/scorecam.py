"""Score-CAM and its variants: channels weighted by the score that remains when the channel is used as a mask."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.perturbation import IMAGE_BATCH, perturbed_scores, unit_range, weighted

SMOOTH_SAMPLES, SMOOTH_SIGMA = 35, 2.0  # of SS-CAM
INTEGRAL_STEPS = 10  # of IS-CAM

# (masks (N, h, w), samples (N,) int64) -> changed masks (N, h, w)
Change = Callable[[Tensor, Tensor], Tensor]


def scorecam(capture: Capture, layer: str) -> Tensor:
    """Return Score-CAM (B, h, w), Wang et al. 2020, algorithm 1, masking the layer instead of the image.

    It is sum_k a_k A^k with a = softmax over the channels k of y(A * s(A^k)): all channels of the activation are
    multiplied by channel k scaled to 0..1 (s), and the network is resumed after the layer. This needs C resumed
    runs per image. The paper enlarges the mask and multiplies the image by it (`scorecam_image`); at the layer the
    mask needs no enlarging, and nothing before the layer is run again.

    As in algorithm 1 the score is the logit (for a contrast, the difference of two) and the softmax is over the
    channels, so the weights are positive and add up to 1; the score of the baseline is the same for every channel
    and cancels. The authors' published code uses the softmax probability of the class as the weight instead. The
    mask of a constant channel is 0, as in torch-cam; the authors' code leaves such channels out.
    """
    return _masked(capture, layer, 1, lambda masks, samples: masks)


def sscam(capture: Capture, layer: str) -> Tensor:
    """Return SS-CAM (B, h, w), Wang et al. 2020 (the variant that smooths the feature map), masking the layer.

    It is Score-CAM, where the score of a channel is the mean over N = 35 masks s(A^k) + noise, noise ~ N(0, 2^2),
    with N and sigma as in torch-cam. This needs N * C resumed runs per image. One fixed set of N noise masks is
    used for all channels and images, so the channels are compared under the same noise: the expectation is
    unchanged, the random differences mostly cancel (torch-cam draws new noise for each channel), and a map is the
    same every time.
    """
    shape = capture.activations[layer].shape[2:]
    # Drawn on the CPU in float32: the same numbers on every device and in every dtype.
    standard_noise = torch.randn(SMOOTH_SAMPLES, *shape, generator=torch.Generator().manual_seed(0))
    noise = (SMOOTH_SIGMA * standard_noise).to(capture.activations[layer])
    return _masked(capture, layer, SMOOTH_SAMPLES, lambda masks, samples: masks + noise[samples])


def iscam(capture: Capture, layer: str) -> Tensor:
    """Return IS-CAM (B, h, w), Naidu et al. 2020, masking the layer.

    It is Score-CAM, where the score of a channel is the mean over the masks (i / N) s(A^k), i = 1 .. N = 10: the
    integral along the straight line from zero to the mask. This needs N * C resumed runs per image. torch-cam sums
    the steps, i (i + 1) / 2N, so after the fourth step its masks are larger than the full one, up to 5.5 times.
    """
    return _masked(
        capture,
        layer,
        INTEGRAL_STEPS,
        lambda masks, samples: masks * ((samples + 1) / INTEGRAL_STEPS).to(masks)[:, None, None],
    )


def scorecam_image(capture: Capture, layer: str) -> Tensor:
    """Return Score-CAM (B, h, w) as in the paper, Wang et al. 2020, algorithm 1: masks on the image.

    It is sum_k a_k A^k with a = softmax over the channels k of y(x * s(up(A^k))): the channel is enlarged
    bilinearly to the size of the image and then scaled to 0..1. The image is the normalised input, so masked parts
    become the mean colour. This needs C whole forward passes per image.
    """
    activation = capture.activations[layer]
    enlarge = nn.Upsample(size=capture.x.shape[2:], mode="bilinear", align_corners=False)

    def masked(images: Tensor, channels: Tensor) -> Tensor:
        masks = unit_range(enlarge(activation[images, channels][:, None]))
        return capture.forward(capture.x[images] * masks.to(capture.x.dtype))

    scores = perturbed_scores(capture, activation.shape[1], IMAGE_BATCH, masked)
    return weighted(capture, layer, scores.softmax(dim=1))


def _masked(capture: Capture, layer: str, samples: int, change: Change) -> Tensor:
    """Return maps (B, h, w) from the mean score of each channel's `samples` changed masks on the activation."""
    activation, network = capture.activations[layer], capture.resume(layer)
    channels = activation.shape[1]

    def masked(images: Tensor, changes: Tensor) -> Tensor:
        masks = change(unit_range(activation[images, changes // samples]), changes % samples)
        return network(activation[images] * masks[:, None], images)

    scores = perturbed_scores(capture, channels * samples, capture.batch_size(layer), masked)
    return weighted(capture, layer, scores.view(-1, channels, samples).mean(dim=2).softmax(dim=1))


SCORECAM = Method(
    "scorecam",
    "Score-CAM (at the layer)",
    "Wang et al. 2020",
    "https://arxiv.org/abs/1910.01279",
    scorecam,
    formula=r"\sum_k \alpha_k A^k,\qquad \alpha = \mathrm{softmax}_k\; y\big(A \odot s(A^k)\big)",
    about="Uses each channel as a mask, computes the score with that mask, and weights the channel by it. The "
    "paper masks the picture; here the layer's activation is masked and only the rest of the network runs "
    "again, which takes less time and answers a related question. The paper's own procedure is *Score-CAM (on "
    "the picture)*.",
    prefer="For a map without gradients whose weights are all positive. Where the scores differ much, the softmax "
    "gives nearly all the weight to a few channels. It runs the rest of the network once for each channel.",
    needs_resume=True,
)
SSCAM = Method(
    "sscam",
    "SS-CAM",
    "Wang et al. 2020",
    "https://arxiv.org/abs/2006.14255",
    sscam,
    formula=r"\alpha = \mathrm{softmax}_k\; \frac{1}{N}\sum_{i=1}^{N} y\big(A \odot (s(A^k) + \epsilon_i)\big),"
    r"\qquad \epsilon_i \sim \mathcal{N}(0, \sigma^2)",
    about="Score-CAM with each channel's score averaged over 35 masks with random noise, so that no single mask "
    "decides. The noise is the same for all channels and every time. It masks the layer, not the picture.",
    prefer="Where Score-CAM's map depends on one or two channels. It takes 35 times as long as Score-CAM, so "
    "use it at the last stages only.",
    needs_resume=True,
)
ISCAM = Method(
    "iscam",
    "IS-CAM",
    "Naidu et al. 2020",
    "https://arxiv.org/abs/2010.03023",
    iscam,
    formula=r"\alpha = \mathrm{softmax}_k\; \frac{1}{N}\sum_{i=1}^{N} y\big(A \odot \tfrac{i}{N}\,s(A^k)\big)",
    about="Score-CAM with each channel's score averaged while its mask grows from a tenth to full strength: an "
    "integral, as in integrated gradients. It masks the layer, not the picture.",
    prefer="Where the score hardly changes at the full mask, so that Score-CAM cannot tell the channels apart. "
    "It takes ten times as long as Score-CAM.",
    needs_resume=True,
)
SCORECAM_IMAGE = Method(
    "scorecam-image",
    "Score-CAM (on the picture)",
    "Wang et al. 2020",
    "https://arxiv.org/abs/1910.01279",
    scorecam_image,
    formula=r"\sum_k \alpha_k A^k,\qquad \alpha = \mathrm{softmax}_k\; y\big(x \odot s(\mathrm{up}(A^k))\big)",
    about="The paper's procedure: each channel is enlarged and used as a mask on the picture; the score of the "
    "masked picture, after a softmax over the channels, is the channel's weight.",
    prefer="To compare with published results. It needs a whole forward pass for each channel at every layer: "
    "hundreds of predictions for one map. *Score-CAM (at the layer)* takes less time.",
    needs_forward=True,
)
