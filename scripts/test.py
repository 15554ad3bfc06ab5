#!/usr/bin/env python3
"""Run a tier of the tests and say, in the end, what passed and how long each part took.

    test.py check          no root; quick
    test.py test           everything, fixed seeds, small counts; root
    test.py accept PART    the full counts of one part; resumable

A step is a command: it passed when its exit status is 0. Its whole output is kept in build/test/STEP.log; a failed
step's last lines are printed. There is no way for a step to be skipped: what cannot run has failed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from steps import ACCEPT, ACCEPT_PARALLEL, CHECK, LABS, LIVE, Step

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"


def run(step: Step) -> tuple[Step, int, float]:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{step.name}.log"
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        status = subprocess.run(
            step.command,
            cwd=ROOT,
            env={**os.environ, **dict(step.environment)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - begun
    print(f"  {'passed' if status == 0 else 'FAILED'}  {seconds:7.1f} s  {step.name}", flush=True)
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(f"      {line}" for line in lines[-step.tail :]))
        print(f"      the whole of it: {log.relative_to(ROOT)}", flush=True)
    return step, status, seconds


def run_all(steps: Sequence[Step], at_once: int) -> list[tuple[Step, int, float]]:
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(run, steps))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tier", choices=("check", "test", "accept"))
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--only", help="run the steps of the tier with these names, comma separated")
    arguments = parser.parse_args()
    if arguments.tier == "accept" and arguments.part not in ACCEPT:
        parser.error(f"PART is one of {', '.join(sorted(ACCEPT))}, not {arguments.part!r}")
    parallel: Sequence[Step] = ACCEPT_PARALLEL.get(arguments.part, ()) if arguments.tier == "accept" else CHECK
    if arguments.tier == "test":
        parallel = (*CHECK, *LABS)
    serial: Sequence[Step] = {"check": (), "test": LIVE}.get(arguments.tier) or ACCEPT.get(arguments.part, ())
    if arguments.only:
        names = set(arguments.only.split(","))
        parallel = [step for step in parallel if step.name in names]
        serial = [step for step in serial if step.name in names]
    begun = time.monotonic()
    print(f"{arguments.tier} {arguments.part}".strip() + f": {len(parallel) + len(serial)} steps", flush=True)
    results = run_all(parallel, 2) + run_all(serial, 1)
    failed = [step.name for step, status, _ in results if status != 0]
    if arguments.tier == "accept":
        subprocess.run((sys.executable, "scripts/measurements.py"), cwd=ROOT, check=True)
    print(f"\n{time.monotonic() - begun:.0f} s" + (f"; failed: {', '.join(failed)}" if failed else ""))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
