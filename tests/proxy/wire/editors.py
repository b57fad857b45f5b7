"""An editor of answer text for tests: it replaces a word, and holds back what may become one."""

WORD = "sésame-42"
REPLACEMENT = "[gone]"


def edited(text: str) -> str:
    """Return what the editor must make of a whole text."""
    return text.replace(WORD, REPLACEMENT)


class WordEditor:
    """Implements ``TextEditor``."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = edited(self._held + text)
        keep = max((n for n in range(len(WORD)) if n and text.endswith(WORD[:n])), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return rest
