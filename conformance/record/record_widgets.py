"""Records `diff_widget` on `fixtures/widget-diffs.json` (dynamic widgets, as templates give them, and the named classes
where the SDK can build them) and the renderings of `fixtures/widgets/*.widget` and of single
expressions. Errors are recorded by type."""

import json
from pathlib import Path

from chatkit import widgets
from chatkit.server import diff_widget
from chatkit.widgets import DynamicWidgetRoot, StrictWidgetRoot, WidgetTemplate
from pydantic import TypeAdapter, ValidationError

ROOT = Path(__file__).resolve().parent.parent


def outcome(work):
    try:
        return work()
    except Exception as error:
        return {"error": {"type": type(error).__name__, "message": str(error).split("\n")[0]}}


def diff(adapter, case):
    before, after = (adapter.validate_python(case[side]) for side in ("before", "after"))
    updates = outcome(lambda: diff_widget(before, after))
    if isinstance(updates, dict):
        return updates
    return [json.loads(update.model_dump_json(exclude_none=True)) for update in updates]


def record_diffs():
    records = []
    for case in json.loads((ROOT / "fixtures/widget-diffs.json").read_text("utf-8")):
        record = {**case, "dynamic": diff(TypeAdapter(DynamicWidgetRoot), case)}
        try:
            record["strict"] = diff(TypeAdapter(StrictWidgetRoot), case)
        except ValidationError:
            pass  # the named classes do not allow this widget
        records.append(record)
    return records


def render(template, data):
    text = template.template.render(**({} if data is None else data))
    return {"text": text, "widget": json.loads(template.build(data).model_dump_json(exclude_none=True))}


def record_templates():
    records = []
    for name, inputs in json.loads((ROOT / "fixtures/widgets/data.json").read_text("utf-8")).items():
        template = outcome(lambda: WidgetTemplate.from_file(str(ROOT / f"fixtures/widgets/{name}.widget")))
        if isinstance(template, dict):
            records.append({"name": name, **template})
            continue
        for data in inputs:
            records.append({"name": name, "data": data, **outcome(lambda: render(template, data))})
    return records


def record_expressions():
    """One template a time, in the environment that the SDK's templates are rendered in."""
    fixture = json.loads((ROOT / "fixtures/template-expressions.json").read_text("utf-8"))
    records = []
    for template in fixture["templates"]:
        data = json.loads(json.dumps(fixture["data"]))
        result = outcome(lambda: widgets._jinja_env.from_string(template).render(**data))
        records.append({"template": template, **(result if isinstance(result, dict) else {"text": result})})
    return records


def write(name, records):
    folder = ROOT / "golden-widgets"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(f"recorded {len(records)} cases in golden-widgets/{name}")


write("diffs.json", record_diffs())
write("templates.json", record_templates())
write("expressions.json", record_expressions())
