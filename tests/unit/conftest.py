"""Makes `ansible_collections.routed.fabric` importable from any checkout."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# No deadline for an example: a busy machine is no fault of what is tested. The same examples each time.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / "build" / "collections"


def pytest_addoption(parser):
    parser.addoption(
        "--update", action="store_true", help="write the expected texts and golden files anew; then read the difference"
    )


def _link() -> None:
    place = COLLECTIONS / "ansible_collections" / "routed" / "fabric"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        place.symlink_to(ROOT, target_is_directory=True)


_link()
sys.path.insert(0, str(COLLECTIONS))
