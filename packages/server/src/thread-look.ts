/**
 * A fast check whether a thread has changed, made once per token. The application holds a plain object that it may
 * change anywhere at any time, so it has to be looked at, and comparing two trees takes as long as everything else that
 * the server does for a token. The usual thread is three objects with known fields, which can be compared by name in
 * two fifths of the time.
 */
import type { ThreadMetadata } from '@chatkit/core';

export class ThreadLook {
  private readonly id: string;
  private readonly createdAt: string;
  private readonly title: string | undefined;
  private readonly fields: number;
  private readonly status: ThreadMetadata['status'];
  private readonly type: string;
  private readonly reason: string | undefined;
  private readonly statusFields: number;
  private readonly metadata: object;
  /** How many keys there are: usually none, and then the arrays need not be looked at. */
  private readonly count: number;
  private readonly keys: readonly string[];
  private readonly values: readonly unknown[];

  private constructor(thread: ThreadMetadata) {
    const { status, metadata } = thread;
    this.id = thread.id;
    this.createdAt = thread.created_at;
    this.title = thread.title;
    this.fields = fieldsOf(thread);
    this.status = status;
    this.type = status.type;
    this.reason = reasonOf(status);
    this.statusFields = fieldsOf(status);
    this.metadata = metadata;
    this.keys = Object.keys(metadata);
    this.count = this.keys.length;
    this.values = Object.values(metadata);
  }

  /** A snapshot of the thread; `undefined` if it has unusual fields, or objects in its metadata. */
  static of(thread: ThreadMetadata): ThreadLook | undefined {
    const { status, metadata } = thread;
    const isUsual =
      !isPlain(status) &&
      !isPlain(metadata) &&
      hasOnly(thread, threadFields) &&
      hasOnly(status, statusFields) &&
      Object.values(metadata).every(isPlain);
    return isUsual ? new ThreadLook(thread) : undefined;
  }

  /** Whether the same thread is certainly unchanged. If not, it may have changed. */
  isStill(thread: ThreadMetadata): boolean {
    const { status, metadata } = thread;
    return (
      thread.title === this.title &&
      thread.id === this.id &&
      thread.created_at === this.createdAt &&
      status === this.status &&
      status.type === this.type &&
      reasonOf(status) === this.reason &&
      metadata === this.metadata &&
      fieldsOf(thread) === this.fields &&
      fieldsOf(status) === this.statusFields &&
      this.hasMetadata(metadata)
    );
  }

  private hasMetadata(metadata: Readonly<Record<string, unknown>>): boolean {
    let at = 0;
    for (const key in metadata) {
      if (key !== this.keys[at] || metadata[key] !== this.values[at]) return false;
      at += 1;
    }
    return at === this.count;
  }
}

const threadFields: ReadonlySet<string> = new Set(['id', 'created_at', 'title', 'status', 'metadata']);
const statusFields: ReadonlySet<string> = new Set(['type', 'reason']);

/**
 * A field that is present but undefined is refused, because then the number of fields would not tell which ones there
 * are.
 */
const hasOnly = (object: object, fields: ReadonlySet<string>): boolean =>
  Object.entries(object).every(([key, value]) => fields.has(key) && value !== undefined);

const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null;

const reasonOf = (status: ThreadMetadata['status']): string | undefined =>
  (status as { readonly reason?: string | undefined }).reason;

const fieldsOf = (object: object): number => {
  let count = 0;
  for (const _ in object) count += 1;
  return count;
};
