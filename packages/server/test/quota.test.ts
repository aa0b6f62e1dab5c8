// How many runs a user may have at once, and that the count always goes back.
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { createChatKitServer } from '../src/index.ts';
import {
  ada,
  add,
  cancel,
  create,
  eve,
  framesOf,
  named,
  optIn,
  outcomeOf,
  settle,
  testServer,
  type User,
} from './support.ts';

const busyServer = (options: Parameters<typeof testServer>[0] = {}) =>
  testServer({ respond: scriptedResponder([hang()]), maxRunsPerUser: 3, ...options });

describe('maxRunsPerUser', () => {
  test('the next run is refused with 429, a time to come back, and nothing stored; others are served', async () => {
    const t = busyServer();
    for (let n = 0; n < 3; n += 1) expect((await t.send(create(), { headers: optIn })).status).toBe(200);
    const refused = await t.send(create('one too many'), { headers: optIn });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toEqual({
      error: { code: 'run.too_many', message: expect.any(String), retryable: true, details: { limit: 3 } },
    });
    // Plain clients are counted too, and get the same.
    expect((await t.send(create())).status).toBe(429);
    expect((await t.json({ type: 'threads.list', params: {} })).data).toHaveLength(3);
    expect((await t.send(create(), { headers: optIn, context: eve })).status).toBe(200);
  });

  test('coming back to a run of one\u2019s own, and all that is no run, is not counted', async () => {
    const t = busyServer({ maxRunsPerUser: 1 });
    const named = { ...optIn, 'chatkit-run-id': 'r' };
    await t.send(create(), { headers: named });
    await settle();
    expect((await t.send(create(), { headers: named })).status).toBe(200);
    expect((await t.attach('run=r')).status).toBe(200);
    expect((await t.json({ type: 'threads.list', params: {} })).status).toBe(200);
  });

  test('every ending gives the place back: the end, a stop, a failure, a refusal', async () => {
    const respond = scriptedResponder((_, index) => (index === 0 ? [hang()] : index === 1 ? [say('x')] : [say('y')]));
    const t = busyServer({ respond, maxRunsPerUser: 1 });
    const named = { ...optIn, 'chatkit-run-id': 'r' };
    const first = await t.send(create(), { headers: named });
    await settle();
    await t.json({ type: 'runs.cancel', params: { run_id: 'r' } });
    expect(outcomeOf(await framesOf(first))).toBe('cancelled');
    const id = await t.create();
    await settle();
    expect((await t.json(add('nothing'))).status).toBe(404);
    await settle();
    expect((await t.json(add(id, 'x', { attachments: ['none'] }))).status).toBe(404);
    await settle();
    for (let n = 0; n < 5; n += 1) {
      await t.create();
      await settle();
    }
  });

  test('messages that wait for their thread count, until they are stopped', async () => {
    const t = busyServer({ busy: 'queue', maxRunsPerUser: 4 });
    await t.send(create(), { headers: optIn });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    const statuses = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await t.send(add(id), { headers: named(`r${n}`) })).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    await t.json(cancel('r1'));
    await settle();
    expect((await t.send(add(id), { headers: optIn })).status).toBe(200);
  });

  test('userOf says who is who; who has no name is not counted', async () => {
    const byTeam = busyServer({ maxRunsPerUser: 1, userOf: () => 'team' });
    expect((await byTeam.send(create(), { headers: optIn, context: ada })).status).toBe(200);
    expect((await byTeam.send(create(), { headers: optIn, context: eve })).status).toBe(429);
    const nameless = busyServer({ maxRunsPerUser: 1, userOf: (_: User) => undefined });
    for (let n = 0; n < 3; n += 1) expect((await nameless.send(create(), { headers: optIn })).status).toBe(200);
  });

  test.each([
    [undefined, 101, 101],
    [3, 5, 3],
  ])('a server without users, maxRunsPerUser: %j: of %i runs %i begin', async (maxRunsPerUser, asked, accepted) => {
    const server = createChatKitServer<undefined>({
      store: createMemoryStore(),
      respond: scriptedResponder([hang()]),
      maxRunsPerUser,
    });
    const statuses: number[] = [];
    for (let n = 0; n < asked; n += 1) {
      const headers = { ...optIn, 'content-type': 'application/json' };
      const request = new Request('http://test/', { method: 'POST', headers, body: JSON.stringify(create()) });
      statuses.push((await server.handle(request, undefined)).status);
    }
    expect(statuses).toEqual(Array.from({ length: asked }, (_, n) => (n < accepted ? 200 : 429)));
    await server.close({ graceMs: 0 });
  });
});
