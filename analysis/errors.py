"""Errors that a user can cause or cure."""


class CamLensError(Exception):
    """Base of all errors whose message is for the user: it says what was wrong and what to do."""
