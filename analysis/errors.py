"""The errors a user can cause or cure."""


class CamLensError(Exception):
    """Base of all errors whose message is meant for the user: what was wrong and what to do."""
