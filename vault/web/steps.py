"""One form on several pages: each carries what the others said, *back* keeps it, and an error leads to its own page.

Nothing is kept between the pages but what they send, so what is typed never stands in an address or in a row before the
last one is sent. The buttons that lead from page to page are called `step`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from flask import g, request

from vault.errors import Invalid
from vault.web.locale import gettext
from vault.web.respond import FormState, Step, form_state

FIELD = "step"
REFUSED = "Check what was entered. Nothing was changed."


class Steps:
    """The pages of one form, in their order, each with the names of its inputs, and of faults that belong to it.

    `check` raises `Invalid` for whatever is wrong with the form as far as it is known.
    """

    def __init__(self, pages: Mapping[str, Sequence[str]], check: Callable[[], None]) -> None:
        self.pages = pages
        self._check = check

    def enter(self) -> int:
        """Show the page that was asked for, or the first one before it on which something is wrong; returns the status."""
        state, names = form_state(), list(self.pages)
        wanted = request.form.get(FIELD, names[0])
        place = names.index(wanted) if wanted in names else 0
        if state.error:
            place = names.index(self._first(state.faults, names) or names[-1])
        elif faults := self._faults(names[:place]):
            state = FormState(gettext(REFUSED), faults=faults)
            place = names.index(self._first(faults, names) or names[0])
        state.typed = request.form.to_dict(flat=False)
        state.step = self._step(names, place)
        g.form_state = state
        return 400 if state.error else 200

    def _step(self, names: Sequence[str], place: int) -> Step:
        others = [each for name in names if name != names[place] for each in self.pages[name]]
        carried = [(each, value) for each in others for value in request.form.getlist(each)]
        return Step(
            name=names[place],
            number=place + 1,
            before=names[place - 1] if place else None,
            after=names[place + 1] if place + 1 < len(names) else None,
            carried=carried,
            is_kept=any(each in request.form for each in self.pages[names[place]]),
        )

    def _first(self, faults: Collection[str], names: Sequence[str]) -> str | None:
        """The first of these pages that has one of the inputs."""
        return next((name for name in names if not set(faults).isdisjoint(self.pages[name])), None)

    def _faults(self, before: Sequence[str]) -> dict[str, str]:
        """What is wrong on these pages, by input, in the words of the whole form."""
        asked = {each for name in before for each in self.pages[name]}
        try:
            self._check()
        except Invalid as error:
            named = [
                (each.pointer.split("/")[1], gettext(each.message)) for each in error.errors if each.pointer
            ]
            firsts: dict[str, str] = {}
            for name, words in named:
                firsts.setdefault(name, words)
            return {name: words for name, words in firsts.items() if name in asked}
        return {}
