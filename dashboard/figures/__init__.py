"""Pure functions from a report or a table to a figure; none of them imports Streamlit or runs a model."""
