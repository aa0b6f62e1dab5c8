/**
 * The other way round: rows that our server wrote, kept in `fixtures/our-rows.json`. Recording reads them with pydantic as
 * a store built on the Python SDK would (`record/validate_rows.py`); this test keeps the file true. `vitest -u` renews it.
 */
import { attachmentSchema, threadItemSchema, threadMetadataSchema } from '@chatkit/core/schema';
import { expect, it } from 'vitest';
import { expectedOf } from './differences.ts';
import { replay } from './replay.ts';
import { type Json, loadRecording, loadScenarios, type Rows } from './scenario.ts';

const sources = new Set([
  'annotations',
  'attachment-create-image',
  'attachment-in-message',
  'cancel-annotations',
  'client-tool',
  'closed',
  'create-inference-options',
  'create-tags',
  'create-unicode',
  'error-mid-message',
  'generated-image',
  'hidden-content',
  'hidden-done',
  'image-domains',
  'item-of-all-types',
  'locked',
  'metadata',
  'structured-input-empty',
  'structured-input-single',
  'tasks',
  'timestamps',
  'widget-component-updated',
  'widget-roots',
  'workflow',
]);

it('our rows are those that the Python SDK was seen to read', async () => {
  const kept: Record<keyof Rows, Json[]> = { threads: [], items: [], attachments: [] };
  for (const scenario of loadScenarios().filter(({ name }) => sources.has(name))) {
    const { rows } = await replay(scenario, expectedOf(scenario, loadRecording(scenario.name)));
    for (const { threads = [], items = {}, attachments = [] } of Object.values(rows)) {
      // Ids are counted anew in each scenario; here they are told apart by its name.
      const label = (row: Json): Json => ({ ...row, id: `${scenario.name}/${row['id']}` });
      kept.threads.push(...threads.map(label));
      kept.items.push(...Object.values(items).flat().map(label));
      kept.attachments.push(...attachments.map(label));
    }
  }
  expect(new Set(kept.items.map((item) => item['type'])).size).toBe(11);
  for (const thread of kept.threads) threadMetadataSchema.parse(thread);
  for (const item of kept.items) threadItemSchema.parse(item);
  for (const attachment of kept.attachments) attachmentSchema.parse(attachment);
  await expect(`${JSON.stringify(kept, null, 2)}\n`).toMatchFileSnapshot('../fixtures/our-rows.json');
});
