from __future__ import annotations

import pytest

from dashboard.figures.options import LayerViewOptions


def test_the_scale_follows_the_sign():
    assert LayerViewOptions(relu=False).scale == "RdBu"
    assert LayerViewOptions(relu=True).scale == "Magma"
    assert LayerViewOptions(relu=True, colours="Cividis").scale == "Cividis"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"opacity": 1.2}, "between 0 and 1"),
        ({"theme": "sepia"}, "unknown theme 'sepia'; choose from light, dark"),
        ({"colours": "Magma"}, "does not suit a signed map; choose from RdBu"),
        ({"colours": "RdBu", "relu": True}, "does not suit a map after ReLU; choose from Magma"),
        ({"colours": "Jet", "relu": True}, "'Jet'"),
    ],
)
def test_settings_that_mislead_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LayerViewOptions(**settings)
