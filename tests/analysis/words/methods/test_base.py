"""The title of a method of words depends on the layer only where the method has two titles."""

from __future__ import annotations

from torch import Tensor, ones_like

from analysis.words.methods.base import Method
from analysis.words.network import Reading


def ones(reading: Reading, layer: str) -> Tensor:
    return ones_like(reading.ids)


def test_a_method_may_have_another_title_at_the_embedding() -> None:
    method = Method("ones", "Ones", ones, embedding_title="Ones of the embedding")
    assert method.title_at("embedding") == "Ones of the embedding"
    assert method.title_at("blocks.0") == "Ones"


def test_a_method_with_one_title_has_it_at_every_layer() -> None:
    method = Method("ones", "Ones", ones)
    assert [method.title_at(layer) for layer in ("embedding", "blocks.0")] == ["Ones", "Ones"]


def test_a_new_method_needs_neither_gradients_nor_class_weights() -> None:
    method = Method("ones", "Ones", ones)
    assert (method.needs_gradient, method.needs_class_weights, method.at_embedding) == (False, False, False)
