"""Other people's text appears among Markdown as it was written."""

from __future__ import annotations

import pytest

from dashboard.plain import plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("sand", "sand"),
        ("**bold** _it_", r"\*\*bold\*\* \_it\_"),
        ("<b>$x$</b>", r"\<b\>\$x\$\</b\>"),
        ("[a](http://b)", r"\[a\]\(http\://b\)"),
        ("two\n\n# lines", r"two \# lines"),
        ("Füße 电影", "Füße 电影"),
    ],
)
def test_every_sign_of_markdown_is_escaped(text, escaped):
    assert plain(text) == escaped
