"""The elements of the Chapter page's answers."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dashboard.chapter.elements import shape_text


def test_a_shape_is_written_with_crosses():
    assert shape_text((1280, 7, 7)) == "1280 × 7 × 7"
    assert shape_text([3]) == "3"


def test_question_code_error_and_table():
    def page():
        from dashboard.chapter.elements import show_code, show_error, show_question, show_table

        show_question(3, "Why?", "Because.")
        show_code("a = 1", "b = 2", label="Two sources")
        show_error(None)
        show_error("")
        show_error("ValueError: no")
        show_table([(1, "x"), (2, "y")], ["number", "letter"])

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert [element.value for element in app.subheader] == ["3 · Why?"]
    assert app.subheader[0].anchor == "question-3"  # links to a question depend on it
    assert [element.value for element in app.markdown] == ["Because."]
    assert app.expander[0].label == "Two sources"
    assert [element.value for element in app.expander[0].code] == ["a = 1", "b = 2"]
    assert [element.value for element in app.code] == ["a = 1", "b = 2", "ValueError: no"]
    assert app.dataframe[0].value.to_dict("list") == {"number": [1, 2], "letter": ["x", "y"]}
