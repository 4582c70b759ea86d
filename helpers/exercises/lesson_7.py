"""The checks of lesson 7's exercises: scaling without a leak, a baseline, a regression, folds, class weights, a sheet.

What is said of an answer stands in lesson_7.toml. Where a sentence there begins with {said}, it goes on after the
exercise's general one, which compares the student's result with the right one.
"""

import numpy as np

from helpers.engine.builder import call_builder
from helpers.error_bars import interval
from helpers.errors import LessonError
from helpers.exercises.checks import NotYet, Table, check_function, is_nothing, quiet

TABLE = Table("lesson_7")
SEED = 1
RANDOM = np.random.default_rng(SEED)

# Three columns of unlike size, and between them one that is 5 in every training row.
TRAINING_ROWS = RANDOM.normal([3, 5, 800, 0.02], [0.5, 0, 200, 0.01], (60, 4))
OTHER_ROWS = RANDOM.normal([3.2, 5, 850, 0.025], [0.6, 0, 150, 0.02], (20, 4))
VARIED = [0, 2, 3]


@TABLE.check
def check_standardise(answer, mistakes):
    check_function(answer, "standardise(x_train, x_other)")
    with quiet():
        found = _two_tables(answer(TRAINING_ROWS.copy(), OTHER_ROWS.copy()))
        right = _varied(_standardised(TRAINING_ROWS, OTHER_ROWS))
        if not any(_same(_varied(found), each) for each in (right, _varied(_standardised(*_ROWS, ddof=1)))):
            missing = NotYet("another table", first=_varied(found)[0, 0], right=right[0, 0])
            mistakes.compare(
                _varied(found), lambda standardise: _varied(standardise(*_ROWS)), _same, said=mistakes.sentence(missing)
            )
            raise missing
        if not np.isfinite(np.concatenate(found)).all():
            raise NotYet("constant column")


_ROWS = TRAINING_ROWS, OTHER_ROWS


def _two_tables(found):
    if is_nothing(found):
        raise NotYet("returns nothing")
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise NotYet("returns one thing")
    tables = [np.asarray(part, dtype=float) for part in found]
    for table, rows in zip(tables, _ROWS, strict=True):
        if table.shape != rows.shape:
            swapped = [part.shape for part in tables] == [OTHER_ROWS.shape, TRAINING_ROWS.shape]
            raise NotYet("the other way round" if swapped else "another shape", shape=table.shape, right=rows.shape)
    return tables


def _standardised(x_train, x_other, ddof=0):
    middle, spread = x_train.mean(axis=0), x_train.std(axis=0, ddof=ddof)
    spread = np.where(spread < 1e-9, 1, spread)
    return (x_train - middle) / spread, (x_other - middle) / spread


def _varied(tables):
    return np.concatenate(tables)[:, VARIED]


def _same(found, other):
    return np.allclose(found, other, rtol=1e-3, atol=1e-6)


# Answers of three unlike shapes; the middle of the training rows is not that of the others.
ANSWERS = (
    (np.array([90.0, 110, 100, 180, 140]), np.array([120.0, 150, 95])),
    (RANDOM.gamma(2, 50, 40), RANDOM.gamma(2, 60, 15)),
    (np.array([-3.0, 5, 1, 2]), np.array([0.5, 0.25, -6])),
)


@TABLE.check
def check_baseline(answer, mistakes):
    check_function(answer, "baseline(y_train, y_val)")
    with quiet():
        for y_train, y_val in ANSWERS:
            found = answer(y_train.copy(), y_val.copy())
            if is_nothing(found):
                raise NotYet("returns nothing")
            if np.size(found) != 1:
                raise NotYet("no number", shape=np.shape(found))
            right = np.abs(y_val - y_train.mean()).mean()
            if not np.allclose(found, right, atol=0.005):
                missing = NotYet("another error", right=right, found=float(np.squeeze(found)))
                said = mistakes.sentence(missing)
                mistakes.compare(found, lambda baseline, y=(y_train, y_val): baseline(*y), np.allclose, said=said)
                raise missing
    return {"error": np.abs(ANSWERS[0][1] - ANSWERS[0][0].mean()).mean()}


LOOKED_AT = RANDOM.normal(size=(40, 10)).astype("float32")  # scaled rows of ten columns
TRUTH = RANDOM.normal(152, 77, (40, 1)).astype("float32")
DOTS = (("Ellipsis", "Layer"), "dots for a layer"), (("Ellipsis",), "dots"), ((), "no network")


@TABLE.check
def check_regression(answer, _):
    check_function(answer, "regression(learning_rate=0.01)")
    with quiet():
        try:
            model = call_builder(answer, {}, SEED, LOOKED_AT[:1])
        except LessonError as error:
            words = str(error)
            if "returned nothing" in words or "returned a ellipsis" in words:
                raise NotYet("returns nothing") from error
            raise NotYet(
                next(row for parts, row in DOTS if all(part in words for part in parts)), words=words
            ) from error
        if model.loss is ...:
            raise NotYet("dots for the loss")
        outputs = np.asarray(model(LOOKED_AT), dtype="float32")
        if outputs.shape != TRUTH.shape:
            raise NotYet("another shape", shape=outputs.shape)
        _look_at_range(model)
        _look_at_loss(model, outputs)
        _look_at_metrics(model, outputs)


def _look_at_range(model):
    """An answer may be any number: far away from the training rows it goes far up for some, far down for others."""
    middle, far = np.asarray(model(0 * LOOKED_AT))[0, 0], np.asarray(model(1000 * LOOKED_AT))
    if np.ptp(far) < 1000:
        raise NotYet("bounded", low=far.min(), high=far.max())
    if far.min() > middle - 1 or far.max() < middle + 1:
        raise NotYet("one side only", middle=middle)
    if abs(middle - TRUTH.mean()) > TRUTH.std():
        raise NotYet("far from the answers", middle=middle)


def _look_at_loss(model, outputs):
    try:
        loss = float(model.compute_loss(LOOKED_AT, TRUTH, outputs)) - float(sum(model.losses))
    except Exception as error:
        raise NotYet("unknown loss", loss=model.loss) from error
    off = outputs.astype(float) - TRUTH
    if not np.isclose(loss, (off**2).mean(), rtol=1e-3):
        raise NotYet("mean absolute error" if np.isclose(loss, np.abs(off).mean(), rtol=1e-3) else "another loss")


def _look_at_metrics(model, outputs):
    measured = {name: float(value) for name, value in model.compute_metrics(LOOKED_AT, TRUTH, outputs).items()}
    if not any(np.isclose(value, np.abs(outputs - TRUTH).mean(), rtol=1e-3) for value in measured.values()):
        raise NotYet("accuracy" if any("acc" in name for name in measured) else "no mean absolute error")


CUTS = ((100, 5), (103, 5), (10, 10), (7, 2))  # how many rows, in how many parts


@TABLE.check
def check_folds(answer, mistakes):
    check_function(answer, "folds(n, k, seed)")
    with quiet():
        for n, k in CUTS:
            _look_at_cut(_pairs(answer(n, k, SEED)), n, k)
        first, again, other = (np.concatenate([held for _, held in _pairs(answer(100, 5, seed))]) for seed in (1, 1, 2))
    if (first[:20] == np.arange(20)).all():
        raise NotYet("not shuffled")
    if (first != again).any():
        raise NotYet("seed not used")
    if (first == other).all():
        raise NotYet("always the same seed")


def _pairs(found):
    if is_nothing(found):
        raise NotYet("returns nothing")
    pairs = list(found)
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise NotYet("no pairs")
        if any(np.asarray(part).dtype == bool for part in pair):
            raise NotYet("masks")
    return [tuple(np.asarray(part, dtype=int).ravel() for part in pair) for pair in pairs]


def _look_at_cut(pairs, n, k):
    if len(pairs) != k:
        raise NotYet("another number of folds", k=k, found=len(pairs))
    if all(len(train) < len(held) for train, held in pairs) and k > 2:
        raise NotYet("the other way round")
    for train, held in pairs:
        if set(train) & set(held):
            raise NotYet("a leak", n=n, k=k, shared=len(set(train) & set(held)))
    times = np.bincount(np.concatenate([held for _, held in pairs]), minlength=n)
    if len(times) > n:
        raise NotYet("rows that are not there", n=n, row=len(times) - 1)
    if (times == 0).any() or (times > 1).any():
        raise NotYet("left out" if times.max() == 1 else "not once", n=n, k=k, count=int((times != 1).sum()))
    sizes = [len(held) for _, held in pairs]
    if max(sizes) - min(sizes) > 1:
        raise NotYet("uneven", n=n, k=k, low=min(sizes), high=max(sizes))
    if any(len(train) != n - len(held) for train, held in pairs):
        raise NotYet("training rows missing", n=n, k=k)


LABELS = (
    np.array([0] * 90 + [1] * 10),
    np.array([2, 0, 1, 0, 0, 1, 0, 0]),
    np.array([0, 1, 1, 0]),
    np.array([1] * 30 + [3] * 6),
)


@TABLE.check
def check_weights(answer, mistakes):
    check_function(answer, "weights(y)")
    with quiet():
        for y in LABELS:
            found = _as_weights(answer(y.copy()))
            classes, counts = np.unique(y, return_counts=True)
            right = len(y) / (len(classes) * counts)
            if sorted(found) != list(classes):
                raise NotYet("other classes", classes=classes.tolist(), found=sorted(found))
            given = [found[each] for each in classes]
            if not np.allclose(given, right, rtol=0.01):
                missing = NotYet("other weights", counts=counts.tolist(), right=_listed(right), given=_listed(given))
                said = mistakes.sentence(missing)
                mistakes.compare(
                    given, lambda weights, y=y: list(_as_weights(weights(y)).values()), np.allclose, said=said
                )
                raise missing


def _as_weights(found):
    if is_nothing(found):
        raise NotYet("returns nothing")
    if not isinstance(found, dict):
        raise NotYet("no dictionary", kind=type(found).__name__)
    return {int(key): float(value) for key, value in found.items()}


def _listed(values):
    return ", ".join(f"{value:.3g}" for value in values)


KEYS = {"question", "rows", "baseline", "network", "test", "verdict", "limits"}
VERDICTS = ("beaten", "not beaten", "cannot tell")
FEWEST_WORDS = 4
FEWEST_SEEDS = 3


@TABLE.check
def check_sheet(answer, _):
    if not isinstance(answer, dict):
        raise NotYet("no sheet", kind=type(answer).__name__)
    if KEYS - set(answer):
        raise NotYet("a key missing", keys=", ".join(sorted(KEYS - set(answer))))
    dots = [key for key, value in answer.items() if value is ...]
    if dots:
        raise NotYet("dots", keys=", ".join(dots))
    for key in ("question", "limits"):
        if len(str(answer[key]).split()) < FEWEST_WORDS:
            raise NotYet("no sentence", key=key)
    right, n = _counts(answer)
    baseline, seeds = _shares(answer["baseline"], "baseline")[0], _shares(answer["network"], "network")
    if len(seeds) < FEWEST_SEEDS:
        raise NotYet("too few seeds", count=len(seeds))
    low, high = interval(right, n)
    verdict = "beaten" if baseline < low else "not beaten" if baseline > high else "cannot tell"
    if answer["verdict"] not in VERDICTS:
        raise NotYet("no verdict", verdicts=", ".join(VERDICTS), verdict=answer["verdict"])
    figures = {"baseline": baseline, "share": right / n, "low": low, "high": high, "verdict": verdict}
    if answer["verdict"] != verdict:
        raise NotYet("another verdict", yours=answer["verdict"], **figures)
    return figures


def _counts(sheet):
    """How many of the test rows the network has right, and how many there are."""
    rows, test = (np.atleast_1d(np.asarray(sheet[key], dtype=float)) for key in ("rows", "test"))
    if rows.shape != (3,) or (rows < 1).any() or (rows != rows.round()).any():
        raise NotYet("rows")
    if test.shape != (2,) or (test != test.round()).any() or not 0 <= test[0] <= test[1]:
        raise NotYet("test")
    if test[1] != rows[2]:
        raise NotYet("other test rows", n=int(test[1]), rows=int(rows[2]))
    return int(test[0]), int(test[1])


def _shares(value, key):
    shares = np.atleast_1d(np.asarray(value, dtype=float))
    if not ((shares >= 0) & (shares <= 1)).all():
        raise NotYet("no share", key=key)
    return shares
