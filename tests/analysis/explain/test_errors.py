"""Errors read as sentences and can be caught by their built-in kinds."""

from __future__ import annotations

from analysis.explain.errors import HeadError, InnerLayerError, LayerError, UnknownNameError, closest


def test_unknown_names_are_key_errors_with_a_readable_message() -> None:
    error = UnknownNameError("unknown layer 'x'")
    assert isinstance(error, KeyError)
    assert isinstance(error, ValueError)
    assert str(error) == "unknown layer 'x'"


def test_layer_and_head_errors_are_value_errors() -> None:
    assert issubclass(LayerError, ValueError)
    assert issubclass(HeadError, ValueError)
    assert issubclass(InnerLayerError, HeadError)


def test_close_names_are_suggested() -> None:
    assert closest("layer44", ["layer3", "layer4", "conv1"]).startswith(" Did you mean 'layer4'")
    assert closest("zzz", ["layer3"]) == ""
