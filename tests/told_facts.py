"""What the runtime says of two made-up afternoons: every kind of answer from facts, in the words that dialogue gives it."""

from __future__ import annotations

from edge_runtime.speak import dialogue
from tests.speaking import THERE, Shelf, concept, past, sighting

_LATER_S = (300.0, 8100.0)
"""When the questions are asked: soon after, and when everything is hours ago."""
_QUESTIONS = (
    "where was my {cup}?",
    "where did I leave my {keys}?",
    "where was my {bag}?",
    "where was the {animal}?",
    "where was the {clock}?",
    "when did I last see my {cup}?",
    "when did I first see my {cup}?",
    "when did I last look at my {keys}?",
    "when did I see a {bus}?",
    "how long did I look at my {cup}?",
    "how long was my {bag} in view?",
    "how long did I look at the {clock}?",
    "how often did I see my {cup}?",
    "how often did I look at my {keys}?",
    "how often did I see a {animal}?",
    "how often did I see my {cup} in the last 4 minutes?",
    "did you see my {cup}?",
    "did you see a {animal}?",
    'did you see "{exit}"?',
    "what was next to my {cup}?",
    "what was beside my {keys}?",
    "what did I look at before my {cup}?",
    "what did I look at after my {keys}?",
    "what did I look at before the {clock}?",
    "what did I look at?",
    "what did I look at longest?",
    "what did the sign say?",
    "what did the first sign say?",
    "what did the letter say?",
    "what was at the {desk}?",
    "where was I before I saw my {keys}?",
    "where was I after I saw my {cup}?",
    "what did I look at while I was at the {desk}?",
)
_MORNING = {"cup": "mug", "keys": "keys", "bag": "bag", "animal": "dog", "clock": "clock", "bus": "bus", "exit": "EXIT", "desk": "desk"}
_EVENING = {
    **{"cup": "water bottle", "keys": "passport", "bag": "umbrella", "animal": "cat"},
    **{"clock": "laptop", "bus": "bicycle", "exit": "GATE B12", "desk": "kitchen counter"},
}
_LABELS = {"dog": "golden retriever", "clock": "analog clock", "bus": "trolleybus", "cat": "tabby", "bicycle": "mountain bike"}


def told_facts() -> tuple[str, ...]:
    """Different sentences, each an answer from facts, as the wearer would hear it."""
    told = (
        dialogue.answer(question.format(**names), (), past(_seen(names), now_s))
        for names in (_MORNING, _EVENING)
        for now_s in _LATER_S
        for question in _QUESTIONS
    )
    return tuple(dict.fromkeys(reply.text for reply in told if reply.code == "ANSWERED"))


def _seen(names: dict[str, str]) -> Shelf:
    cup, keys, bag, sign = (names[key] for key in ("cup", "keys", "bag", "exit"))
    clock, animal, bus = (_LABELS.get(names[key], names[key]) for key in ("clock", "animal", "bus"))
    shelf = Shelf(
        [
            sighting(1, "text", sign, 4, 6, place_id=1),
            sighting(2, "concept", cup, 20, 29, place_id=2),
            sighting(3, "label", clock, 31, 34, place_id=2),
            sighting(4, "concept", keys, 60, 64, place_id=3),
            sighting(5, "label", animal, 81, 88, place_id=None),
            sighting(6, "text", "ROOM 204\nQUIET PLEASE", 110, 113, place_id=1),
            sighting(7, "concept", cup, 130, 171, place_id=3),
            sighting(8, "concept", bag, 150, 158, place_id=3, gazed=False, box=THERE),
            sighting(9, "label", bus, 190, 193, place_id=None),
            sighting(10, "concept", keys, 205, 207, place_id=2),
            sighting(11, "text", "PLATFORM 9 TO DELFT 17:42", 240, 244, place_id=4),
        ],
        [concept(name) for name in (cup, keys, bag)],
    )
    shelf.places = {1: f'by the sign "{sign}"', 2: f"at the {names['desk']}", 3: 'by the sign "PUSH"', 4: 'by the sign "PLATFORM 9"'}
    shelf.beside = {2: (f"what looks like a {names['clock']}",), 4: (f"your {bag}",), 7: (f"your {bag}", f'"{sign}"'), 10: (f"your {cup}",)}
    return shelf
