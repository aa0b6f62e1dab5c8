"""Writes `fixtures/python-rows.json`: rows as stores built on the SDK keep them (`model_dump_json()`), of every item type
with few and with all fields, each with the text that the SDK sends for it after reading it again."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from chatkit.server import ChatKitServer
from chatkit.types import (
    ActiveStatus,
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    ClosedStatus,
    CustomSummary,
    CustomTask,
    DurationSummary,
    EndOfTurnItem,
    EntitySource,
    FileAttachment,
    FileSource,
    FileTask,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    ImageAttachment,
    ImageTask,
    InferenceOptions,
    LockedStatus,
    Page,
    SDKHiddenContextItem,
    SearchTask,
    StructuredInputAnswer,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    TaskItem,
    ThoughtTask,
    Thread,
    ThreadItem,
    ThreadMetadata,
    ToolChoice,
    URLSource,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import DynamicWidgetRoot
from pydantic import TypeAdapter

ROOT = Path(__file__).resolve().parent.parent
NAIVE = datetime(2026, 1, 2, 3, 4, 5, 678901)
WHOLE = datetime(2026, 1, 2, 3, 4, 5)
UTC = datetime(2026, 1, 2, 3, 4, 5, 250000, timezone.utc)
EAST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))

file = FileAttachment(
    id="atc_1",
    name="a.txt",
    mime_type="text/plain",
    upload_descriptor={"url": "https://up.example.com/a", "method": "PUT", "headers": {"x": "1"}},
    thread_id="thr_1",
    metadata={"key": None},
)
image = ImageAttachment(id="atc_2", name="p.png", mime_type="image/png", preview_url="https://example.com/p.png")
url = URLSource(title="U", url="https://example.com", description="d", timestamp="2025", group="g", attribution="a")
entity = EntitySource(title="E", id="e", icon="user", label="l", inline_label="i", interactive=True, data={"x": None})
choices = [StructuredInputMultipleChoiceOption(value="A"), StructuredInputMultipleChoiceOption(value="B")]
widget = DynamicWidgetRoot.model_validate(
    {"type": "Card", "size": "sm", "children": [{"type": "Custom", "id": "t", "value": "x", "flag": None}]}
)


def base(id, at=NAIVE):
    return {"id": id, "thread_id": "thr_1", "created_at": at}


threads = [
    ThreadMetadata(id="thr_1", created_at=NAIVE),
    ThreadMetadata(id="thr_2", created_at=UTC, title="T", status=LockedStatus(reason="r"), metadata={"a": {"b": None}}),
    ThreadMetadata(id="thr_3", created_at=EAST, status=ClosedStatus(), allowed_image_domains=["example.com"]),
    Thread(id="thr_4", created_at=WHOLE, status=ActiveStatus(), items=Page()),
]
items = [
    UserMessageItem(**base("u1"), content=[UserMessageTextContent(text="Hi")], inference_options=InferenceOptions()),
    UserMessageItem(
        **base("u2", WHOLE),
        content=[
            UserMessageTextContent(text="See "),
            UserMessageTagContent(id="t", text="Ada", data={"n": None}, group="g", interactive=True),
        ],
        attachments=[file, image],
        quoted_text="q",
        inference_options=InferenceOptions(tool_choice=ToolChoice(id="search"), model="small"),
    ),
    AssistantMessageItem(**base("a1"), content=[]),
    AssistantMessageItem(
        **base("a2", UTC),
        content=[
            AssistantMessageContent(
                text="Text",
                annotations=[
                    Annotation(source=FileSource(title="F", filename="f.pdf"), index=0),
                    Annotation(source=url, index=4),
                    Annotation(source=entity),
                ],
            ),
            AssistantMessageContent(text=""),
        ],
    ),
    ClientToolCallItem(**base("c1"), call_id="call_1", name="n", arguments={}),
    ClientToolCallItem(
        **base("c2", EAST), status="completed", call_id="call_2", name="n", arguments={"a": [None]}, output={"b": None}
    ),
    WidgetItem(**base("w1"), widget=widget),
    WidgetItem(**base("w2"), widget=widget, copy_text="copy"),
    GeneratedImageItem(**base("g1")),
    GeneratedImageItem(**base("g2"), image=GeneratedImage(id="img", url="data:image/png;base64,AA==")),
    StructuredInputItem(
        **base("s1"),
        inputs=[
            StructuredInputMultipleChoice(id="q1", question="?", options=choices),
            StructuredInputFreeform(id="q2", question="?"),
        ],
    ),
    StructuredInputItem(
        **base("s2"),
        status="answered",
        inputs=[
            StructuredInputMultipleChoice(
                id="q1", question="?", options=choices, multiple=True, answer=StructuredInputAnswer(values=["A", "C"])
            ),
            StructuredInputFreeform(id="q2", question="?", description="d", answer=StructuredInputAnswer(skipped=True)),
        ],
    ),
    TaskItem(**base("t1"), task=CustomTask()),
    TaskItem(**base("t2"), task=CustomTask(title="T", icon="search", content="c", status_indicator="loading")),
    TaskItem(**base("t3"), task=SearchTask(title="T", title_query="q", queries=["a"], sources=[url])),
    TaskItem(**base("t4"), task=ThoughtTask(title="T", content="c", status_indicator="complete")),
    TaskItem(**base("t5"), task=FileTask(title="T", sources=[FileSource(title="F", filename="f")])),
    TaskItem(**base("t6"), task=ImageTask(title="T")),
    WorkflowItem(**base("wf1"), workflow=Workflow(type="custom", tasks=[])),
    WorkflowItem(
        **base("wf2"),
        workflow=Workflow(
            type="reasoning", tasks=[ThoughtTask(content="c"), ImageTask()], summary=DurationSummary(duration=7)
        ),
    ),
    WorkflowItem(
        **base("wf3"),
        workflow=Workflow(type="custom", tasks=[], summary=CustomSummary(title="T", icon="check"), expanded=True),
    ),
    EndOfTurnItem(**base("e1")),
    HiddenContextItem(**base("h1"), content="text"),
    HiddenContextItem(**base("h2"), content={"a": [1, None]}),
    SDKHiddenContextItem(**base("h3"), content="The user cancelled the stream."),
]


class Server(ChatKitServer):
    def respond(self, thread, input_user_message, context):
        raise NotImplementedError


server = Server(store=None)


def record(values, adapter, wire=lambda value: value):
    rows = []
    for value in values:
        row = value.model_dump_json()
        rows.append({"row": json.loads(row), "wire": server._serialize(wire(adapter.validate_json(row))).decode()})
    return rows


rows = {
    "threads": record(threads, TypeAdapter(ThreadMetadata), server._to_thread_response),
    "items": record(items, TypeAdapter(ThreadItem)),
    "attachments": record([file, image], TypeAdapter(Attachment)),
}
(ROOT / "fixtures").mkdir(exist_ok=True)
(ROOT / "fixtures/python-rows.json").write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", "utf-8")
print(f"recorded {sum(map(len, rows.values()))} rows in fixtures/python-rows.json")
