"""Drives the Python SDK through `scenarios/*.json` and writes what it did to `golden/*.json`: for each request the raw
SSE frames or the JSON text or the exception, how the application was called, and, at the end, the rows in the store.
Run it through `run.mjs`, which makes the virtual environment."""

import asyncio
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path

from chatkit.server import StreamingResult
from chatkit.types import Attachment, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter, ValidationError

import interpreter
import timestamps
from memory_store import MemoryStore

ROOT = Path(__file__).resolve().parent.parent
logging.disable(logging.CRITICAL)


async def seed(store, rows, context):
    for thread in rows.get("threads", []):
        await store.save_thread(TypeAdapter(ThreadMetadata).validate_python(thread), context)
    for item in rows.get("items", []):
        await store.add_thread_item(item["thread_id"], interpreter.build_item(item), context)
    for attachment in rows.get("attachments", []):
        await store.save_attachment(TypeAdapter(Attachment).validate_python(attachment), context)


async def send(server, request):
    """One request, as a web framework would pass it on."""
    server.begin(request)
    context = request.get("context", {"userId": "ada"})
    raw = request["raw"] if "raw" in request else json.dumps(request["body"], ensure_ascii=False)
    answer = {}
    try:
        result = await server.process(raw, context)
        if isinstance(result, StreamingResult):
            answer["sse"] = []
            await read(server, result, answer, request.get("close_after"))
        else:
            answer["json"] = result.json.decode()
    except Exception as error:
        answer["exception"] = {"type": type(error).__name__, "message": describe(error)}
    answer["calls"] = server.calls
    return answer


def describe(error):
    """Validation errors quote the input and a documentation page; where and what is enough."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors())
    return str(error)


async def read(server, result, answer, close_after):
    async def consume():
        stream = result.json_events
        async for chunk in stream:
            answer["sse"].append(chunk.decode())
            if close_after is not None and len(answer["sse"]) == close_after:
                await stream.aclose()
                answer["ended"] = "closed"
                return

    task = asyncio.create_task(consume())
    waiting = asyncio.create_task(server.waiting.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not task.done():
        # The script waits: the client goes away, which a web server turns into a cancellation of the task.
        task.cancel()
        answer["ended"] = "cancelled"
        try:
            await task
        except asyncio.CancelledError:
            return
    await task


def rows_of(store):
    def parsed(row):
        return json.loads(row if isinstance(row, str) else row.model_dump_json())

    users = {}
    for user, table in store.threads.items():
        users.setdefault(user, {})["threads"] = [parsed(row) for _, row in sorted(table.values(), key=lambda row: row[0])]
    for (user, thread_id), table in store.items.items():
        items = [parsed(row) for _, row in sorted(table.values(), key=lambda row: row[0])]
        if items:
            users.setdefault(user, {}).setdefault("items", {})[thread_id] = items
    for user, table in store.attachments.items():
        if table:
            users.setdefault(user, {})["attachments"] = [parsed(row) for _, row in table.values()]
    return users


async def record(scenario):
    store = MemoryStore(keep=scenario.get("keep", "json"), ids=scenario.get("ids", "counted"))
    await seed(store, scenario.get("store", {}), {"userId": "ada"})
    server = interpreter.ScriptedServer(store, scenario.get("server", {}))
    answers = [await send(server, request) for request in scenario["requests"]]
    return {"sdk": version("openai-chatkit"), "answers": answers, "rows": rows_of(store)}


def main(names):
    timestamps.freeze()
    golden = ROOT / "golden"
    golden.mkdir(exist_ok=True)
    wanted = [path for path in sorted((ROOT / "scenarios").glob("*.json")) if not names or path.stem in names]
    if not names:
        for stale in golden.glob("*.json"):
            stale.unlink()
    for path in wanted:
        scenario = json.loads(path.read_text("utf-8"))
        try:
            text = json.dumps(asyncio.run(record(scenario)), ensure_ascii=False, indent=1)
        except Exception as error:
            raise SystemExit(f"{path.name}: {type(error).__name__}: {error}") from error
        (golden / path.name).write_text(text + "\n", "utf-8")
    print(f"recorded {len(wanted)} scenarios with openai-chatkit {version('openai-chatkit')}")


if __name__ == "__main__":
    main(sys.argv[1:])
