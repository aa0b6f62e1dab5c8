/** What may be attached, and what a file says about itself. */
import { ChatKitError } from '@chatkit/core';

/** Bytes of a file at most. */
export const MAX_FILE_BYTES = 4_000_000;

type FileKind = 'image' | 'text' | 'other';

/** Images that every browser shows, by what they begin with. */
const beginnings: Readonly<Record<string, RegExp>> = {
  'image/png': /^\x89PNG\r\n/,
  'image/jpeg': /^\xff\xd8\xff/,
  'image/gif': /^GIF8[79]a/,
  'image/webp': /^RIFF.{4}WEBP/s,
};
const textTypes = /^(?:text\/|application\/(?:json|xml|yaml|toml|sql|javascript|typescript|x-ndjson|x-sh)\b)/;
/** Browsers know no type for many files of text, and call TypeScript a video. */
const textNames =
  /\.(?:md|txt|csv|tsv|log|jsonl?|ya?ml|toml|ini|xml|svg|sql|sh|[cm]?[jt]sx?|css|html?|py|rb|go|rs|java|kt|swift|c|h|cc|cpp|cs|diff|patch)$/i;

export const kindOf = (name: string, type: string): FileKind => {
  if (beginnings[type] !== undefined) return 'image';
  return textTypes.test(type) || textNames.test(name) ? 'text' : 'other';
};

/** Throws, in words for the user, when a file cannot be taken. */
export const assertAcceptable = (name: string, type: string, size: number): void => {
  if (size > MAX_FILE_BYTES)
    throw new ChatKitError(
      'request.too_large',
      `${name} has ${sizeOf(size)}; a file may have ${sizeOf(MAX_FILE_BYTES)}.`,
    );
  if (size === 0) throw new ChatKitError('request.invalid', `${name} is empty.`);
  if (kindOf(name, type) === 'other' && type !== 'application/pdf')
    throw new ChatKitError(
      'request.unsupported_media_type',
      `${name} is no image, text or PDF, which is what can be attached.`,
    );
};

/** Whether the bytes are what the type says. Only images are looked at: they are sent back to be shown. */
export const isWhatItSays = (type: string, bytes: Uint8Array): boolean =>
  beginnings[type]?.test(Buffer.from(bytes.subarray(0, 16)).toString('latin1')) ?? true;

/** `1.2 kB`, as people write it. */
export const sizeOf = (bytes: number): string => {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${round(bytes / 1_000)} kB` : `${round(bytes / 1_000_000)} MB`;
};

const round = (value: number): string => String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
