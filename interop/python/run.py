"""Runs the scenarios against the server that FIRESTORE_EMULATOR_HOST names; prints a line of JSON for each.

    python run.py [--only PART-OF-A-NAME] [--jobs N] [--list]
"""

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenario import HOST, SCENARIOS, run


def timed(entry):
    started = time.monotonic()
    outcome = run(*entry)
    outcome["milliseconds"] = round((time.monotonic() - started) * 1000)
    # In one piece, as other threads print too.
    sys.stdout.write(json.dumps(outcome, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if not HOST and not options.list:
        sys.exit("set FIRESTORE_EMULATOR_HOST, or run `cargo xtask interop`")
    for file in sorted(Path(__file__).with_name("scenarios").glob("*.py")):
        importlib.import_module(f"scenarios.{file.stem}")
    chosen = [entry for entry in SCENARIOS if options.only in entry[0]]
    if options.list:
        print("\n".join(name for name, _, _ in chosen))
        return
    with ThreadPoolExecutor(options.jobs) as executor:
        list(executor.map(timed, chosen))
    # Listeners of scenarios that did not end must not keep the process.
    sys.stdout.flush()
    os._exit(0)


main()
