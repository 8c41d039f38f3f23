"""The copies that experiments work on, and the digest that shows whether they changed the network."""

from __future__ import annotations

import copy

import torch

from analysis.chapter.subject import Subject, count_hooks, state_digest
from tests.analysis.explain.networks import classifier, pictures


def test_the_digest_changes_with_everything_an_experiment_could_change():
    net = classifier()
    states = [state_digest(net)]

    def changed(change) -> None:
        twin = copy.deepcopy(net)
        change(twin)
        states.append(state_digest(twin))

    changed(lambda twin: twin.train())
    changed(lambda twin: twin[0][1].running_mean.add_(1e-6))
    changed(lambda twin: twin[1][4].weight.data.add_(1e-6))
    changed(lambda twin: twin[0][0].weight.requires_grad_(False))
    changed(lambda twin: twin[0].register_forward_hook(lambda *call: None))
    changed(lambda twin: twin(pictures()).sum().backward())
    assert len(set(states)) == len(states)
    assert state_digest(copy.deepcopy(net)) == states[0]


def test_a_copy_is_in_evaluation_mode_without_hooks_and_gives_the_same_scores():
    net, x = classifier().train(), pictures(1)
    net[0].register_forward_hook(lambda *call: None)
    subject = Subject(net, x)
    twin = subject.copy()
    assert not any(module.training for module in twin.modules())
    assert (count_hooks(net), count_hooks(twin)) == (1, 0)
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert all(parameter.requires_grad for parameter in subject.copy(gradients=True).parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
    torch.testing.assert_close(twin(x), copy.deepcopy(net).eval()(x))


def test_the_head_reads_the_last_stage():
    subject = Subject(classifier(), pictures(1))
    assert subject.body == "0"
    assert subject.stages[-1].name in ("0", "0.6")
    shapes = [(info.channels, info.height, info.width) for info in subject.stages]
    assert shapes == [(4, 8, 10), (4, 4, 5), (6, 4, 5)]
