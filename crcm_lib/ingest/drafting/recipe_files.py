"""Recipes: what the exports of a system look like, as data in `recipes/*.yaml`, and which files they fit.

A recipe names the kinds of file that a system exports (`roles`), for each its fields with all the names that
headers give them (labels and API names), and the parts of a description that they fill. Names of fields stand
in braces in its expressions: `"{quantity} * {price}"`; `{orders.buyer}` is a field of a lookup.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from pydantic import Field

from crcm_lib.config.bands import Strict
from crcm_lib.config.yaml_loader import build, read_settings
from crcm_lib.errors import DataError
from crcm_lib.ingest.drafting.export_files import Export
from crcm_lib.ingest.drafting.spelling import fold, fold_without_unit
from crcm_lib.ingest.sources.description import Words

FIELD = re.compile(r"\{([a-z_]+)(?:\.([a-z_]+))?\}")


class Role(Strict):
    """A kind of file.

    Attributes
    ----------
    fields
        By field the names that a header may give it, the best first.
    requires
        Fields without which a file is not of this kind; `a|b` asks for one of two.
    """

    fields: dict[str, Words[str]]
    requires: list[str]


class FillDownRecipe(Strict):
    """Fields that stand on the first line of a group only."""

    columns: list[str]
    within: str = ""


class ExclusionRecipe(Strict):
    """Records to set aside: the first of the conditions whose fields are there."""

    when: Words[str]
    reason: str


class PartRecipe(Strict):
    """What fills a part of a description.

    Attributes
    ----------
    unless
        Roles; the part is left out where a file of one of them is there.
    columns
        By column of the input table the expressions of which the first that can be written is taken.
    lookups
        By role the pairs of keys (ours: theirs) of which the first that is there is taken.
    needs
        Columns without which the part makes no sense, beside those that the table requires.
    keys
        Further keys of the description as they stand.
    """

    table: str
    role: str
    unless: list[str] = Field(default_factory=list)
    columns: dict[str, Words[str]]
    lookups: dict[str, list[dict[str, str]]] = Field(default_factory=dict)
    fill_down: FillDownRecipe | None = None
    returns: Words[str] = Field(default_factory=list)
    exclude: list[ExclusionRecipe] = Field(default_factory=list)
    needs: list[str] = Field(default_factory=list)
    keys: dict[str, Any] = Field(default_factory=dict)


class Recipe(Strict):
    """The exports of one system.

    Attributes
    ----------
    generic
        Whether it describes no system but usual words; nothing that it proposes is proven by its names.
    customer
        Who a customer is: by role an expression; of several ways the one that fits most files is taken.
    proposals
        A currency or time zone that is usual there; to be confirmed.
    """

    name: str
    title: str
    generic: bool = False
    roles: dict[str, Role]
    customer: list[dict[str, str]]
    parts: list[PartRecipe]
    proposals: dict[str, str] = Field(default_factory=dict)


@dataclass
class Match:
    """A file that is of a role: its fields with the names of its columns."""

    export: Export
    recipe: Recipe
    role: str
    names: dict[str, str] = field(default_factory=dict)


@cache
def read_recipes() -> tuple[Recipe, ...]:
    """All recipes, those of a system before generic ones."""
    recipes = []
    with resources.as_file(resources.files(__package__) / "recipes") as folder:
        for path in sorted(folder.glob("*.yaml")):
            settings = read_settings(path)
            recipe = build(settings, Recipe)
            if settings.problems or recipe is None:
                raise DataError(settings.report())
            recipes.append(recipe)
    return tuple(sorted(recipes, key=lambda recipe: recipe.generic))


@cache
def known_names() -> frozenset[str]:
    """Every folded name that a recipe knows."""
    return frozenset(
        fold(name)
        for recipe in read_recipes()
        for role in recipe.roles.values()
        for names in role.fields.values()
        for name in names
    )


def find_role(export: Export) -> Match | None:
    """The role that a file is of: one of a system before a generic one, then that with most fields there."""
    matches = [
        Match(export, recipe, name, names)
        for recipe in read_recipes()
        for name, role in recipe.roles.items()
        if (names := match_fields(role, export.header)) and _has_required(role, names)
    ]
    return max(matches, key=lambda match: (not match.recipe.generic, len(match.names)), default=None)


def match_fields(role: Role, header: list[str]) -> dict[str, str]:
    """The role's fields with the columns that hold them, in whatever order and company they stand.

    >>> role = Role(fields={"order": ["Order No"], "day": ["Date"]}, requires=[])
    >>> match_fields(role, ["date", "x", "order_no"])
    {'order': 'order_no', 'day': 'date'}
    """
    exact: dict[str, str] = {}
    for name in header:
        exact.setdefault(fold(name), name)
    folded = {fold_without_unit(name): name for name in reversed(header)} | exact
    found, taken = {}, set()
    for own, names in role.fields.items():
        match = next((folded[fold(name)] for name in names if fold(name) in folded), None)
        if match is not None and match not in taken and "`" not in match:
            found[own] = match
            taken.add(match)
    return found


def _has_required(role: Role, names: dict[str, str]) -> bool:
    return all(any(choice in names for choice in needed.split("|")) for needed in role.requires)


def write_expression(template: str, names: dict[str, dict[str, str]]) -> str | None:
    """An expression with the names of columns in their places; None if one of its fields is not there.

    Parameters
    ----------
    names
        By role the names of its fields; "" is the part's own role.

    >>> write_expression("{price} * {n}", {"": {"price": "Unit price", "n": "Qty"}})
    '`Unit price` * Qty'
    """
    fields = FIELD.findall(template)
    if any(_locate(first, second, names) is None for first, second in fields):
        return None
    return FIELD.sub(lambda found: _locate(found[1], found[2] or "", names) or "", template)


def _locate(first: str, second: str, names: dict[str, dict[str, str]]) -> str | None:
    role, own = (first, second) if second else ("", first)
    name = names.get(role, {}).get(own)
    if name is None:
        return None
    quoted = name if re.fullmatch(r"[^\W\d]\w*", name) and name.lower() not in RESERVED else f"`{name}`"
    return f"{role}.{quoted}" if role else quoted


RESERVED = ("and", "or", "not", "in", "like")


def write_first(templates: list[str], names: dict[str, dict[str, str]]) -> str | None:
    """The first of the expressions that can be written."""
    return next(
        (text for template in templates if (text := write_expression(template, names)) is not None), None
    )
