"""Checks of messages against the contracts: JSON bodies against OpenAPI 3.1 schemas, XML against XSD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from jsonschema import Draft202012Validator
from lxml import etree
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from simulators.answers import Answer, Call

#: The same, in C where it is there.
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
METHODS = ("get", "put", "post", "delete", "patch")


def document(file: Path) -> Any:
    """What a JSON or YAML file says."""
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else yaml.load(text, _YAML)  # noqa: S506 - a safe loader


class OpenApiContract:
    """One OpenAPI 3.1 document (YAML or JSON), its operations found by ``operationId``."""

    def __init__(self, file: Path) -> None:
        self.document: dict[str, Any] = document(file)
        self._registry: Any = Registry().with_resource("contract:", DRAFT202012.create_resource(self.document))
        self._validators: dict[str, Draft202012Validator] = {}
        #: operationId → (HTTP method in capitals, path template)
        self.operations: dict[str, tuple[str, str]] = {
            item["operationId"]: (method.upper(), path)
            for path, methods in self.document["paths"].items()
            for method, item in methods.items()
            if method in METHODS and "operationId" in item
        }

    def request_errors(
        self, operation_id: str, body: bytes | None, media_type: str = "application/json", **parameters: Any
    ) -> list[str]:
        """What the contract says against a request; ``parameters`` are its path and query parameters."""
        pointer, operation = self._operation(operation_id)
        errors = []
        for index, declared in enumerate(operation.get("parameters", ())):
            declared = self.resolve(declared)
            if declared["in"] not in ("path", "query"):
                continue
            name, value = declared["name"], parameters.get(declared["name"])
            if value is None:
                if declared.get("required"):
                    errors.append(f"{name}: is missing")
            elif "schema" in declared:
                if declared["schema"].get("type") in ("integer", "boolean"):
                    value = _plain(value)
                where = f"{pointer}/parameters/{index}/schema"
                if "$ref" in operation["parameters"][index]:
                    where = operation["parameters"][index]["$ref"].removeprefix("#") + "/schema"
                errors += self._errors(where, value, name)
        if "requestBody" not in operation:
            return errors
        asked = self.resolve(operation["requestBody"])
        where = f"{pointer}/requestBody"
        if "$ref" in operation["requestBody"]:
            where = operation["requestBody"]["$ref"].removeprefix("#")
        if not body:
            return [*errors, "body: is missing"] if asked.get("required") else errors
        kind = media_type.split(";")[0].strip().lower()
        if kind not in asked["content"]:
            return [*errors, f"body: media type {kind!r} is not one of {', '.join(asked['content'])}"]
        if kind != "application/json":
            return errors
        try:
            value = json.loads(body)
        except ValueError as problem:
            return [*errors, f"body: is not JSON: {problem}"]
        return errors + self._errors(f"{where}/content/{_token(kind)}/schema", value, "body")

    def answer_errors(self, operation_id: str, status: int, body: Any) -> list[str]:
        """What the contract says against an answer, ``body`` as a JSON value (None where there is none)."""
        pointer, operation = self._operation(operation_id)
        responses = operation["responses"]
        found = str(status) if str(status) in responses else "default"
        if found not in responses:
            return [f"status {status} is not declared"]
        response, where = responses[found], f"{pointer}/responses/{found}"
        if "$ref" in response:
            where = response["$ref"].removeprefix("#")
        content = self.resolve(response).get("content", {})
        for kind in content:
            if kind.endswith("json") and "schema" in content[kind]:
                return self._errors(f"{where}/content/{_token(kind)}/schema", body, "body")
        return []

    def check(self, call: Call, answer: Answer) -> list[str]:
        """What the contract says against our own answer to a call; of one that is no JSON, nothing."""
        if isinstance(answer.body, (bytes, str)):
            return []
        return self.answer_errors(call.operation, answer.status, answer.body)

    def answer_schema(self, operation_id: str, status: int) -> dict[str, Any] | None:
        """The schema of an answer's JSON body; None where the contract has none."""
        responses = self._operation(operation_id)[1]["responses"]
        response = self.resolve(responses.get(str(status), responses.get("default", {})))
        found = (of["schema"] for kind, of in response.get("content", {}).items() if kind.endswith("json"))
        return next(found, None)

    def schema_errors(self, name: str, value: Any) -> list[str]:
        """What the schema ``components/schemas/<name>`` says against a JSON value."""
        return self._errors(f"/components/schemas/{name}", value, name)

    def _operation(self, operation_id: str) -> tuple[str, dict[str, Any]]:
        method, path = self.operations[operation_id]
        return f"/paths/{_token(path)}/{method.lower()}", self.document["paths"][path][method.lower()]

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """A part of the document behind its ``$ref``, if it is one."""
        while "$ref" in value:
            target: Any = self.document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def _errors(self, pointer: str, value: Any, name: str) -> list[str]:
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validators[pointer] = Draft202012Validator(
                {"$ref": f"contract:#{pointer}"},
                registry=self._registry,
                format_checker=Draft202012Validator.FORMAT_CHECKER,
            )
        return [
            ".".join([name, *(str(part) for part in error.absolute_path)]) + f": {error.message}"
            for error in validator.iter_errors(value)
        ]


class XmlContract:
    """One XML schema document (with whatever it includes from its folder)."""

    def __init__(self, file: Path) -> None:
        self._schema = etree.XMLSchema(etree.parse(str(file)))

    def errors(self, element: etree._Element) -> list[str]:
        """What the schema says against an element taken as a document of its own."""
        if self._schema.validate(element):
            return []
        return [f"line {entry.line}: {entry.message}" for entry in cast(Any, self._schema.error_log)]


def _token(part: str) -> str:
    """A JSON pointer token, percent-encoded where a URI fragment needs it."""
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _plain(text: Any) -> Any:
    """A query parameter as the JSON value it means, or as it is."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
