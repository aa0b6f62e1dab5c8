import {
  ChatKitError,
  CustomStreamError,
  isChatKitError,
  isCustomStreamError,
  isStreamError,
  StreamError,
} from '@chatkit/core';
import { describe, expect, it } from 'vitest';

const copy = (await import(
  /* @vite-ignore */ '../src/error.ts?second-copy' as string
)) as typeof import('../src/error.ts');

describe('ChatKitError', () => {
  it('carries its code, whether to try again, its cause and its details', () => {
    const cause = new Error('under it');
    const error = new ChatKitError('thread.busy', 'A run is going on.', {
      retryable: true,
      cause,
      details: { run_id: 'run_1' },
    });
    expect(error).toBeInstanceOf(Error);
    expect({ ...error, message: error.message, cause: error.cause }).toMatchObject({
      name: 'ChatKitError',
      message: 'A run is going on.',
      code: 'thread.busy',
      retryable: true,
      cause,
      details: { run_id: 'run_1' },
    });
    expect(new ChatKitError('internal', 'x')).toMatchObject({ retryable: false, details: undefined });
    expect('cause' in new ChatKitError('internal', 'x')).toBe(false);
  });

  it('is recognised across copies of the package, and by its code', () => {
    expect(copy.ChatKitError).not.toBe(ChatKitError);
    const foreign = new copy.ChatKitError('item.not_found', 'x');
    expect(foreign).not.toBeInstanceOf(ChatKitError);
    expect(isChatKitError(foreign)).toBe(true);
    expect(isChatKitError(foreign, 'item.not_found')).toBe(true);
    expect(isChatKitError(foreign, 'thread.not_found')).toBe(false);
    for (const other of [null, undefined, 'x', {}, new Error('x'), new StreamError()]) {
      expect(isChatKitError(other)).toBe(false);
    }
  });
});

describe('the errors of applications', () => {
  it('have the defaults of the reference', () => {
    expect(new StreamError()).toMatchObject({ code: 'stream.error', allowRetry: true });
    expect(new StreamError('rate_limited')).toMatchObject({ code: 'rate_limited', allowRetry: false });
    expect(new StreamError('rate_limited', { allowRetry: true }).allowRetry).toBe(true);
    expect(new CustomStreamError('No more.')).toMatchObject({ message: 'No more.', allowRetry: false });
  });

  it('are told apart, across copies too', () => {
    expect([new StreamError(), new copy.StreamError()].every(isStreamError)).toBe(true);
    expect([new CustomStreamError('x'), new copy.CustomStreamError('x')].every(isCustomStreamError)).toBe(true);
    expect(isStreamError(new CustomStreamError('x'))).toBe(false);
    expect(isCustomStreamError(new StreamError())).toBe(false);
    expect(isStreamError(new Error('x')) || isCustomStreamError(null)).toBe(false);
  });
});
