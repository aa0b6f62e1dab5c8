"""Executes the op language of `scenarios/*.json` (described in `../README.md`) against the Python SDK. Its twin is
`../test/interpreter.ts`; an op that is added to one is added to the other."""

import asyncio
import re

from chatkit.errors import CustomStreamError, StreamError
from chatkit.server import ChatKitServer, stream_widget
from chatkit.store import AttachmentStore
from chatkit.types import (
    AssistantMessageContent,
    Attachment,
    StreamOptions,
    SyncCustomActionResponse,
    Task,
    ThreadItem,
    ThreadMetadata,
    ThreadStatus,
    ThreadStreamEvent,
    TranscriptionResult,
)
from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot, WidgetRoot
from pydantic import TypeAdapter

from timestamps import NOW

EVENT = TypeAdapter(ThreadStreamEvent)
ITEM = TypeAdapter(ThreadItem)
KINDS = {"task": TypeAdapter(Task), "part": TypeAdapter(AssistantMessageContent)}


def wire(model):
    """A value as it would be sent, parsed again: what the log of calls keeps of it."""
    return None if model is None else model.model_dump(mode="json", exclude_none=True)


def fill(value, variables):
    """Replaces `${name}` in every string."""
    if isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", lambda match: variables[match[1]], value)
    if isinstance(value, list):
        return [fill(entry, variables) for entry in value]
    if isinstance(value, dict):
        return {key: fill(entry, variables) for key, entry in value.items()}
    return value


def with_dynamic_widgets(value):
    """Applications build widgets from templates, which gives dynamic ones; a plain dict would be read as a named class."""
    for key in ("item", "update"):
        part = value.get(key)
        if isinstance(part, dict):
            part = dict(part)
            if isinstance(part.get("widget"), dict):
                part["widget"] = DynamicWidgetRoot.model_validate(part["widget"])
            if isinstance(part.get("component"), dict):
                part["component"] = DynamicWidgetComponent.model_validate(part["component"])
            value = {**value, key: part}
    return value


def build_item(value):
    return ITEM.validate_python(with_dynamic_widgets({"item": value})["item"])


def walk(target, path):
    for step in path:
        target = target[step] if isinstance(step, int) or isinstance(target, dict) else getattr(target, step)
    return target


def build_error(op):
    kind = op["error"]
    options = {"allow_retry": op["allow_retry"]} if "allow_retry" in op else {}
    if kind == "custom":
        return CustomStreamError(op["message"], **options)
    if kind == "stream":
        return StreamError(op.get("code", "stream.error"), **options)
    return RuntimeError(op.get("message", "boom"))


class ScriptedAttachments(AttachmentStore):
    def __init__(self, server):
        self.server = server

    async def create_attachment(self, input, context):
        self.server.log("create_attachment", input=wire(input), context=context)
        return TypeAdapter(Attachment).validate_python(fill(self.server.script["create_attachment"], self.server.base))

    async def delete_attachment(self, attachment_id, context):
        self.server.log("delete_attachment", attachment_id=attachment_id, context=context)


class ScriptedServer(ChatKitServer):
    """A server that does what the script of the current request says, and logs how it was called."""

    def __init__(self, store, options):
        super().__init__(store, ScriptedAttachments(self) if options.get("attachments", True) else None)
        self.options = options
        self.base = {"now": NOW.isoformat()}
        self.begin({})

    def begin(self, script):
        self.script = script
        self.calls = []
        self.waiting = asyncio.Event()

    def log(self, hook, **facts):
        self.calls.append({"hook": hook, **facts})

    def variables(self, thread, **more):
        return {**self.base, "thread": thread.id, **more}

    def respond(self, thread, input_user_message, context):
        self.log("respond", thread=state_of(thread), input=wire(input_user_message), context=context)
        ops = self.script.get("respond", [])
        if isinstance(ops, dict):
            return ops["returns"]
        input_id = "" if input_user_message is None else input_user_message.id
        return self.run(ops, thread, context, self.variables(thread, input=input_id))

    def action(self, thread, action, sender, context):
        if "action" not in self.script:
            return super().action(thread, action, sender, context)
        self.log("action", thread=state_of(thread), action=called_with(action), sender=wire(sender), context=context)
        return self.run(self.script["action"], thread, context, self.variables(thread, sender=sender.id if sender else ""))

    async def sync_action(self, thread, action, sender, context):
        if "sync_action" not in self.script:
            return await super().sync_action(thread, action, sender, context)
        self.log("sync_action", thread=state_of(thread), action=called_with(action), sender=wire(sender), context=context)
        variables = self.variables(thread, sender=sender.id if sender else "")
        *ops, last = self.script["sync_action"]
        async for _ in self.run(ops, thread, context, variables):
            pass
        if last["op"] == "raise":
            raise build_error(last)
        item = last.get("updated_item")
        return SyncCustomActionResponse(updated_item=item and build_item(fill(item, variables)))

    async def add_feedback(self, thread_id, item_ids, feedback, context):
        self.log("add_feedback", thread_id=thread_id, item_ids=item_ids, kind=feedback, context=context)

    async def transcribe(self, audio_input, context):
        if "transcribe" not in self.script:
            return await super().transcribe(audio_input, context)
        self.log(
            "transcribe",
            audio=audio_input.data.hex(),
            mime_type=audio_input.mime_type,
            media_type=audio_input.media_type,
            context=context,
        )
        return TranscriptionResult.model_validate(self.script["transcribe"])

    def get_stream_options(self, thread, context):
        if "allow_cancel" in self.options:
            return StreamOptions(allow_cancel=self.options["allow_cancel"])
        return super().get_stream_options(thread, context)

    async def run(self, ops, thread, context, variables):
        refs = {}
        for op in ops:
            op = fill(op, variables)
            match op["op"]:
                case "yield":
                    event = op["event"]
                    if isinstance(event.get("item"), str):
                        event = {**event, "item": refs[event["item"]]}
                    yield EVENT.validate_python(event if op.get("strict") else with_dynamic_widgets(event))
                case "id":
                    variables[op["name"]] = self.store.generate_item_id(op["kind"], thread, context)
                case "set_thread":
                    for key, value in op["set"].items():
                        setattr(thread, key, TypeAdapter(ThreadStatus).validate_python(value) if key == "status" else value)
                case "set_metadata":
                    walk(thread.metadata, op["path"][:-1])[op["path"][-1]] = op["value"]
                case "raise":
                    raise build_error(op)
                case "wait":
                    self.waiting.set()
                    await asyncio.Event().wait()
                case "stream_widget":
                    async for event in self.widget_events(op, thread, context):
                        yield event
                case "store_item":
                    item = build_item(op["item"])
                    await self.store.add_thread_item(item.thread_id, item, context)
                case "store_thread":
                    other = await self.store.load_thread(thread.id, context)
                    await self.store.save_thread(other.model_copy(update=op["set"], deep=True), context)
                case "object":
                    refs[op["name"]] = build_item(op["item"])
                case "append":
                    walk(refs[op["name"]], op["path"]).append(KINDS[op["kind"]].validate_python(op["value"]))
                case "assign":
                    *path, last = op["path"]
                    setattr(walk(refs[op["name"]], path), last, op["value"])
                case unknown:
                    raise AssertionError(f"unknown op {unknown}")

    def widget_events(self, op, thread, context):
        adapter = TypeAdapter(WidgetRoot) if op.get("strict") else TypeAdapter(DynamicWidgetRoot)

        async def states():
            for state in op["states"]:
                yield adapter.validate_python(state)

        widget = states() if "states" in op else adapter.validate_python(op["widget"])
        return stream_widget(
            thread, widget, op.get("copy_text"), lambda kind: self.store.generate_item_id(kind, thread, context)
        )


def state_of(thread):
    return wire(ThreadMetadata(**{key: getattr(thread, key) for key in ThreadMetadata.model_fields}))


def called_with(action):
    """Its payload may be any JSON: nulls inside it stay."""
    return action.model_dump(mode="json")
