import { readdirSync, readFileSync } from 'node:fs';
import type { ThreadStreamEvent } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AgentRunEvent, ResponseStreamConverter, streamAgentResponse } from '../src/index.ts';
import { createContext } from './scripted-run.ts';

// What the real SDK emitted (see record-fixtures.ts), fed to the bridge with every pause and every speed of the reader.

const folder = new URL('./fixtures/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace('.json', ''));

describe.each(names)('%s', (name) => {
  const fixture = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as {
    events: AgentRunEvent[];
    expected: ThreadStreamEvent[];
  };

  test('law: the same events come out, however the run and its reader are delayed', async () => {
    const pauses = fc.infiniteStream(fc.nat({ max: 3 }));
    await fc.assert(
      fc.asyncProperty(pauses, pauses, fc.integer({ min: 1, max: 64 }), async (runPauses, readerPauses, capacity) => {
        const pause = async (pauses: fc.Stream<number>) => {
          const turns = pauses.next().value ?? 0;
          if (turns === 3) await new Promise((resolve) => setImmediate(resolve));
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        };
        const run = {
          async *[Symbol.asyncIterator]() {
            for (const event of fixture.events) {
              await pause(runPauses);
              yield event;
            }
          },
        };
        const events: ThreadStreamEvent[] = [];
        const options = { capacity: 64 + capacity, converter: new ResponseStreamConverter({ hostedTools: 'shown' }) };
        for await (const event of streamAgentResponse(await createContext(), run, options)) {
          await pause(readerPauses);
          events.push(event);
        }
        expect(events).toEqual(fixture.expected);
      }),
      { numRuns: 20 },
    );
  });

  test('the order is legal, and no text is lost', () => {
    const checker = createOrderChecker();
    expect(fixture.expected.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
  });
});

test('the fixtures cover all three kinds of models', () => {
  expect(names).toEqual(
    expect.arrayContaining(
      ['text', 'reasoning', 'tools'].flatMap((each) => [`responses-${each}`, `completions-${each}`, `ai-sdk-${each}`]),
    ),
  );
});
