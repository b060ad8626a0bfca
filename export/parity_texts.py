"""Texts that a converted language model is tried on: of the kind that it will read and write here, and some that trip tokenizers up."""

from __future__ import annotations

QUESTIONS = (
    "What is on the table?",
    "Where did I leave my keys? I had them at 10:45, I think.",
)
"""Asked of a picture."""

STUMBLES = (
    "It isn't 3.14159, it's 22/7; they've said so, I'd bet, and we'll see.",
    "Platform 12a:\n\n  10:45 \u2192 Zürich HB,\t11:07 \u2192 Genève\n",
    "\u201cEXIT\u201d \u2014 naïve façade, 10 °C, £4.50 (50 % off!!!)",
    "出口 3, Выход 4, \u05d9\u05e6\u05d9\u05d0\u05d4, \U0001f600\U0001f469\u200d\U0001f4bb",
    "   leading and trailing   ",
)
"""What a wrong rule for cutting text would cut otherwise."""

PASSAGES = (
    "The red cup is on the table near the window, and the keys are beside it. You put them there two minutes ago, when you came in from "
    "the garden with the letters in your hand. The letters are on the shelf by the door now. One of them is from the bank; the other two "
    "have no sender on them. The window is still open, and the kettle has stopped.",
    "The sign over the door says that the shop opens at nine and closes at half past six, except on Sundays. It is ten to nine. A woman in "
    "a green coat waits in front of it with a dog. Across the street a van is being unloaded: boxes of oranges, a crate of milk, and "
    "flowers in buckets. Nobody has gone in or out since you sat down.",
    "To change the wheel, first loosen the nuts by half a turn while the car still stands on the ground. Then lift it with the jack until "
    "the tyre is clear of the road. Take the nuts off, keep them together, and pull the wheel towards you. Put the spare one on, turn the "
    "nuts by hand, let the car down, and only then tighten them, each in turn with the one opposite.",
    "The next train to the airport leaves from platform three at 10:45 and takes twenty-five minutes. The one after it is a slow train and "
    "stops at every station. If you want to buy a coffee first, the kiosk at the end of the platform has a short queue. Your ticket is in "
    "the left pocket of your jacket, where you put it after the man had looked at it.",
)
"""Plain running text, to see how well the next word is foreseen."""

READINGS = (
    "It is raining a little. The bus that goes up the hill is number eight, and it comes every quarter of an hour until midnight. If you "
    "walk, it takes twice as long, but you pass the baker's, who closes at seven. You told your sister that you would bring bread. The "
    "umbrella is in the stand behind the door; the black one is not yours.",
    "User: What did the doctor say about the tablets? Assistant: One in the morning and one in the evening, after a meal, for ten days. "
    "The box says the same. You took the last one at 8:20 this morning. User: And where is the box? Assistant: I saw it an hour ago on the "
    "kitchen shelf, to the left of the tea. I have not looked there since.",
    "The screen shows a warning: the battery is at 15 %, connect the charger. Below it are three buttons, named later, settings and close. "
    "On the desk in front of it lie a notebook, a blue pen, a pair of scissors and an orange. A note on the wall says: call Mr. Adler back "
    "before Thursday, 030 555 0192. Somebody has drawn a small fish in the corner of it.",
)
"""Other running text, to find out what each column of a matrix counts (:mod:`export.importance`)."""
