"""A store for recording. It follows the reference's `Store` contract and what its sample stores do: rows are JSON text
that is parsed again when it is read (`keep="objects"` keeps copies of the objects instead, as an in-memory store would).
Equal timestamps keep their insertion order, writes are upserts that keep their place, users do not see each other."""

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter

from timestamps import sort_key

ITEM = TypeAdapter(ThreadItem)
ATTACHMENT = TypeAdapter(Attachment)
PREFIXES = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "task": "tsk",
    "workflow": "wf",
    "attachment": "atc",
    "sdk_hidden_context": "shcx",
}


class MemoryStore(Store):
    def __init__(self, keep="json", ids="counted"):
        self.keep = keep
        self.ids = ids
        self.counts = {}
        self.threads = {}
        self.items = {}
        self.attachments = {}

    # Ids are counted, so that both sides give the same ones: msg_1, msg_2, … or, for the test of custom ids,
    # message_custom_1_thr_custom_1.
    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return self.counts[kind]

    def generate_thread_id(self, context):
        n = self.count("thread")
        return f"thr_custom_{n}" if self.ids == "custom" else f"thr_{n}"

    def generate_item_id(self, item_type, thread, context):
        n = self.count(item_type)
        if self.ids == "custom":
            return f"{item_type}_custom_{n}_{thread.id}"
        return f"{PREFIXES[item_type]}_{n}"

    def pack(self, value):
        return value.model_dump_json() if self.keep == "json" else value.model_copy(deep=True)

    def unpack(self, adapter, row):
        return adapter.validate_json(row) if self.keep == "json" else row.model_copy(deep=True)

    def put(self, table, key, value):
        created_at = table[key][0] if key in table else sort_key(getattr(value, "created_at", None))
        table[key] = (created_at, self.pack(value))

    def page(self, table, adapter, limit, after, order, code):
        rows = sorted(table.items(), key=lambda row: row[1][0])
        if order == "desc":
            rows.reverse()
        start = 0
        if after:
            ids = [key for key, _ in rows]
            if after not in ids:
                raise NotFoundError(f"{code} {after} not found")
            start = ids.index(after) + 1
        chunk = rows[start : start + limit]
        has_more = start + limit < len(rows)
        return Page(
            data=[self.unpack(adapter, row) for _, (_, row) in chunk],
            has_more=has_more,
            after=chunk[-1][0] if has_more and chunk else None,
        )

    def threads_of(self, context):
        return self.threads.setdefault(context["userId"], {})

    def items_of(self, thread_id, context):
        return self.items.setdefault((context["userId"], thread_id), {})

    async def load_thread(self, thread_id, context):
        table = self.threads_of(context)
        if thread_id not in table:
            raise NotFoundError(f"Thread {thread_id} not found")
        return self.unpack(TypeAdapter(ThreadMetadata), table[thread_id][1])

    async def save_thread(self, thread, context):
        self.put(self.threads_of(context), thread.id, thread)

    async def load_threads(self, limit, after, order, context):
        return self.page(self.threads_of(context), TypeAdapter(ThreadMetadata), limit, after, order, "Thread")

    async def delete_thread(self, thread_id, context):
        self.threads_of(context).pop(thread_id, None)
        self.items.pop((context["userId"], thread_id), None)

    async def load_thread_items(self, thread_id, after, limit, order, context):
        return self.page(self.items_of(thread_id, context), ITEM, limit, after, order, "Item")

    async def add_thread_item(self, thread_id, item, context):
        self.put(self.items_of(thread_id, context), item.id, item)

    async def save_item(self, thread_id, item, context):
        self.put(self.items_of(thread_id, context), item.id, item)

    async def load_item(self, thread_id, item_id, context):
        table = self.items_of(thread_id, context)
        if item_id not in table:
            raise NotFoundError(f"Item {item_id} not found")
        return self.unpack(ITEM, table[item_id][1])

    async def delete_thread_item(self, thread_id, item_id, context):
        self.items_of(thread_id, context).pop(item_id, None)

    async def save_attachment(self, attachment, context):
        self.put(self.attachments.setdefault(context["userId"], {}), attachment.id, attachment)

    async def load_attachment(self, attachment_id, context):
        table = self.attachments.setdefault(context["userId"], {})
        if attachment_id not in table:
            raise NotFoundError(f"Attachment {attachment_id} not found")
        return self.unpack(ATTACHMENT, table[attachment_id][1])

    async def delete_attachment(self, attachment_id, context):
        self.attachments.setdefault(context["userId"], {}).pop(attachment_id, None)
