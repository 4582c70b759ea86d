"""The page to take along from lesson 7: two cells that run by themselves, without anything of the lessons."""

import subprocess
import sys

import keras
import pytest
from sklearn.datasets import load_breast_cancer

from tests import notebooks

CELLS = {cell.id: cell.source for cell in notebooks.read(notebooks.ROOT / "notebooks" / "07_your_own.ipynb").cells}
PAGE = f"{CELLS['page-1']}\n{CELLS['page-2']}\n"


def test_the_page_is_thirty_lines_of_plain_keras():
    assert len(PAGE.splitlines()) <= 31 and "helpers" not in PAGE
    for part in ("EarlyStopping", "ModelCheckpoint", "plt.plot", "for seed in"):
        assert part in PAGE


@pytest.mark.slow
def test_the_page_runs_alone_and_its_file_takes_rows_as_they_come(tmp_path):
    (tmp_path / "mine.py").write_text("import matplotlib\nmatplotlib.use('agg')\n" + PAGE, encoding="utf-8")
    done = subprocess.run(  # -I: nothing of this folder can be imported
        [sys.executable, "-I", "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("at its best") == 3
    files = sorted((tmp_path / "saved" / "my_runs").glob("*.keras"))
    assert [file.name for file in files] == ["seed_0.keras", "seed_1.keras", "seed_2.keras"]
    x, y = load_breast_cancer(return_X_y=True)
    assert keras.models.load_model(files[0]).evaluate(x, y, verbose=0)[1] > 0.93
