"""The chapter's questions on a network small enough to be checked by hand."""

from __future__ import annotations

import copy
import inspect
import textwrap

import numpy as np
import pytest
import torch
from explain.networks import classifier, hooks_of, pictures
from torch import nn

from analysis.chapter import backward, context, hooks, inner, modes, scores
from analysis.chapter import pictures as questions_of_pictures
from analysis.chapter.running import attempt, code_of, run
from analysis.chapter.subject import Subject, state_of
from analysis.explain.probe import Probe
from analysis.hooks import ForwardHook


@pytest.fixture
def subject() -> Subject:
    torch.manual_seed(0)
    return Subject(classifier(dtype=torch.float32), pictures(1, dtype=torch.float32))


@pytest.fixture(autouse=True)
def the_network_is_left_as_it_was(subject: Subject):
    """Every test here ends with the learner's network as it began."""
    before = state_of(subject.learned)
    yield
    assert state_of(subject.learned) == before


def test_what_state_of_sees():
    net = classifier()
    states = [state_of(net)]

    def changed(change) -> None:
        twin = copy.deepcopy(net)
        change(twin)
        states.append(state_of(twin))

    changed(lambda twin: twin.train())
    changed(lambda twin: twin[0][1].running_mean.add_(1e-6))
    changed(lambda twin: twin[1][4].weight.data.add_(1e-6))
    changed(lambda twin: twin[0][0].weight.requires_grad_(False))
    changed(lambda twin: twin[0].register_forward_hook(lambda *call: None))
    changed(lambda twin: twin(pictures()).sum().backward())
    assert len(set(states)) == len(states)
    assert state_of(copy.deepcopy(net)) == states[0]


def test_shown_code_is_the_function_that_ran():
    def twice(value: int) -> int:
        """Double."""
        return 2 * value

    ran = run(twice, 4)
    assert ran.result == 8
    assert ran.code == textwrap.dedent(inspect.getsource(twice)).rstrip()
    namespace: dict = {}
    exec(ran.code, namespace)
    assert namespace["twice"](5) == 10


def test_a_failure_is_kept_in_its_own_words():
    failed = attempt(lambda: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2) @ torch.zeros(3)
    assert failed.error == f"RuntimeError: {raised.value}"
    assert failed.value is None
    with pytest.raises(RuntimeError, match="RuntimeError: "):
        failed.result  # noqa: B018
    with pytest.raises(KeyError):
        attempt(lambda: {}["a mistake of ours"])


def test_shapes_layer_by_layer_and_no_hook_left(subject: Subject):
    ran = hooks.passage(subject)
    found = ran.result
    assert found.seen == (
        ("0.0", "Conv2d", (1, 4, 8, 10)),
        ("0.1", "BatchNorm2d", (1, 4, 8, 10)),
        ("0.2", "ReLU", (1, 4, 8, 10)),
        ("0.3", "AvgPool2d", (1, 4, 4, 5)),
        ("0.4", "Conv2d", (1, 6, 4, 5)),
        ("0.5", "BatchNorm2d", (1, 6, 4, 5)),
        ("0.6", "ReLU", (1, 6, 4, 5)),
        ("1.0", "AdaptiveAvgPool2d", (1, 6, 1, 1)),
        ("1.1", "Flatten", (1, 6)),
        ("1.2", "BatchNorm1d", (1, 6)),
        ("1.3", "Dropout", (1, 6)),
        ("1.4", "Linear", (1, 3)),
    )
    assert (found.before, found.inside, found.after) == (0, 12, 0)
    assert ran.code == code_of(hooks.record_shapes)


def test_hooks_of_the_learner_itself_are_neither_counted_nor_removed(subject: Subject):
    handle = subject.learned[0].register_forward_hook(lambda *call: None)
    assert hooks.passage(subject).result.before == 0
    assert hooks_of(subject.learned) == 1
    handle.remove()


def test_the_activation_is_gone_after_the_pass(subject: Subject):
    assert hooks.fleeting(subject).result == hooks.Fleeting((1, 3), (1, 6, 4, 5), gone=True)
    kept = []
    subject.learned[0].register_forward_hook(lambda module, inputs, output: kept.append(output))
    assert not hooks.look_after_the_pass(subject.learned, subject.learned[0], subject.x).gone
    subject.learned[0]._forward_hooks.clear()


def test_the_storing_hook_stores_what_the_body_gives(subject: Subject):
    source, ran = hooks.storing(subject)
    assert source == inspect.getsource(ForwardHook).rstrip()
    with torch.no_grad():
        expected = subject.model()[0](subject.x)
    assert ran.result == hooks.Stored((1, 6, 4, 5), float(expected.max()), 0.0, 0)


def test_training_mode_refuses_one_picture_and_is_not_calm_with_several(subject: Subject):
    others = pictures(7, dtype=torch.float32)[1:]
    random_state = torch.get_rng_state()
    found = modes.compare_modes(subject, others, times=5)
    assert torch.equal(torch.get_rng_state(), random_state)
    with pytest.raises(ValueError, match="more than 1 value") as raised:
        copy.deepcopy(subject.learned).train()(subject.x)
    assert found.alone == f"ValueError: {raised.value}"
    assert found.evaluation.shape == found.training.shape == (5, 3)
    np.testing.assert_array_equal(found.evaluation, np.repeat(found.evaluation[:1], 5, axis=0))
    expected = subject.model()(subject.x).softmax(dim=1)[0].numpy()
    np.testing.assert_allclose(found.evaluation[0], expected, rtol=1e-6)
    assert np.ptp(found.training, axis=0).min() > 0.01
    assert [norm.layer for norm in found.norms] == ["0.1", "0.5", "1.2"]
    assert [norm.batches for norm in found.norms] == [5, 5, 5]
    assert min(norm.moved_mean for norm in found.norms) > 0
    assert found.unmoved == 3
    assert np.abs(found.afterwards - expected).max() > 1e-3
    np.testing.assert_array_equal(modes.compare_modes(subject, others, times=5).training, found.training)


def test_without_any_other_picture_there_is_no_training_prediction(subject: Subject):
    found = modes.compare_modes(subject, subject.x[:0], times=2)
    assert found.training.shape == (0, 3)


def test_memory_by_hand():
    """One convolution keeps its input, a ReLU its output; the weights are there anyway."""
    net = nn.Sequential(nn.Conv2d(3, 5, 1, bias=False), nn.ReLU())
    x = torch.randn(2, 3, 4, 4)
    assert modes.kept_for_backward(net, x, True) == modes.Kept(4 * (x.numel() + 2 * 5 * 4 * 4), graph=True)
    assert modes.kept_for_backward(net, x, False) == modes.Kept(0, graph=False)


def test_no_grad_keeps_nothing(subject: Subject):
    with_gradients, without = modes.memory(subject)
    assert with_gradients.result.size > 4 * 4 * 8 * 10
    assert without.result == modes.Kept(0, graph=False)


def test_scores_average_to_the_logits_of_every_class(subject: Subject):
    ran, location = scores.score_maps(subject, 2)
    found = ran.result
    with torch.no_grad():
        logits = subject.model()(subject.x)[0].numpy()
    assert found.kind == "exact"
    assert found.weight == (3, 6)
    assert found.activation == (6, 4, 5)
    assert found.maps.shape == (3, 4, 5)
    np.testing.assert_allclose(found.maps.mean(axis=(1, 2)) + found.bias, logits, atol=1e-5)
    assert np.abs(found.residual).max() < 1e-5
    assert [kind for _, kind in found.head] == ["AdaptiveAvgPool2d", "Flatten", "BatchNorm1d", "Dropout", "Linear"]
    # the Linear's own weights, as the chapter takes them, are not those of the channels: a BatchNorm lies between
    with torch.no_grad():
        body = subject.model()[0](subject.x)[0]
        naive = torch.einsum("ck,kij->cij", subject.learned[1][4].weight, body).mean(dim=(1, 2)).numpy()
    assert found.chapter.result == pytest.approx(np.abs(naive - logits).max(), rel=1e-4)
    place = np.unravel_index(found.maps[2].argmax(), (4, 5))
    assert (location.value.row, location.value.column) == place
    assert location.value.by_hand == pytest.approx(location.value.score, abs=1e-5)
    assert location.value.score == pytest.approx(float(found.maps[2][place]))
    for channel, weight, activation, product in location.value.terms:
        assert product == pytest.approx(weight * activation)
        assert activation == pytest.approx(float(body[channel][place]))


def test_one_location_by_hand():
    weight = torch.tensor([2.0, -1.0])
    activation = torch.tensor([[[1.0, 3.0]], [[10.0, 4.0]]])
    assert scores.one_location(weight, activation, 0, 1) == 2.0
    np.testing.assert_array_equal(scores.class_scores(weight[None], activation), [[[-8.0, 2.0]]])


def test_a_head_without_a_cam_is_told_with_the_real_error():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)),
    ).eval()
    ran, location = scores.score_maps(Subject(net, pictures(1, dtype=torch.float32)), 0)
    assert ran.result.kind == "none"
    assert location is None
    assert "5" in ran.result.chapter.error
    assert "4" in ran.result.chapter.error
    assert ran.result.why_not


def test_an_error_inside_takes_the_hook_along_only_with_a_context_manager(subject: Subject):
    managed, by_hand, methods = context.failures(subject)
    with pytest.raises(RuntimeError) as raised:
        subject.model()(subject.x[:, :1])
    expected = f"RuntimeError: {raised.value}"
    assert managed.result == context.Left(0, 1, 0, expected)
    assert by_hand.result == context.Left(0, 1, 1, expected)
    assert "def __enter__" in methods
    assert "def __exit__" in methods


def test_class_weights_fit_no_inner_layer_and_the_probe_has_its_own(subject: Subject):
    probe = Probe(np.eye(3, 4, dtype=np.float32), np.array([1.0, 2.0, 3.0], np.float32), accuracy=0.75)
    found = {row.layer: row for row in inner.inner_layers(subject, {"0.3": probe}, 1)}
    row = found["0.3"]
    with pytest.raises(RuntimeError) as raised:
        torch.einsum("ck,kij->cij", subject.learned[1][4].weight, torch.zeros(4, 4, 5))
    assert row.tried.error == f"RuntimeError: {raised.value}"
    with torch.no_grad():
        activation = subject.model()[0][:4](subject.x)[0]
    np.testing.assert_allclose(row.probe_map, activation[1], rtol=1e-5, atol=1e-6)  # the probe reads channel 1
    assert row.mean_plus_bias == pytest.approx(float(activation[1].mean()) + 2, abs=1e-5)
    assert row.probe_logit == pytest.approx(row.mean_plus_bias, abs=1e-5)
    assert row.accuracy == 0.75
    last = found[subject.stages[-1].name]
    assert last.tried.error is None
    assert last.tried.value == (3, 4, 5)
    assert last.probe_map is None


def test_the_gradient_comes_with_the_backward_pass_and_predicts_a_nudge(subject: Subject):
    ran, _ = backward.gradients(subject, "0.6", 1)
    found = ran.result
    assert not found.after_forward
    assert found.gradient == found.activation == (6, 4, 5)
    assert found.class_weights < 1e-5  # times h·w the gradients' means are the class weights
    assert found.measured == pytest.approx(found.predicted, rel=1e-3)
    model = subject.model()
    body = model[0](subject.x).requires_grad_()
    (gradient,) = torch.autograd.grad(model[1](body)[0, 1], body)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * body[0]).sum(dim=0).detach()
    np.testing.assert_allclose(found.gradcam, expected, rtol=1e-4, atol=1e-6)
    inner_layer = backward.gradients(subject, "0.3", 1)[0].result
    assert inner_layer.class_weights is None
    assert inner_layer.measured == pytest.approx(inner_layer.predicted, rel=0.05)


def test_backward_of_a_rank_two_output_and_the_ways_out(subject: Subject):
    refused, ways = backward.starting_points(subject, "0.3", 2)
    with pytest.raises(RuntimeError) as raised:
        copy.deepcopy(subject.learned)(subject.x).backward()
    assert refused.error == f"RuntimeError: {raised.value}"
    assert refused.code == code_of(backward.everything)
    picked, weighed, added = ways
    np.testing.assert_array_equal(picked.gradcam, weighed.gradcam)
    assert weighed.distance == 0
    assert picked.correlation == pytest.approx(1)
    assert added.distance > 0.01
    assert added.code == code_of(backward.summed)
    model = subject.model()
    inside = model[0][:4](subject.x).requires_grad_()
    (gradient,) = torch.autograd.grad(model[1](model[0][4:](inside)).sum(), inside)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * inside[0]).sum(dim=0).detach()
    np.testing.assert_allclose(added.gradcam, expected, rtol=1e-4, atol=1e-5)


def test_vocabulary_and_decoding_are_fastais(tiny_run):
    from PIL import Image

    from analysis.learner.store import load

    loaded = load(tiny_run, "cpu")
    photo = Image.open(tiny_run.image_path(tiny_run.examples().names("valid")[0]))
    x = loaded.batch([photo])
    assert questions_of_pictures.vocabulary(loaded.learn.dls).result == [(0, "sand"), (1, "sea")]
    found = questions_of_pictures.decoding(Subject(loaded.model, x), loaded.learn.dls).result
    np.testing.assert_allclose(found.decoded, loaded.picture(x)[0], atol=1)  # fastai truncates
    ranges = {name: values for name, *values in found.ranges}
    mean, std = np.array(tiny_run.manifest.normalize)
    red = (np.array(ranges["decoded, red"]) / 255 - mean[0]) / std[0]
    np.testing.assert_allclose(ranges["normalised, red"], red, atol=0.02)
    outside = ((x[0] < 0) | (x[0] > 1)).float().mean()
    assert found.cut_off == pytest.approx(float(outside))
    assert found.as_taken.max() == 255
    assert found.as_taken.min() == 0
