"""Why a text can't be read."""


class InvalidText(ValueError):
    """Text that isn't what it should be, or more than a reader accepts; the message names the reason and the place."""
