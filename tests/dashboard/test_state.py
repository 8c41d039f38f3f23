"""Names in links and in the session's state: no two things share one."""

from __future__ import annotations

from dashboard import state


def test_every_name_stands_for_one_thing():
    names = [value for name, value in vars(state).items() if name.isupper()]
    assert len(names) == len(set(names)) > 40
