"""Why: the one place that knows what a project may ask (DESIGN.md section 7, pinned).

`parse_questions` turns what a manager wrote into frozen `Question`s and names every
mistake by its path; `to_wire` is the way back, in the pinned order of keys. What
annotators answer is judged in `answers`. Pure.

Choices the pinned table leaves open:

- `required` is true and `per` is "task" when left out; a missing title is the name.
- An option may be written as a bare string, which is its value and its title.
- `show_if` is `{"question": name, "is": value}` or `{"question": name, "in": [values]}`
  and refers to an *earlier* question of type label, labels, rating or preference, so
  cycles cannot be written. For `labels` it holds when one of the values was chosen; for
  `preference` the values are compared with `better`. A question per task cannot depend on
  one per candidate; one per candidate looks at the same candidate's answer. A question
  that depends on a hidden one is hidden.
- `anchors` (rating: `{"1": "words", …}`) and `rows` (text and edit: height of the field)
  are extensions, sent after the pinned keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from labeling.errors import Invalid
from labeling.rules.question_types import (
    CANDIDATE_KEY,
    MAX_HELP_CHARS,
    MAX_NAME_CHARS,
    MAX_OPTIONS,
    MAX_PREFERENCE_STEPS,
    MAX_QUESTIONS,
    MAX_RATING_STEPS,
    MAX_ROWS,
    MAX_TITLE_CHARS,
    NAME,
    RATING_BOUND,
    TYPES_PER_TASK_ONLY,
    TYPES_TO_DEPEND_ON,
    TYPES_WITH_OPTIONS,
    UNSTORABLE,
    Option,
    Per,
    Question,
    QuestionType,
    ShowIf,
    is_visible,
    to_wire,
)

__all__ = [
    "InvalidQuestions",
    "Option",
    "Per",
    "Question",
    "QuestionType",
    "ShowIf",
    "is_visible",
    "parse_questions",
    "to_wire",
]


class InvalidQuestions(Invalid):
    """The schema has mistakes; `fields` maps each one's path to a message."""


def parse_questions(raw: object) -> tuple[Question, ...]:
    """Read a project's question schema (DESIGN.md section 7).

    Raises: InvalidQuestions with every mistake's path (`questions[2].options[0].value`).
    """
    reader = _Reader()
    questions = reader.read(raw)
    if reader.mistakes:
        n = len(reader.mistakes)
        raise InvalidQuestions(
            f"The questions have {n} mistake{'s' if n > 1 else ''}.", fields=reader.mistakes
        )
    return questions


_KEYS_OF_ALL = frozenset({"name", "type", "title", "help", "required", "per", "show_if"})
_KEYS_OF_TYPE: dict[QuestionType, frozenset[str]] = {
    QuestionType.TEXT: frozenset({"rows"}),
    QuestionType.EDIT: frozenset({"rows"}),
    QuestionType.LABEL: frozenset({"options"}),
    QuestionType.LABELS: frozenset({"options"}),
    QuestionType.RATING: frozenset({"min", "max", "anchors"}),
    QuestionType.PREFERENCE: frozenset({"steps", "tie", "neither"}),
    QuestionType.RANKING: frozenset(),
    QuestionType.SPANS: frozenset({"options"}),
}
_KNOWN_KEYS = _KEYS_OF_ALL.union(*_KEYS_OF_TYPE.values())


def _keys_of(type_: QuestionType) -> frozenset[str]:
    return _KEYS_OF_ALL | _KEYS_OF_TYPE[type_]


def _shown(key: object) -> str:
    """Make a key from outside fit to be part of a path and a message."""
    return UNSTORABLE.sub("?", str(key)[:MAX_NAME_CHARS])


class _Reader:
    """Reads a schema and collects mistakes; what it returns is only good without any.

    A key that is present with null counts as absent.
    """

    def __init__(self) -> None:
        self.mistakes: dict[str, str] = {}
        self._earlier: dict[str, Question] = {}
        self._names: set[str] = set()

    def read(self, raw: object) -> tuple[Question, ...]:
        if not isinstance(raw, list | tuple) or not raw:
            self._note("questions", "Must be a list of at least one question.")
            return ()
        if len(raw) > MAX_QUESTIONS:
            self._note("questions", f"At most {MAX_QUESTIONS} questions.")
            return ()
        found = [self._question(each, f"questions[{i}]") for i, each in enumerate(raw)]
        return tuple(question for question in found if question is not None)

    def _note(self, path: str, message: str) -> None:
        self.mistakes.setdefault(path, message)

    def _question(self, raw: object, path: str) -> Question | None:
        if not isinstance(raw, Mapping):
            self._note(path, "Must be an object.")
            return None
        name = self._name(raw.get("name"), f"{path}.name")
        type_ = self._type(raw.get("type"), f"{path}.type")
        self._check_keys(raw, type_, path)
        if type_ is None:
            return None
        per = self._per(raw.get("per"), type_, f"{path}.per")
        low, high = self._range(raw, type_, path)
        question = Question(
            name=name,
            type=type_,
            title=self._text(raw.get("title"), f"{path}.title", MAX_TITLE_CHARS) or name,
            help=self._text(raw.get("help"), f"{path}.help", MAX_HELP_CHARS),
            required=self._boolean(raw.get("required"), f"{path}.required"),
            per=per,
            show_if=self._show_if(raw.get("show_if"), per, f"{path}.show_if"),
            options=self._options(raw.get("options"), type_, f"{path}.options"),
            min=low,
            max=high,
            anchors=self._anchors(raw.get("anchors"), low, high, f"{path}.anchors"),
            rows=self._rows(raw.get("rows"), f"{path}.rows"),
            **self._preference(raw, type_, path),
        )
        if name:
            self._earlier.setdefault(name, question)
        return question

    def _check_keys(self, raw: Mapping[str, object], type_: QuestionType | None, path: str) -> None:
        for key, value in raw.items():
            shown = _shown(key)
            if key not in _KNOWN_KEYS:
                self._note(f"{path}.{shown}", f"There is no key “{shown}” in a question.")
            elif value is not None and type_ is not None and key not in _keys_of(type_):
                self._note(f"{path}.{shown}", f"Does not apply to a {type_} question.")

    def _name(self, raw: object, path: str) -> str:
        if not isinstance(raw, str) or not NAME.match(raw):
            self._note(
                path, f"Must be 1–{MAX_NAME_CHARS} letters, digits, hyphens or underscores (ASCII)."
            )
            return ""
        if raw in self._names:
            self._note(path, f"Another question is called “{raw}”.")
        self._names.add(raw)
        return raw

    def _type(self, raw: object, path: str) -> QuestionType | None:
        if isinstance(raw, str) and raw in list(QuestionType):
            return QuestionType(raw)
        self._note(path, f"Must be one of {', '.join(QuestionType)}.")
        return None

    def _per(self, raw: object, type_: QuestionType, path: str) -> Per:
        if raw is None:
            return Per.TASK
        if not isinstance(raw, str) or raw not in list(Per):
            self._note(path, "Must be task or candidate.")
            return Per.TASK
        if raw == Per.CANDIDATE and type_ in TYPES_PER_TASK_ONLY:
            self._note(path, f"A {type_} question is asked per task.")
        return Per(raw)

    def _text(self, raw: object, path: str, max_chars: int) -> str:
        if raw is None:
            return ""
        if not isinstance(raw, str):
            self._note(path, "Must be a string.")
            return ""
        if len(raw) > max_chars:
            self._note(path, f"At most {max_chars} characters.")
        elif UNSTORABLE.search(raw):
            self._note(path, "Contains a character that cannot be stored.")
        return raw

    def _boolean(self, raw: object, path: str) -> bool:
        if raw is not None and not isinstance(raw, bool):
            self._note(path, "Must be true or false.")
        return raw is not False

    def _integer(self, raw: object, path: str, low: int, high: int) -> int | None:
        if type(raw) is int and low <= raw <= high:
            return raw
        self._note(path, f"Must be an integer from {low} to {high}.")
        return None

    def _options(self, raw: object, type_: QuestionType, path: str) -> tuple[Option, ...]:
        if type_ not in TYPES_WITH_OPTIONS:
            return ()
        if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_OPTIONS:
            self._note(path, f"A {type_} question needs a list of 1–{MAX_OPTIONS} options.")
            return ()
        options = [self._option(each, f"{path}[{i}]") for i, each in enumerate(raw)]
        seen: set[str] = set()
        for i, option in enumerate(options):
            if option.value and option.value in seen:
                self._note(f"{path}[{i}].value", "Another option has this value.")
            seen.add(option.value)
        return tuple(options)

    def _option(self, raw: object, path: str) -> Option:
        if isinstance(raw, str):
            raw = {"value": raw}
        if not isinstance(raw, Mapping):
            self._note(path, "Must be an object with value and title.")
            return Option("", "")
        for key in raw.keys() - {"value", "title"}:
            shown = _shown(key)
            self._note(f"{path}.{shown}", f"There is no key “{shown}” in an option.")
        value = self._text(raw.get("value"), f"{path}.value", MAX_TITLE_CHARS)
        if not value.strip():
            self._note(f"{path}.value", "Must be a string that is not blank.")
        return Option(
            value, self._text(raw.get("title"), f"{path}.title", MAX_TITLE_CHARS) or value
        )

    def _range(
        self, raw: Mapping[str, object], type_: QuestionType, path: str
    ) -> tuple[int | None, int | None]:
        if type_ is not QuestionType.RATING:
            return None, None
        ends: dict[str, int | None] = {"min": 1, "max": 5}
        for key in ends:
            if raw.get(key) is not None:
                ends[key] = self._integer(raw[key], f"{path}.{key}", -RATING_BOUND, RATING_BOUND)
        low, high = ends["min"], ends["max"]
        if low is None or high is None:
            return None, None
        if low >= high:
            self._note(f"{path}.max", f"Must be more than min ({low}).")
        elif high - low + 1 > MAX_RATING_STEPS:
            self._note(f"{path}.max", f"A rating has at most {MAX_RATING_STEPS} steps.")
        return low, high

    def _anchors(
        self, raw: object, low: int | None, high: int | None, path: str
    ) -> tuple[tuple[int, str], ...]:
        if raw is None or low is None or high is None:
            return ()
        if not isinstance(raw, Mapping) or len(raw) > MAX_RATING_STEPS:
            self._note(path, 'Must be an object like {"1": "words"}.')
            return ()
        steps = {str(step): step for step in range(low, min(high, low + MAX_RATING_STEPS) + 1)}
        anchors: dict[int, str] = {}
        for key, words in raw.items():
            shown = _shown(key)
            if shown not in steps:
                self._note(f"{path}.{shown}", f"Not a step from {low} to {high}.")
            elif self._is_words(words, f"{path}.{shown}"):
                anchors[steps[shown]] = str(words)
        return tuple(sorted(anchors.items()))

    def _is_words(self, raw: object, path: str) -> bool:
        if not self._text(raw, path, MAX_TITLE_CHARS).strip():
            self._note(path, "Must be a string that is not blank.")
        return path not in self.mistakes

    def _rows(self, raw: object, path: str) -> int | None:
        return None if raw is None else self._integer(raw, path, 1, MAX_ROWS)

    def _preference(
        self, raw: Mapping[str, object], type_: QuestionType, path: str
    ) -> _PreferenceKeys:
        if type_ is not QuestionType.PREFERENCE:
            return {"steps": None, "tie": None, "neither": None}
        steps: int | None = 3
        if raw.get("steps") is not None:
            steps = self._integer(raw["steps"], f"{path}.steps", 1, MAX_PREFERENCE_STEPS)
        return {
            "steps": steps,
            "tie": self._boolean(raw.get("tie"), f"{path}.tie"),
            "neither": self._boolean(raw.get("neither"), f"{path}.neither"),
        }

    def _show_if(self, raw: object, per: Per, path: str) -> ShowIf | None:
        if raw is None:
            return None
        if not isinstance(raw, Mapping) or set(raw) not in ({"question", "is"}, {"question", "in"}):
            self._note(
                path,
                'Must be {"question": name, "is": value} or {"question": name, "in": [values]}.',
            )
            return None
        name = raw["question"]
        target = self._earlier.get(name) if isinstance(name, str) else None
        if target is None:
            self._note(f"{path}.question", "Must be the name of an earlier question.")
            return None
        if target.type not in TYPES_TO_DEPEND_ON:
            self._note(f"{path}.question", f"Cannot depend on a {target.type} question.")
            return None
        if target.per is Per.CANDIDATE and per is Per.TASK:
            self._note(f"{path}.question", "Cannot depend on a question per candidate.")
        key = "is" if "is" in raw else "in"
        wanted = [raw["is"]] if key == "is" else raw["in"]
        if not isinstance(wanted, list | tuple) or not wanted:
            self._note(f"{path}.in", "Must be a list of at least one value.")
            return None
        for value in wanted:
            if not _is_possible(target, value):
                self._note(f"{path}.{key}", f"Not a value that “{target.name}” can have.")
                return None
        return ShowIf(target, tuple(dict.fromkeys(wanted)))


class _PreferenceKeys(TypedDict):
    steps: int | None
    tie: bool | None
    neither: bool | None


def _is_possible(target: Question, value: object) -> bool:
    if target.type is QuestionType.RATING:
        if target.min is None or target.max is None:
            return True  # the range is a mistake of its own
        return type(value) is int and target.min <= value <= target.max
    if not isinstance(value, str):
        return False
    if target.type is QuestionType.PREFERENCE:
        offered = (value == "tie" and target.tie) or (value == "neither" and target.neither)
        return bool(offered) or CANDIDATE_KEY.match(value) is not None
    return not target.options or value in target.option_values
