"""Measure what the lessons claim, on the data dealt anew, and write the table: `python -m tests.claims`.

With numbers of lessons (`python -m tests.claims 03`) only theirs are measured anew, and of these with `-k` only some. A
lesson takes up to an hour of one core. `--only-write` measures nothing: for a sentence that was reworded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.claims.table import DRAWS, FIRST_SEED, MEASURED, SEEDS, TABLE, as_text, measured, rows
from tests.notebooks import ROOT, lessons


def measure(draw, tests, only=""):
    """Run tests (pytest's names for them) on one deal of the data: {test's name: {held, figures}}.

    only: an expression for pytest's -k.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "claims.jsonl"
        command = [sys.executable, "-m", "pytest", "-p", "tests.claims.recorder", "-q", "--claims", "10000"]
        command += ["--draw", str(draw), "--first-seed", str(FIRST_SEED), "--seeds", str(SEEDS), *tests]
        command += ["-k", only] if only else []
        # The plugin imports tests.claims before conftest.py can tell it the seeds.
        seeds = {"LESSON_FIRST_SEED": str(FIRST_SEED), "LESSON_SEEDS": str(SEEDS)}
        environment = {**os.environ, **seeds, "CLAIMS_OUT": str(out)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=7200)
        if not out.exists():
            raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
        return together([json.loads(line) for line in out.read_text("utf-8").splitlines()])


def together(lines):
    """What pytest found of each test, whose settings are taken together: it held if it held with each of them."""
    found = {}
    for line in lines:
        name, _, setting = line["test"].rpartition("::")[2].partition("[")
        test = found.setdefault(name, {"held": True, "figures": []})
        test["held"] &= line["held"]
        for figure, values in line["figures"].items():
            named = f"{figure} ({setting[:-1]})" if setting else figure
            test["figures"].append([named, {key: float(f"{value:.4g}") for key, value in values.items()}])
    return found


def in_lines(results):
    """The measurements as JSON with a line for each test, so that a change of one is a change of one line."""
    of_lessons = []
    for lesson, tests in sorted(results.items()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in tests.items())
        of_lessons.append(f" {json.dumps(lesson)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(of_lessons) + "\n}\n"


def main(arguments=None):
    numbers = [path.stem[:2] for path in lessons()]
    parser = argparse.ArgumentParser(prog="python -m tests.claims", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help=f"which lessons ({', '.join(numbers)}); none: all")
    parser.add_argument("-k", default="", metavar="TESTS", help="of these only the tests that fit, as pytest's -k")
    parser.add_argument("--workers", type=int, default=2, help="how many deals are measured at once")
    parser.add_argument("--only-write", action="store_true", help="measure nothing, write the table anew")
    options = parser.parse_args(arguments)
    if unknown := set(options.lessons) - set(numbers):
        parser.error(f"there is no lesson {sorted(unknown)[0]}: {', '.join(numbers)}")
    if not options.only_write:
        chosen = options.lessons or numbers
        files = [f"tests/lessons/test_claims_{int(lesson)}.py" for lesson in chosen]
        with ThreadPoolExecutor(options.workers) as pool:
            of_draws = dict(zip(DRAWS, pool.map(lambda draw: measure(draw, files, options.k), DRAWS), strict=True))
        results = measured()  # as it is now: another lesson may have been measured meanwhile
        for lesson in chosen:
            names = vars(__import__(f"tests.lessons.test_claims_{int(lesson)}", fromlist=["*"]))
            before = {test: found for test, found in results.get(lesson, {}).items() if options.k and test in names}
            results[lesson] = before | {
                test: {str(draw): found[test] for draw, found in of_draws.items() if test in found}
                for test in of_draws[DRAWS[0]]
                if test in names
            }
        MEASURED.write_text(in_lines(results), "utf-8")
    TABLE.write_text(as_text(rows()), "utf-8")
    print(TABLE.read_text("utf-8"))


if __name__ == "__main__":
    main()
