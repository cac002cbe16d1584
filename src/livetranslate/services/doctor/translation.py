"""Translation: Apertium's pairs on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess

from livetranslate.services.doctor.findings import Finding, missing, ok

AREA = "translation"
_PAIR = re.compile(r"[a-z]{2,3}-[a-z]{2,3}")
_REMEDY = "sudo apt-get install apertium apertium-eng-spa"


def check_translation() -> list[Finding]:
    """Return findings about translation engines."""
    return [_apertium()]


def _apertium() -> Finding:
    program = shutil.which("apertium")
    if program is None:
        detail = "not found; for translation without any download"
        return missing(AREA, "Apertium", detail, _REMEDY)
    done = subprocess.run(  # noqa: S603 - a fixed command without outside input
        [program, "-l"], capture_output=True, text=True, timeout=10, check=False
    )
    pairs = [pair for pair in done.stdout.split() if _PAIR.fullmatch(pair)]
    if not pairs:
        return missing(AREA, "Apertium", "no language pair is installed", _REMEDY)
    return ok(AREA, "Apertium", f"{len(pairs)} directions: {', '.join(pairs)}")
