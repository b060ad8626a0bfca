"""Radio buttons that show one kind of row; they work without a script, since the style sheet does the hiding."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.markup import Markup, el, join


def choose(group: str, choices: Sequence[tuple[str, str, int]]) -> Markup:
    """Make the buttons of one group: ``(key, name, count)`` each; the first is chosen, empty ones are left out."""
    buttons = [
        join(
            [
                el("input", type="radio", name=group, id=f"{group}-{key}", value=key, checked=key == choices[0][0]),
                el("label", f"{name} ", el("span.count", f"{count:,}"), for_=f"{group}-{key}"),
            ]
        )
        for key, name, count in choices
        if count
    ]
    return el("fieldset.filter", el("legend", "Show"), buttons)
