"""``python -m tests.layout.reference [--write]``: show which pages are stale, or write them."""

import sys

from tests.layout.reference.pages import FOLDER, PAGES, file_of


def main(arguments: list[str]) -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, text in PAGES.items():
        file, wanted = file_of(name), text()
        if file.is_file() and file.read_text() == wanted:
            continue
        stale.append(name)
        if "--write" in arguments:
            file.write_text(wanted)
    verb = "wrote" if "--write" in arguments else "stale:"
    sys.stdout.write(f"{verb} {', '.join(stale) or 'nothing'}\n")
    return int(bool(stale) and "--write" not in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
