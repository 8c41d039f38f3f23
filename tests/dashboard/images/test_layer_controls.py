"""The controls of the Layers page: what is chosen is what is computed and drawn."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dashboard.images.layer_controls import ONE_METHOD, Choice


def page(methods: tuple[str, ...] | None) -> None:
    import streamlit as st

    from dashboard.images.layer_controls import choose_methods, choose_view, display_controls
    from tests.dashboard.figures.conftest import make_report

    chosen = choose_methods() if methods is None else methods
    choice = choose_view(chosen)
    st.session_state["choice"] = choice
    st.session_state["options"] = display_controls(make_report(), choice, 800, st.container())


def test_the_page_opens_with_cam_beside_gradcam_at_the_last_layer():
    app = AppTest.from_function(page, args=(None,)).run()
    assert not app.exception
    assert app.session_state["choice"] == Choice(("cam", "gradcam"), "auto")
    options = app.session_state["options"]
    assert (options.layer, options.relu, options.smooth, options.width) == (5, False, False, 800)


def test_methods_are_kept_in_the_order_of_the_choice():
    app = AppTest.from_function(page, args=(None,)).run()
    app.multiselect(key="methods").set_value(["layercam", "cam"]).run()
    assert app.session_state["choice"].methods == ("layercam", "cam")


def test_the_view_of_one_method_needs_no_layer_and_no_common_scale():
    app = AppTest.from_function(page, args=(("cam", "gradcam"),)).run()
    assert {"Open at layer", "CAM and Grad-CAM on one scale"} <= {
        control.label for control in (*app.selectbox, *app.toggle)
    }
    app.segmented_control(key="view").set_value(ONE_METHOD).run()
    app.selectbox(key="method").select("gradcam").run()
    assert not app.exception
    assert app.session_state["choice"] == Choice(("cam", "gradcam"), "auto", "gradcam")
    assert not {"Open at layer", "CAM and Grad-CAM on one scale"} & {
        control.label for control in (*app.selectbox, *app.toggle)
    }


def test_a_signed_map_has_diverging_colours_and_relu_has_one_sign():
    from dashboard.figures.palette import colour_scales

    app = AppTest.from_function(page, args=(("cam",),)).run()
    assert app.session_state["options"].colours in colour_scales(False)
    app.toggle(key="relu").set_value(True).run()
    options = app.session_state["options"]
    assert options.relu
    assert options.colours in colour_scales(True)
