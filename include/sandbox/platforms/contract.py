"""The OpenAPI documents as validators of requests and answers.

A document is read once; its `$ref`s are resolved in place (no schema here is recursive), and each schema becomes a
`jsonschema` validator of Draft 2020-12, which is OpenAPI 3.1's own dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from include.sandbox.platforms.problem import Problem

CONTRACTS_DIR = Path(__file__).parents[2] / "contracts"

_FORMATS = FormatChecker(formats=())
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and date.fromisoformat(value) is not None)


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return _RFC3339.fullmatch(value) is not None and datetime.fromisoformat(value.upper()) is not None


@_FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation; `place` is path, query or header."""

    name: str
    place: str
    required: bool
    default: Any
    type: str | None
    validator: Draft202012Validator

    def read(self, text: str) -> Any:
        """The value of `text` in the parameter's JSON type; `text` itself if it is no such value."""
        if self.type == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text)
        if self.type == "boolean" and text in ("true", "false"):
            return text == "true"
        return text


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a contract."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Draft202012Validator]
    responses: Mapping[str, Mapping[str, Draft202012Validator]]

    def values(
        self, path: Mapping[str, str], query: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """The parameters by name, with defaults; Problem 400 with one error for each that breaks its schema."""
        places = {"path": path, "query": dict(query), "header": headers}
        values: dict[str, Any] = {}
        errors: list[dict[str, str]] = []
        known = {parameter.name for parameter in self.parameters if parameter.place == "query"}
        errors += [{"field": name, "message": "没有这个查询参数。"} for name, _ in query if name not in known]
        for parameter in self.parameters:
            text = places[parameter.place].get(
                parameter.name.lower() if parameter.place == "header" else parameter.name
            )
            if text is None:
                values[parameter.name] = parameter.default
                if parameter.required:
                    errors.append({"field": parameter.name, "message": "缺少必需的参数。"})
                continue
            values[parameter.name] = value = parameter.read(text)
            errors += [
                {"field": parameter.name, "message": _chinese(e)} for e in parameter.validator.iter_errors(value)
            ]
        if errors:
            raise Problem(400, "请求参数不符合接口约定", errors=errors)
        return values

    def content(self, media_type: str, raw: bytes) -> Any:
        """The request's body; Problem 415, 400 or 422 if it breaks the contract."""
        media_type = media_type.split(";")[0].strip().lower()
        validator = self.body.get(media_type)
        if validator is None:
            raise Problem(415, "请求的内容类型不符合接口约定", detail=f"应为 {'、'.join(self.body)}。")
        try:
            if media_type == "application/x-www-form-urlencoded":
                content: Any = dict(parse_qsl(raw.decode(), keep_blank_values=True))
            else:
                content = json.loads(raw)
        except ValueError:
            raise Problem(400, "请求正文无法解析") from None
        errors = sorted(validator.iter_errors(content), key=lambda e: e.json_path)
        if errors:
            raise Problem(
                422,
                "请求正文不符合接口约定",
                errors=[
                    {"field": error.json_path.removeprefix("$").lstrip("."), "message": _chinese(error)}
                    for error in errors[:50]
                ],
            )
        return content

    def complaints(self, status: int, media_type: str, content: Any) -> list[str]:
        """How an answer of ours breaks the contract; empty if it does not."""
        answers = self.responses.get(str(status)) or self.responses.get("default")
        if answers is None:
            return [f"{self.method} {self.path}: no response {status} in the contract"]
        validator = answers.get(media_type.split(";")[0].strip())
        if validator is None:
            return [f"{self.method} {self.path}: {status} must not be {media_type}"]
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


@dataclass(frozen=True, slots=True)
class Contract:
    """An OpenAPI document by (METHOD, path template)."""

    operations: Mapping[tuple[str, str], Operation]

    def operation(self, method: str, path: str) -> Operation:
        """The operation; KeyError, a defect of ours, if the contract has none."""
        return self.operations[method.upper(), path]

    def matching(self, method: str, path: str) -> Operation:
        """The operation that a concrete path belongs to; KeyError if none does."""
        for (known_method, template), operation in self.operations.items():
            pattern = re.sub(r"\\\{[^/]*\\\}", "[^/]+", re.escape(template))
            if known_method == method.upper() and re.fullmatch(pattern, path):
                return operation
        raise KeyError((method, path))


@cache
def load_contract(name: str) -> Contract:
    """The contract `name` ("green-platform", "credit-market"), read once for each process."""
    document = yaml.safe_load((CONTRACTS_DIR / f"{name}.openapi.yaml").read_text(encoding="utf-8"))
    operations = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operations[method.upper(), path] = _operation(method.upper(), path, _inlined(operation, document))
    return Contract(operations)


def _operation(method: str, path: str, node: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method,
        path=path,
        parameters=tuple(
            Parameter(
                name=p["name"],
                place=p["in"],
                required=p.get("required", False),
                default=p["schema"].get("default"),
                type=p["schema"].get("type"),
                validator=_validator(p["schema"]),
            )
            for p in node.get("parameters", ())
        ),
        body=_by_media_type(node.get("requestBody", {})),
        responses={str(status): _by_media_type(answer) for status, answer in node["responses"].items()},
    )


def _by_media_type(node: Mapping[str, Any]) -> dict[str, Draft202012Validator]:
    return {media: _validator(content["schema"]) for media, content in node.get("content", {}).items()}


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=_FORMATS)


def _inlined(node: Any, document: Mapping[str, Any]) -> Any:
    """`node` with every `$ref` replaced by what it points to."""
    if isinstance(node, list):
        return [_inlined(element, document) for element in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _inlined(target, document)
    return {key: _inlined(value, document) for key, value in node.items()}


def _chinese(error: ValidationError) -> str:
    """What is wrong, without the value: it may be personal data."""
    match error.validator:
        case "required":
            return f"缺少必填项：{error.message.split(chr(39))[1]}。"
        case "type":
            return f"类型应为 {error.validator_value}。"
        case "enum":
            return f"应为以下值之一：{'、'.join(str(value) for value in cast(list[object], error.validator_value))}。"
        case "const":
            return f"应为 {error.validator_value}。"
        case "pattern":
            return f"格式应匹配 {error.validator_value}。"
        case "format":
            return f"格式应为 {error.validator_value}。"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems":
            return f"超出范围（{error.validator} {error.validator_value}）。"
        case other:
            return f"不符合约定（{other}）。"
