#!/usr/bin/env python3
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))
from _twin._podman import Podman

if sys.argv[1] == "podman":
    a = sys.argv[2:]
    c = Podman().prefix + a[1:] if a[0] == "--beside" else Podman().command(a)
    os.execvp(c[0], c)
