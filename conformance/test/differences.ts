/** What ours is expected to do: the recording, changed by the differences that the scenario names. */
import { toWireItem } from '@chatkit/core';
import { attachmentSchema, threadItemSchema, threadMetadataSchema } from '@chatkit/core/schema';
import { canonicalText, canonicalValue } from './normalise.ts';
import type { Answer, Difference, Json, Recording, Rows, Scenario } from './scenario.ts';

export const expectedOf = (scenario: Scenario, recording: Recording): Recording => ({
  sdk: recording.sdk,
  answers: recording.answers.map((answer, index) =>
    (scenario.differs ?? []).filter(({ request }) => request === index).reduce(changeAnswer, answer),
  ),
  rows: (scenario.differs ?? []).reduce(changeRows, recording.rows),
});

const frame = (event: Json): string => `data: ${JSON.stringify(event)}\n\n`;

const changeAnswer = (answer: Answer, { frames, refused, sse, json, calls: changed }: Difference): Answer => {
  const calls = changed ?? answer.calls;
  if (refused !== undefined) return { refused, calls };
  if (json !== undefined) return { json: JSON.stringify(json), calls };
  if (sse !== undefined) return { sse: sse.map(frame), calls };
  const { exception: _, ...rest } = answer;
  if (frames === undefined) return changed === undefined ? answer : { ...answer, calls };
  const changedFrames = [...(answer.sse ?? [])];
  // From the end, so that the positions of the recording stay right.
  for (const { at, drop = 0, insert = [] } of [...frames].sort((a, b) => b.at - a.at)) {
    changedFrames.splice(at, drop, ...insert.map(frame));
  }
  return { ...rest, sse: changedFrames, calls };
};

const changeRows = (rows: Recording['rows'], { rows: change }: Difference): Recording['rows'] => {
  if (change === undefined) return rows;
  const { threads = [], items = [], attachments = [], drop } = change;
  const ada = rows['ada'] ?? {};
  const itemsByThread: Record<string, Json[]> = { ...ada.items };
  for (const [threadId, list] of Object.entries(itemsByThread)) {
    itemsByThread[threadId] = list.filter((item) => !drop?.items?.includes(item['id'] as string));
  }
  for (const item of items) {
    const threadId = item['thread_id'] as string;
    itemsByThread[threadId] = upsert(itemsByThread[threadId] ?? [], [item]);
  }
  for (const id of drop?.threads ?? []) delete itemsByThread[id];
  return {
    ...rows,
    ada: {
      threads: upsert(without(ada.threads, drop?.threads), threads),
      items: itemsByThread,
      attachments: upsert(without(ada.attachments, drop?.attachments), attachments),
    },
  };
};

const without = (rows: readonly Json[] = [], ids: readonly string[] = []): Json[] =>
  rows.filter(({ id }) => !ids.includes(id as string));

const upsert = (rows: readonly Json[], changed: readonly Json[]): Json[] => {
  const result = [...rows];
  for (const row of changed) {
    const at = result.findIndex(({ id }) => id === row['id']);
    result.splice(at === -1 ? result.length : at, at === -1 ? 0 : 1, row);
  }
  return result;
};

/** Frames as text, one form for timestamps; the rest byte for byte. */
export const comparable = (answer: Answer): Json => ({
  ...answer,
  ...(answer.sse === undefined ? {} : { sse: answer.sse.map(canonicalText) }),
  ...(answer.json === undefined ? {} : { json: canonicalText(answer.json) }),
  calls: canonicalValue(answer.calls),
});

/** Python stores what it never sends, `output: null` and `children: null`. Only attachments have more in the store to compare. */
const comparableItem = (row: Json): unknown => {
  const item = threadItemSchema.parse(row);
  return canonicalValue(item.type === 'user_message' ? item : toWireItem(item));
};

/** Rows as values: both sides are read by our schemas, which is what a reader of the store does. */
export const comparableRows = (rows: Recording['rows']): Json => {
  const users = Object.entries(rows).map(([user, { threads = [], items = {}, attachments = [] }]: [string, Rows]) => {
    const lists = Object.entries(items).map(([id, list]) => [id, list.map(comparableItem)] as const);
    return [
      user,
      {
        threads: threads.map((thread) => canonicalValue(threadMetadataSchema.parse(thread))),
        items: Object.fromEntries(lists.filter(([, list]) => list.length > 0)),
        attachments: attachments.map((attachment) => canonicalValue(attachmentSchema.parse(attachment))),
      },
    ] as const;
  });
  return Object.fromEntries(
    users.filter(
      ([, { threads, items, attachments }]) => threads.length + attachments.length > 0 || Object.keys(items).length > 0,
    ),
  );
};
