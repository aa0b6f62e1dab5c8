import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryLinks } from '../src/ui-message/index.ts';

test('law: the links that were used last are kept, as many as may be, and each user has links of their own', async () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const call = fc.record({ how: fc.constantFrom('load', 'save'), user: fc.constantFrom('u', 'v'), id });
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { maxLength: 40, size: 'max' }),
      fc.integer({ min: 1, max: 4 }),
      async (calls, maxLinks) => {
        const links = createMemoryLinks<string>({ userOf: (user) => user, maxLinks });
        let kept: [key: string, thread: string][] = [];
        for (const [at, { how, user, id }] of calls.entries()) {
          const key = `${user}/${id}`;
          const known = kept.find(([each]) => each === key)?.[1];
          if (how === 'load') expect(await links.load(id, user)).toBe(known);
          else await links.save(id, `thr_${at}`, user);
          const thread = how === 'load' ? known : `thr_${at}`;
          if (thread !== undefined)
            kept = [...kept.filter(([each]) => each !== key), [key, thread] as const].slice(-maxLinks) as never;
        }
      },
    ),
  );
});

test('without users, all contexts are one', async () => {
  const links = createMemoryLinks<number>();
  await links.save('a', 'thr_1', 1);
  expect(await links.load('a', 2)).toBe('thr_1');
});
