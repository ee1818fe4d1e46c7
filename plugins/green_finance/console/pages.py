"""How the console answers: its templates, its database, and the message about an act on the page that follows."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from sqlalchemy import Engine

from green_finance.connections import settings
from green_finance.console.form_tokens import token_for
from green_finance.console.navigation import Group, Page, pages_for, section_of
from include.base.business_time import BusinessClock
from include.domain.identity import QUARTER
from include.domain.roles import Role
from include.reference import departments
from include.reference.day import Day
from include.store.confinement import confined, for_people
from include.store.coordinators import posts
from include.store.database import open_database
from include.store.grants import DatabaseRole
from include.store.people import called, names
from include.store.reports import page_in_force
from include.store.simulated_time import business_start
from include.words.amounts import amount, wan_column
from include.words.moments import moment, time_of_day
from include.words.names import rule_text
from include.words.states import word

_NOTE = "green_finance_note"

_confined_to: ContextVar[tuple[frozenset[str], str] | None] = ContextVar(
    "departments of the request's user", default=None
)


@cache
def whole_engine() -> Engine:
    """The business database, at the newest schema, not confined."""
    return for_people(open_database(settings(), DatabaseRole.CONSOLE))


def engine() -> Engine:
    """The business database as this request's user may see it: confined to his departments, if he is."""
    to = _confined_to.get()
    return whole_engine() if to is None else confined(whole_engine(), *to)


def confine_request(departments: frozenset[str] | None, actor: str) -> None:
    """Confine `engine` for this request to these departments; None: not confined."""
    _confined_to.set(None if departments is None else (departments, actor))


def business_now() -> datetime:
    """Business time, the same as in tasks."""
    return BusinessClock.starting_at(business_start(whole_engine(), settings())).now()


def business_day() -> Day:
    """The business day, as the tasks have it."""
    return Day.in_force(business_now())


CurrentDay = Annotated[Day, Depends(business_day)]


def show(request: Request, template: str, status_code: int = 200, **values: object) -> HTMLResponse:
    """A page; with the message of the act before it, once."""
    note = unquote(request.cookies.get(_NOTE, ""))
    page = HTMLResponse(
        _templates()
        .get_template(template)
        .render(
            **values,
            note=note,
            root=_root(request),
            pages=_pages_for(request),
            section=section_of(_path(request)),
            form_token=_form_token(request),
            people=_People(),
        ),
        status_code=status_code,
    )
    if note:
        page.delete_cookie(_NOTE)
    return page


def standalone(template: str, status_code: int = 200, **values: object) -> HTMLResponse:
    """A page outside of the console's frame: for visitors who are not its users."""
    return HTMLResponse(_templates().get_template(template).render(**values), status_code=status_code)


def done(address: str, note: str) -> RedirectResponse:
    """After an act: redirect to the page at `address` (relative), which shows `note`. Reloading it repeats nothing."""
    answer = RedirectResponse(address, status_code=303)
    answer.set_cookie(_NOTE, quote(note), max_age=60, httponly=True, samesite="strict")
    return answer


def _pages_for(request: Request) -> list[tuple[Group, list[Page]]]:
    """The pages that this visitor may open; none before the visitor is identified."""
    access = getattr(request.state, "access", None)
    return pages_for(access.roles) if access is not None else []


def _form_token(request: Request) -> str:
    access = getattr(request.state, "access", None)
    return token_for(access.actor) if access is not None else ""


def _path(request: Request) -> str:
    """The path of a page below the console, which may be mounted anywhere."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _root(request: Request) -> str:
    """The relative path from a page to the console's first one."""
    return "../" * (_path(request).count("/") - 1) or "./"


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
    )
    found.globals["quarter_pattern"] = QUARTER
    found.filters["moment"] = moment
    found.filters["amount"] = amount
    found.filters["wan_column"] = wan_column
    found.filters["time_of_day"] = time_of_day
    found.filters["department"] = lambda code: departments()[code].short_name if code in departments() else code
    found.filters["rule_text"] = rule_text
    found.filters["person"] = _person
    found.filters["by_whom"] = _by_whom
    return found


class _People:
    """The names of everybody who ever acted, read once for a page that shows any."""

    @cached_property
    def names(self) -> dict[str, str]:
        with whole_engine().connect() as connection:
            return {**posts(connection), **names(connection)}


@pass_context
def _person(context: Context, actor: str) -> str:
    return called(context["people"].names, actor)


@pass_context
def _by_whom(context: Context, actor: str, role: str) -> str:
    """Who acted, in words: the system itself, or a person with the role."""
    return "系统" if role == "system" else f"{_person(context, actor)}（{word(Role, role)}）"


def published(kind: str, quarter: str, missing: str) -> HTMLResponse:
    """The page in force of this kind, as published; 404 with the sentence `missing` if there is none."""
    with engine().connect() as connection:
        html = page_in_force(connection, kind, quarter)
    if html is None:
        raise HTTPException(404, missing)
    return document(html)


def document(html: str) -> HTMLResponse:
    """A page that was written before."""
    return HTMLResponse(html)
