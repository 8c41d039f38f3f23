"""Pure functions from a report or a table to a chart; nothing here knows Streamlit or the model."""
