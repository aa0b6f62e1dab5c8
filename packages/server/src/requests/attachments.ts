/** The requests about attachments, and the one that turns speech into text. */
import {
  type Attachment,
  type AttachmentStore,
  ChatKitError,
  type ChatKitRequestOf,
  isChatKitError,
  toWireAttachment,
} from '@chatkit/core';
import { describeValue } from '../describe-value.ts';
import { storeOf } from '../mistake-of.ts';
import type { ServerParts } from '../server-parts.ts';

/** `attachments.create`: an id and, for a two-phase upload, where to send the bytes. */
export const createAttachment = async <Context>(
  parts: ServerParts<Context>,
  params: ChatKitRequestOf<'attachments.create'>['params'],
  context: Context,
): Promise<Attachment> => {
  const attachment = await required(parts).createAttachment(params, context);
  await storeOf('createAttachment', () => parts.store.saveAttachment(attachment, context));
  return toWireAttachment(attachment);
};

/**
 * `attachments.delete`: deletes the bytes, then the record. Silently does nothing for an attachment that this user does
 * not have.
 */
export const deleteAttachment = async <Context>(
  parts: ServerParts<Context>,
  { attachment_id }: ChatKitRequestOf<'attachments.delete'>['params'],
  context: Context,
): Promise<Record<string, never>> => {
  const bytes = required(parts);
  try {
    await parts.store.loadAttachment(attachment_id, context);
  } catch (error) {
    if (isChatKitError(error, 'attachment.not_found')) return {};
    throw error;
  }
  await bytes.deleteAttachment(attachment_id, context);
  await parts.store.deleteAttachment(attachment_id, context);
  return {};
};

/** `input.transcribe`: recorded speech in, text out. */
export const transcribe = async <Context>(
  parts: ServerParts<Context>,
  { audio_base64, mime_type }: ChatKitRequestOf<'input.transcribe'>['params'],
  context: Context,
): Promise<{ text: string }> => {
  const heard = await parts.transcribe(
    {
      audio: decodeBase64(audio_base64),
      mimeType: mime_type,
      mediaType: (mime_type.split(';', 1)[0] as string).trim(),
    },
    context,
  );
  if (typeof heard?.text === 'string') return { text: heard.text };
  throw new TypeError(`transcribe() must return { text }, with a string in it, not ${describeValue(heard)}.`);
};

const required = <Context>({ attachmentStore }: ServerParts<Context>): AttachmentStore<Context> => {
  if (attachmentStore !== undefined) return attachmentStore;
  throw new ChatKitError('attachment.unsupported', 'This server has no attachmentStore.');
};

/** As lenient as the Python SDK: characters that are not base64, for example line breaks, are skipped. */
const decodeBase64 = (text: string): Uint8Array<ArrayBuffer> => {
  let binary: string;
  try {
    binary = atob(text.replace(/[^A-Za-z0-9+/]/g, ''));
  } catch (cause) {
    throw new ChatKitError('request.invalid', 'params.audio_base64 is not valid base64.', {
      cause,
      details: { path: 'params.audio_base64' },
    });
  }
  // A loop, because `Uint8Array.from` with a function takes eighty times as long, and nothing else runs meanwhile.
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
};
