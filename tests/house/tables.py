"""Tables of the manual that are made from the code: what may be done by whom, document types, commands.

`python -m tests.house.tables` writes them anew between their marks in docs/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click

from tests.places import ROOT
from vault.access.actor import Role
from vault.access.policy import MATRIX, Permission, Scope
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cli import casevault

DOCS = ROOT / "docs"
WORDS = {
    Scope.EVERYWHERE: "all",
    Scope.OFFICE: "office",
    Scope.MEMBER: "bundle",
    Scope.OWNER: "own",
    Scope.BORROWER: "lent",
    Scope.RECEIVER: "offered",
}


def access() -> list[str]:
    """Role × permission; a cell says how far the right reaches."""
    roles = [role.value.replace("_", " ") for role in Role]
    return table(
        ["permission", *roles], ([f"`{p}`", *(_reach(p, role) for role in Role)] for p in Permission)
    )


def document_types() -> list[str]:
    """Code, name, kind, disposal class, tier, whether deposits are taken."""
    rows = (
        [f"`{t.code}`", t.name, t.kind, t.disposal, t.tier.replace("_", " "), _in_use(t.needs_approval)]
        for t in DOCUMENT_TYPES.values()
    )
    return table(["code", "name", "kind", "disposal", "tier", "in use"], rows)


def commands() -> list[str]:
    """Every command, its arguments and options, and its help."""
    rows = ([f"`casevault {name}`", _usage(command), _help(command)] for name, command in walk(casevault))
    return table(["command", "takes", "what it does"], rows)


def walk(group: click.Group, above: str = "") -> list[tuple[str, click.Command]]:
    """Every command below a group, by its full name."""
    context, found = click.Context(group), []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(name)
        inner = isinstance(command, click.Group)
        found += walk(command, f"{above}{name} ") if inner else [(f"{above}{name}", command)]
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


PLACES: dict[str, Callable[[], list[str]]] = {
    "access.md": access,
    "document-types.md": document_types,
    "commands.md": commands,
}
"""Each page of the manual with a made table, between the marks."""
BEGIN, END = "<!-- made from the code: python -m tests.house.tables -->\n", "<!-- end -->\n"


def kept(page: str) -> list[str]:
    """The lines of the table that the page holds now."""
    return (DOCS / page).read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines()


def write(page: str) -> None:
    """The page holds the table that the code makes."""
    before, _, rest = (DOCS / page).read_text(encoding="utf-8").partition(BEGIN)
    made = "\n".join(PLACES[page]())
    (DOCS / page).write_text(f"{before}{BEGIN}{made}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _in_use(needs_approval: bool) -> str:
    return "where approved" if needs_approval else "yes"


def _reach(permission: Permission, role: Role) -> str:
    return ", ".join(WORDS[rule.scope] for rule in MATRIX[permission] if role in rule.roles)


def _help(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _usage(command: click.Command) -> str:
    context = click.Context(command)
    arguments = [
        f"{each.make_metavar(context)}" for each in command.params if isinstance(each, click.Argument)
    ]
    options = [each.opts[-1] for each in command.params if isinstance(each, click.Option)]
    return " ".join(f"`{each}`" for each in [*arguments, *options])


if __name__ == "__main__":
    for name in PLACES:
        write(name)
