"""Reads rows that our server wrote (`fixtures/our-rows.json`, or the file that is named) as a store built on the SDK
would, and sends them on. Prints every row that pydantic refuses or whose values change on the way, and fails then."""

import json
import sys
from pathlib import Path

from chatkit.types import Attachment, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter, ValidationError

ADAPTERS = {"threads": ThreadMetadata, "items": ThreadItem, "attachments": Attachment}


def changed(row, read, path=""):
    """Where a value differs. Fields that only the models add (null, or a default) do not count."""
    if isinstance(row, dict) and isinstance(read, dict):
        return [
            each
            for key, value in row.items()
            if value is not None
            for each in (changed(value, read[key], f"{path}.{key}") if key in read else [f"{path}.{key} is lost"])
        ]
    if isinstance(row, list) and isinstance(read, list) and len(row) == len(read):
        return [each for i, (a, b) in enumerate(zip(row, read)) for each in changed(a, b, f"{path}[{i}]")]
    if path.endswith(".created_at"):
        return [] if instant(row) == instant(read) else [f"{path}: {row} became {read}"]
    return [] if row == read else [f"{path}: {row!r} became {read!r}"]


def instant(text):
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def main(path):
    rows = json.loads(Path(path).read_text("utf-8"))
    problems = []
    for kind, model in ADAPTERS.items():
        adapter = TypeAdapter(model)
        for row in rows[kind]:
            name = f"{kind} {row['id']}"
            try:
                value = adapter.validate_json(json.dumps(row))
            except ValidationError as error:
                problems.append(f"{name}: {error}")
                continue
            problems += [f"{name}{each}" for each in changed(row, json.loads(value.model_dump_json()))]
    print("\n".join(problems))
    print(f"{sum(len(rows[kind]) for kind in ADAPTERS)} rows of ours read by the SDK, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "fixtures/our-rows.json")
