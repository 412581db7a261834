"""`python -m tools.commit_subject FILE`: check the subject of the commit message in FILE, as a `commit-msg` hook does.

A subject is one line of at most 72 characters: a scope, a colon, and what the commit does in the imperative, as in
`deployer: requeue after a conflict`.
"""

import re
import sys
from pathlib import Path

LONGEST = 72
_MADE_BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ")
_FORM = re.compile(r"[a-z][a-z0-9_.-]*(, [a-z][a-z0-9_.-]*)*: \S.*")


def fault(subject: str) -> str | None:
    """What is wrong with a subject; None if nothing is."""
    if subject.startswith(_MADE_BY_GIT):
        return None
    if len(subject) > LONGEST:
        return f"the subject has {len(subject)} characters; at most {LONGEST} are shown everywhere"
    if not _FORM.fullmatch(subject):
        return "the subject needs a scope in front, as in `deployer: requeue after a conflict`"
    if subject.endswith("."):
        return "the subject ends without a full stop"
    return None


def main() -> int:
    """Check the file that the arguments name; returns 1, and prints why, if its subject isn't right."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    found = fault(next((line for line in lines if line.strip() and not line.startswith("#")), ""))
    if found is not None:
        print(found, file=sys.stderr)
    return int(found is not None)


if __name__ == "__main__":
    sys.exit(main())
