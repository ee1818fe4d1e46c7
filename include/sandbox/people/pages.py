"""A web page as a person uses it: its text, its links, and its forms with what they hold already.

People of the sandbox know no route and no field by heart: they follow links and fill in the forms that they are shown, so
that a form that nobody could use is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import requests

_TIMEOUT_S = 60.0


class PageRefused(Exception):
    """The server answered with an error; the message is what the page said."""

    def __init__(self, method: str, address: str, status: int, said: str) -> None:
        super().__init__(f"{method} {address}: HTTP {status} {said[:300]}")
        self.status = status
        self.said = said


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a form. `action`: where it sends the form to, if not to the form's own address."""

    name: str
    value: str
    action: str

    def is_called(self, wanted: str | None) -> bool:
        """Whether it is the wanted one: by its value, or by the last part of its address; None: any."""
        return wanted in (None, self.value, self.action.partition("?")[0].rpartition("/")[2])


@dataclass(slots=True)
class Form:
    """A form: hidden and prefilled fields, ticked boxes, choices, and its buttons."""

    action: str
    method: str
    near: str = ""
    """The last link before it on the page: what it is about."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def offers(self, button: str) -> bool:
        """Whether it has this button."""
        return any(one.is_called(button) for one in self.buttons)

    def filled(
        self, button: str | None, values: Mapping[str, str | Sequence[str]]
    ) -> tuple[str, list[tuple[str, str]]]:
        """Where it is sent to, and what: the fields as shown with `values` in their place, and the pressed button."""
        sent = {name: list(shown) for name, shown in self.fields.items()}
        sent |= {name: [value] if isinstance(value, str) else list(value) for name, value in values.items()}
        pairs = [(name, value) for name, some in sent.items() for value in some]
        pressed = next((one for one in self.buttons if one.is_called(button)), None)
        if pressed is None:
            return self.action, pairs
        return pressed.action or self.action, pairs + ([(pressed.name, pressed.value)] if pressed.name else [])


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was opened; links and forms have absolute addresses."""

    address: str
    text: str
    links: tuple[tuple[str, str], ...]
    forms: tuple[Form, ...]

    def linked(self, pattern: str) -> list[str]:
        """The addresses of its links that end as `pattern` says, each once."""
        return list(dict.fromkeys(address for address, _ in self.links if re.search(f"{pattern}$", address)))

    def form(self, pattern: str) -> Form | None:
        """The first form whose address ends as `pattern` says."""
        return next(iter(self.all_forms(pattern)), None)

    def all_forms(self, pattern: str) -> Iterator[Form]:
        """Every form whose address ends as `pattern` says."""
        return (form for form in self.forms if re.search(f"{pattern}$", form.action))


class Browser:
    """Opens pages and sends forms; with a token, as the person that it was given to."""

    def __init__(self, token: str | None = None, session: requests.Session | None = None) -> None:
        self._session = session or requests.Session()
        # A proxy in the environment must not stand between two processes of one machine.
        self._session.trust_env = False
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def logged_in(cls, airflow_url: str, user: str, password: str) -> Self:
        """A person with a login of Airflow. Raises PageRefused."""
        session = requests.Session()
        session.trust_env = False
        address = f"{airflow_url}/auth/token"
        answer = session.post(address, json={"username": user, "password": password}, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise PageRefused("POST", address, answer.status_code, answer.text)
        return cls(answer.json()["access_token"])

    def open(self, address: str) -> Page:
        """The page at an address. Raises PageRefused."""
        return _read(self._session.get(address, timeout=_TIMEOUT_S))

    def fetched(self, address: str) -> bytes | None:
        """The content at an address as it is; None where there is none (yet). Raises PageRefused."""
        answer = self._session.get(address, timeout=_TIMEOUT_S)
        if answer.status_code == 404:
            return None
        if not answer.ok:
            raise PageRefused("GET", address, answer.status_code, answer.text)
        return answer.content

    def send(self, form: Form, button: str | None = None, **values: str | Sequence[str]) -> Page:
        """Fill in a form, press a button (by its value or address; None: the first), and open what follows. Raises
        PageRefused."""
        address, sent = form.filled(button, values)
        if form.method == "get":
            return _read(self._session.get(address, params=sent, timeout=_TIMEOUT_S))
        answer = self._session.post(address, data=sent, timeout=_TIMEOUT_S)
        # What the server says about an act is in a cookie for the next page; a token alone must stay the way in.
        self._session.cookies.clear()
        return _read(answer)


def page_of(address: str, html: str) -> Page:
    """Read a page."""
    parser = _Parser(address)
    parser.feed(html)
    parser.close()
    text = " ".join("".join(parser.text).split())
    return Page(address, text, tuple(parser.links), tuple(parser.forms))


def _read(answer: requests.Response) -> Page:
    page = page_of(answer.url, answer.text)
    if not answer.ok:
        raise PageRefused(str(answer.request.method), answer.url, answer.status_code, page.text)
    return page


class _Parser(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.text: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""
        self._silent = 0
        self._link = ""
        self._said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._silent += 1
        elif tag == "a" and "href" in known:
            self._link, self._said = urljoin(self.address, known["href"]), []
        elif tag == "form":
            action = urljoin(self.address, known.get("action") or self.address)
            near = self.links[-1][0] if self.links else ""
            self._form = Form(action, known.get("method", "get").lower(), near)
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(tag, known, self._form)

    def _field(self, tag: str, known: Mapping[str, str], form: Form) -> None:
        name, value = known.get("name", ""), known.get("value", "")
        if tag == "input":
            kind = known.get("type", "text")
            if kind in ("checkbox", "radio"):
                form.choices.setdefault(name, []).append(value)
                if "checked" not in known:
                    return
            if name:
                form.fields.setdefault(name, []).append(value)
        elif tag == "textarea" and name:
            form.fields.setdefault(name, [""])
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(value)
            if "selected" in known or self._select not in form.fields:
                form.fields[self._select] = [value]
        elif tag == "button":
            action = known.get("formaction")
            form.buttons.append(Button(name, value, urljoin(self.address, action) if action else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent -= 1
        elif tag == "a" and self._link:
            self.links.append((self._link, "".join(self._said).strip()))
            self._link = ""
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        if tag in ("p", "td", "th", "li", "h1", "h2", "h3", "tr", "label", "div", "summary"):
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)
            self._said.append(data)
