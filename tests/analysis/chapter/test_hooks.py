"""What hooks record in a forward pass, what is left in memory without one, and what a storing hook stores."""

from __future__ import annotations

import inspect

import torch

from analysis.chapter.execution import source_of
from analysis.chapter.hooks import (
    Lifetime,
    StoredActivation,
    activation_lifetime,
    body_lifetime,
    forward_pass,
    record_shapes,
    stored_activation,
)
from analysis.chapter.subject import Subject
from analysis.hooks import ForwardHook
from tests.analysis.explain.networks import hooks_of


def test_shapes_layer_by_layer_and_no_hook_left(subject: Subject):
    execution = forward_pass(subject)
    record = execution.result
    assert record.calls == (
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
    assert (record.hooks_before, record.hooks_inside, record.hooks_after) == (0, 12, 0)
    assert execution.source == source_of(record_shapes)


def test_hooks_of_the_learner_itself_are_neither_counted_nor_removed(subject: Subject):
    handle = subject.network[0].register_forward_hook(lambda *call: None)
    assert forward_pass(subject).result.hooks_before == 0
    assert hooks_of(subject.network) == 1
    handle.remove()


def test_the_activation_is_freed_after_the_pass(subject: Subject):
    assert body_lifetime(subject).result == Lifetime((1, 3), (1, 6, 4, 5), freed=True)
    outputs = []
    subject.network[0].register_forward_hook(lambda module, inputs, output: outputs.append(output))
    assert not activation_lifetime(subject.network, subject.network[0], subject.x).freed
    subject.network[0]._forward_hooks.clear()


def test_the_storing_hook_stores_the_output_of_the_body(subject: Subject):
    source, execution = stored_activation(subject)
    assert source == inspect.getsource(ForwardHook).rstrip()
    with torch.no_grad():
        expected = subject.copy()[0](subject.x)
    assert execution.result == StoredActivation((1, 6, 4, 5), float(expected.max()), 0.0, 0)
