"""Whether content may be kept: the setting and the sender in, yes or no out.

The collector has no detector of personal data. Under ``redacted`` it therefore keeps only what our
own proxy sends, which was redacted there; other senders' content is dropped and counted.
"""

from typing import Literal

from tollkeeper.keys import Role

ContentMode = Literal["off", "redacted", "full"]


def keeps(mode: ContentMode, sender: Role) -> bool:
    """Tell whether a sender's content is stored."""
    return mode == "full" or (mode == "redacted" and sender == "system")
