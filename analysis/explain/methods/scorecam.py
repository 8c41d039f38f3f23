"""Score-CAM and its kin: channels weighted by the score that is left when only they let anything through."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.sweep import PICTURES, sweep, unit_range, weighted

SMOOTH_SAMPLES, SMOOTH_SIGMA = 35, 2.0  # of SS-CAM
INTEGRAL_STEPS = 10  # of IS-CAM

# (masks (N, h, w), samples (N,) int64) -> changed masks (N, h, w)
Change = Callable[[Tensor, Tensor], Tensor]


def scorecam(taken: Capture, layer: str) -> Tensor:
    """Score-CAM (B, h, w), Wang et al. 2020, algorithm 1, masking the layer instead of the picture.

    sum_k a_k A^k with a = softmax over the channels k of y(A * s(A^k)): all channels of the activation are
    multiplied with the k-th one scaled to 0..1 (s), and the network is resumed behind the layer. C resumed
    passes an image. The paper enlarges the mask and multiplies the picture with it (`scorecam_image`); at
    the layer the mask needs no enlarging and nothing before the layer is run again.

    As in algorithm 1 the score is the logit (for a contrast, the difference of two) and the softmax is over
    the channels, so that the weights are positive and add up to 1; the score of the baseline, the same for
    each channel, cancels in it. The authors' published code instead takes the class's softmax probability
    as the weight. A constant channel's mask is 0, as in torch-cam; the authors' code leaves it out.
    """
    return _masked(taken, layer, 1, lambda masks, samples: masks)


def sscam(taken: Capture, layer: str) -> Tensor:
    """SS-CAM (B, h, w), Wang et al. 2020 (the variant that smooths the feature map), masking the layer.

    Score-CAM whose score of a channel is the mean over N = 35 masks s(A^k) + noise, noise ~ N(0, 2^2), N and
    sigma as in torch-cam. N C resumed passes an image. The noise is one fixed set of N masks for all channels
    and images: the channels are compared under the same noise, which leaves the expectation as it is and
    takes most of the chance out of it (torch-cam draws anew for each), and a map is the same every time.
    """
    shape = taken.activations[layer].shape[2:]
    # drawn on the CPU, in float32: the same numbers on every device and in every dtype
    drawn = torch.randn(SMOOTH_SAMPLES, *shape, generator=torch.Generator().manual_seed(0))
    noise = (SMOOTH_SIGMA * drawn).to(taken.activations[layer])
    return _masked(taken, layer, SMOOTH_SAMPLES, lambda masks, samples: masks + noise[samples])


def iscam(taken: Capture, layer: str) -> Tensor:
    """IS-CAM (B, h, w), Naidu et al. 2020, masking the layer.

    Score-CAM whose score of a channel is the mean over the masks (i / N) s(A^k), i = 1 .. N = 10: the
    integral along the straight way from nothing to the mask. N C resumed passes an image. torch-cam adds
    the steps up instead, i (i + 1) / 2N, which leaves the way at its fourth step and ends at 5.5 masks.
    """
    return _masked(
        taken,
        layer,
        INTEGRAL_STEPS,
        lambda masks, samples: masks * ((samples + 1) / INTEGRAL_STEPS).to(masks)[:, None, None],
    )


def scorecam_image(taken: Capture, layer: str) -> Tensor:
    """Score-CAM (B, h, w) as the paper runs it, Wang et al. 2020, algorithm 1: masks on the picture.

    sum_k a_k A^k with a = softmax over the channels k of y(x * s(up(A^k))): the channel enlarged bilinearly
    to the picture and scaled to 0..1 there. The picture is the normalised input, so what is masked turns to
    the mean colour. C whole forward passes an image.
    """
    activation = taken.activations[layer]
    enlarge = nn.Upsample(size=taken.x.shape[2:], mode="bilinear", align_corners=False)

    def masked(images: Tensor, channels: Tensor) -> Tensor:
        masks = unit_range(enlarge(activation[images, channels][:, None]))
        return taken.forward(taken.x[images] * masks.to(taken.x.dtype))

    scores = sweep(taken, activation.shape[1], PICTURES, masked)
    return weighted(taken, layer, scores.softmax(dim=1))


def _masked(taken: Capture, layer: str, samples: int, change: Change) -> Tensor:
    """Maps (B, h, w) from the mean score of each channel's `samples` changed masks on the activation."""
    activation, tail = taken.activations[layer], taken.tail(layer)
    channels = activation.shape[1]

    def masked(images: Tensor, trials: Tensor) -> Tensor:
        masks = change(unit_range(activation[images, trials // samples]), trials % samples)
        return tail(activation[images] * masks[:, None], images)

    scores = sweep(taken, channels * samples, taken.rows(layer), masked)
    return weighted(taken, layer, scores.view(-1, channels, samples).mean(dim=2).softmax(dim=1))


SCORECAM = Method(
    "scorecam",
    "Score-CAM (at the layer)",
    "Wang et al. 2020",
    "https://arxiv.org/abs/1910.01279",
    scorecam,
    formula=r"\sum_k \alpha_k A^k,\qquad \alpha = \mathrm{softmax}_k\; y\big(A \odot s(A^k)\big)",
    about="Lets through only what one channel marks, reads the score, and weights the channel by it. The paper "
    "masks the picture; here the layer's activation is masked and the network resumed from there: a related "
    "question, answered without running the picture again. The paper's own procedure is "
    "*Score-CAM (on the picture)*.",
    prefer="For a map without gradients whose weights are all positive. Because of the softmax a few channels "
    "take nearly all the weight where scores lie far apart. One run of the rest of the network a channel.",
    needs_tail=True,
)
SSCAM = Method(
    "sscam",
    "SS-CAM",
    "Wang et al. 2020",
    "https://arxiv.org/abs/2006.14255",
    sscam,
    formula=r"\alpha = \mathrm{softmax}_k\; \frac{1}{N}\sum_{i=1}^{N} y\big(A \odot (s(A^k) + \epsilon_i)\big),"
    r"\qquad \epsilon_i \sim \mathcal{N}(0, \sigma^2)",
    about="Score-CAM, each channel's score averaged over 35 masks with noise, so that no single accident of a "
    "mask decides. The noise is the same for all channels and every time. Masks the layer, not the picture.",
    prefer="Where Score-CAM's map hangs on one or two channels. 35 times Score-CAM's cost: last stages only.",
    needs_tail=True,
)
ISCAM = Method(
    "iscam",
    "IS-CAM",
    "Naidu et al. 2020",
    "https://arxiv.org/abs/2010.03023",
    iscam,
    formula=r"\alpha = \mathrm{softmax}_k\; \frac{1}{N}\sum_{i=1}^{N} y\big(A \odot \tfrac{i}{N}\,s(A^k)\big)",
    about="Score-CAM, each channel's score averaged while its mask grows from a tenth to full strength: an "
    "integral, as in integrated gradients. Masks the layer, not the picture.",
    prefer="Where the score saturates at the full mask and Score-CAM cannot tell the channels apart. Ten times "
    "Score-CAM's cost.",
    needs_tail=True,
)
SCORECAM_IMAGE = Method(
    "scorecam-image",
    "Score-CAM (on the picture)",
    "Wang et al. 2020",
    "https://arxiv.org/abs/1910.01279",
    scorecam_image,
    formula=r"\sum_k \alpha_k A^k,\qquad \alpha = \mathrm{softmax}_k\; y\big(x \odot s(\mathrm{up}(A^k))\big)",
    about="The paper's procedure: each channel, enlarged to the picture, masks it; the score of the masked "
    "picture, through a softmax over the channels, is the channel's weight.",
    prefer="To compare with published results. One whole forward pass a channel at every layer: hundreds of "
    "predictions for one map. *Score-CAM (at the layer)* costs less.",
    needs_passes=True,
)
