"""What evaluating and watching a model does to it, and to whom."""

from __future__ import annotations

import threading

import pytest
import torch
from explain.networks import classifier, hooks_of, pictures

from analysis.explain.modes import evaluating, hooked, plain_input


def test_evaluating_restores_each_submodules_own_mode() -> None:
    net = classifier().train()
    net[0][1].eval()
    before = [module.training for module in net.modules()]
    with evaluating(net):
        assert not any(module.training for module in net.modules())
    assert [module.training for module in net.modules()] == before
    with pytest.raises(ZeroDivisionError), evaluating(net):
        raise ZeroDivisionError
    assert [module.training for module in net.modules()] == before


def test_evaluating_suspends_inference_mode_and_autocast() -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        with evaluating(classifier()):
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")


def test_evaluating_admits_one_thread_at_a_time() -> None:
    net, entered = classifier(), threading.Event()

    def second() -> None:
        with evaluating(net):
            entered.set()

    thread = threading.Thread(target=second)
    with evaluating(net), evaluating(net):  # the same thread may enter again
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(5)
    thread.join()


def test_hooked_sees_names_replaces_outputs_and_leaves() -> None:
    net, x = classifier(), pictures()
    seen: list[str] = []

    def see(name, module, output):
        seen.append(name)
        return output * 0 if name == "1.4" else None

    modules = {name: net.get_submodule(name) for name in ("0.0", "1.4")}
    with hooked(modules, see):
        assert torch.equal(net(x), torch.zeros(2, 3, dtype=torch.float64))
        thread = threading.Thread(target=net, args=(x,))
        thread.start()
        thread.join()
    assert seen == ["0.0", "1.4"]
    assert hooks_of(net) == 0


def test_plain_input_is_detached_and_may_come_from_inference_mode() -> None:
    net, x = classifier(), pictures().requires_grad_()
    assert not plain_input(net, x).requires_grad
    with torch.inference_mode():
        made_inside = pictures()
        assert not plain_input(net, made_inside).is_inference()
