"""Padding for text in columns."""


def pad_right(text: str, width: int) -> str:
    """Text at the left, filled up with spaces; cut off if it is too long."""
    if len(text) > width:
        text = text[: width - 1] + "~"
    return text + " " * (width - len(text))


def pad_left(text: str, width: int) -> str:
    """Text at the right, filled up with spaces; never cut off."""
    return " " * (width - len(text)) + text
