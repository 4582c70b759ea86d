"""The lab books of a class as one page: the show of hands, what most got wrong, and who is where."""

from collections import Counter, defaultdict
from html import escape
from statistics import median

from helpers.curves.opinion import printable
from helpers.memory.drawn import overlay
from helpers.memory.summary import SURE, Summary
from helpers.memory.tables import MOST, Table, bars, page

BINS = 8  # of a prediction that is a number, where more than so many different ones were given


def class_page(students, left_out=()):
    """The page as text. students: of `collected.Student`; left_out: sentences on files that are not in it."""
    people = [(student.who, Summary(student.entries)) for student in students]
    summaries = [so_far for _, so_far in people]
    parts = [
        f"<p>{len(people)} lab books.</p>",
        _section("Predictions: a show of hands", _hands(summaries)),
        _section("Exercises", _exercises(summaries).html()),
        _section("Questions", _questions(summaries).html()),
        _section("Cases that were taken for others", _confusions(summaries).html()),
        _section("Who is where", _who_is_where(people).html()),
        _section("Files that were left out", "".join(f"<p>{escape(printable(words))}</p>" for words in left_out)),
    ]
    return page("A class and its lab books", "".join(parts))


def _section(title, body):
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def _hands(summaries):
    """What was said to each question, and behind a fold what happened."""
    said = [each for so_far in summaries for each in so_far.predictions if each.said and not each.late]
    asked = _grouped(said)
    parts = []
    for (lesson, name), answers in list(asked.items())[:MOST]:
        judged = [each for each in answers if each.right is not None]
        sure = [each.right for each in judged if each.sure == len(SURE) - 1]
        right = f"{sum(each.right for each in judged)} of {len(judged)} were right"
        right += f", and of those who were {SURE[-1]} {sum(sure)} of {len(sure)}" if sure else ""
        drawn = sum(each.scale == "curve" for each in answers)
        hands, came = bars(spread(answers)), ""
        if drawn == len(answers):
            hands = f"<p>{drawn} drew a curve.</p>{overlay(answers, with_run=False)}"
            came = overlay(answers, with_run=True)
        parts.append(
            f"<h3>{f'Lesson {lesson}: ' if lesson else ''}{escape(name)}</h3>{hands}"
            f"<details><summary>What happened</summary><p>{escape(_outcome(answers))}. {right}.</p>{came}</details>"
        )
    more = len(asked) - len(parts)
    return "".join(parts) + (f"<p>And {more} more.</p>" if more else "")


def _outcome(answers):
    """What the runs of a class gave, in words."""
    happened = [each.happened for each in answers if each.happened]
    if not happened:
        return "Nobody has run it yet"
    try:
        figures = sorted(map(float, happened))
        return f"Between {figures[0]:.4g} and {figures[-1]:.4g}, in the middle {median(figures):.4g}"
    except ValueError:
        return ", ".join(f"{words} ({count})" for words, count in Counter(happened).most_common(BINS))


def spread(answers):
    """{what was said: by how many} of the `Prediction`s to one question. Numbers in their order, many different ones in
    classes of equal width; all else by how often it was said."""
    numbers = [each.value for each in answers if type(each.value) in (int, float)]
    if len(numbers) < len(answers) or max(map(abs, numbers)) > 1e300:
        return dict(Counter(each.said or "–" for each in answers).most_common(MOST))
    if len(set(numbers)) <= BINS:
        return {f"{value:.4g}": count for value, count in sorted(Counter(numbers).items())}
    low, width = min(numbers), (max(numbers) - min(numbers)) / BINS
    places = Counter(min(BINS - 1, int((value - low) / width)) for value in numbers)
    return {f"{low + width * bin_:.3g} to {low + width * (bin_ + 1):.3g}": places[bin_] for bin_ in range(BINS)}


def _exercises(summaries):
    tried = _grouped(each for so_far in summaries for each in so_far.exercises)
    rows = []
    for (lesson, _), exercises in tried.items():
        wrong = Counter(mistake for each in exercises for mistake in each.wrong)
        said = {mistake: words for each in exercises for mistake, words in each.said.items()}
        mistakes = "; ".join(f"{said[mistake] or mistake} ({count})" for mistake, count in wrong.most_common(3))
        solved = sum(each.solved is not False for each in exercises)
        tries = f"{median(each.tries for each in exercises):g}"
        rows.append([f"Lesson {lesson}, {exercises[0]}", f"{solved} of {len(exercises)}", tries, mistakes or "–"])
    rows.sort(key=lambda row: -float(row[2]))
    heads = ["Exercise", "Solved", "Tries (median)", "What students were told most often (how many of them)"]
    return Table("What took most tries comes first", heads, rows)


def _questions(summaries):
    asked = _grouped(each for so_far in summaries for each in so_far.questions)
    rows = []
    for (_, name), answers in asked.items():
        chosen = Counter(each.chosen or "–" for each in answers)
        right = {each.chosen for each in answers if each.first}
        letters = ", ".join(f"{letter}{' ✓' if letter in right else ''}: {chosen[letter]}" for letter in sorted(chosen))
        rows.append([f"Question {name}", sum(not each.first for each in answers), len(answers), letters])
    rows.sort(key=lambda row: -row[1] / row[2])
    heads = ["Question", "Missed at first", "Answered by", "First answers"]
    return Table("What most missed comes first", heads, rows)


def _confusions(summaries):
    times, people = Counter(), Counter()
    for so_far in summaries:
        times.update(so_far.confusions)
        people.update(set(so_far.confusions))
    rows = [[case, said, count, people[case, said]] for (case, said), count in times.most_common()]
    heads = ["What it was", "What it was taken for", "Times", "By how many"]
    return Table(f"In {sum(so_far.named for so_far in summaries)} names given in the clinic", heads, rows)


def _who_is_where(people):
    rows = []
    for who, so_far in people:
        first = [each.first for each in so_far.questions]
        right = [each.right for each in so_far.predictions if each.right is not None]
        last = so_far.entries[-1] if so_far.entries else {"time": "–", "lesson": None}
        reached = so_far.lessons[-1] if so_far.lessons else "–"
        solved = sum(each.solved is not False for each in so_far.exercises)
        shares = [f"{sum(part)} of {len(part)}" for part in (first, right)]
        rows.append([who, reached, last["time"][:10], f"{solved} of {len(so_far.exercises)} tried", *shares])
    heads = ["Student", "Lesson", "Last entry", "Exercises solved", "Questions right at first", "Predictions right"]
    return Table("By the name they gave, or else their file", heads, sorted(rows))


def _grouped(things):
    """{(lesson, name): the things of that name}, in the order of lessons."""
    groups = defaultdict(list)
    for each in things:
        groups[each.lesson, each.name].append(each)
    return dict(sorted(groups.items(), key=lambda group: group[0][0]))
