import { describe, expect, it } from 'vitest';
import { isTransportError, TransportError } from '../src/index.ts';

const copy = (await import(
  /* @vite-ignore */ '../src/transport-error.ts?second-copy' as string
)) as typeof import('../src/transport-error.ts');

describe('TransportError', () => {
  it('carries its code, whether to try again, its cause and its details', () => {
    const cause = new Error('under it');
    const options = { retryable: true, cause, details: { status: 502 } };
    expect(new TransportError('transport.status', 'No.', options)).toMatchObject({
      name: 'TransportError',
      message: 'No.',
      code: 'transport.status',
      ...options,
    });
    const plain = new TransportError('transport.network', 'No.');
    expect(plain).toMatchObject({ retryable: false, details: undefined });
    expect('cause' in plain).toBe(false);
  });

  it('is recognised across copies of the package, and by its code', () => {
    const foreign = new copy.TransportError('transport.network', 'x');
    expect(foreign).not.toBeInstanceOf(TransportError);
    expect(isTransportError(foreign)).toBe(true);
    expect(isTransportError(foreign, 'transport.network')).toBe(true);
    expect(isTransportError(foreign, 'transport.status')).toBe(false);
    const branded = (code: unknown) => ({ [Symbol.for('chatkit.error')]: true, code });
    const others = [
      null,
      undefined,
      'x',
      {},
      { code: 'transport.network' },
      branded('thread.busy'),
      branded(undefined),
    ];
    for (const other of others) expect(isTransportError(other)).toBe(false);
  });
});
