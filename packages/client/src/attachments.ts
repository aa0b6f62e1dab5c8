/**
 * Uploads files: announced to the server and then sent where it says (two-phase), or all sent to one address (direct).
 */
import { type Attachment, ChatKitError } from '@chatkit/core';
import { type Endpoint, jsonOf, type RequestOptions } from './endpoint.ts';
import { must } from './must.ts';

/**
 * How files travel. `two_phase`: the server names an address for each file (`upload_descriptor`). `direct`: every file
 * goes to `uploadUrl`, which answers with the attachment.
 */
export type UploadStrategy = { readonly type: 'two_phase' } | { readonly type: 'direct'; readonly uploadUrl: string };

/**
 * Uploads a file. Resolves with the attachment, to be sent with a message, once its bytes have arrived. Unless
 * `timeoutMs` is given, the time limit grows with the file's size, so that a slow connection can finish.
 */
export const uploadFile = async (
  file: Blob & { readonly name?: string },
  strategy: UploadStrategy,
  endpoint: Endpoint,
  { signal, timeoutMs }: RequestOptions = {},
): Promise<Attachment> => {
  must(file?.arrayBuffer, 'file must be a Blob');
  const name = file.name ?? 'file';
  const upload = { signal, timeoutMs: timeoutMs ?? endpoint.timeoutFor(file.size) };
  if (strategy.type === 'direct') {
    return endpoint.answer(
      (called) => endpoint.upload(strategy.uploadUrl, { ...formPost(file, name), signal: called }),
      jsonOf<Attachment>,
      upload,
    );
  }
  const attachment = await endpoint.json<Attachment>(
    {
      type: 'attachments.create',
      params: { name, size: file.size, mime_type: file.type || 'application/octet-stream' },
    },
    { signal, timeoutMs },
  );
  const target = attachment.upload_descriptor;
  if (target === undefined || target === null) return attachment;
  const { url, method } = target;
  const init = method === 'PUT' ? { method, body: file } : formPost(file, name);
  const headers = target.headers ?? {};
  const send = (called: AbortSignal) => endpoint.uploadBare(url, { ...init, headers, signal: called });
  return endpoint.answer(send, async () => attachment, upload);
};

const formPost = (file: Blob, name: string): RequestInit => {
  const body = new FormData();
  body.append('file', file, name);
  return { method: 'POST', body };
};

/** Encodes a recording as base64, as the protocol wants it. */
export const toBase64 = async (audio: Blob): Promise<string> => {
  const bytes = new Uint8Array(await audio.arrayBuffer());
  if (bytes.byteLength === 0) throw new ChatKitError('request.invalid', 'The recording is empty.');
  let binary = '';
  // In pieces, because the number of arguments of a call is limited.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
};
