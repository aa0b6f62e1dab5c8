/**
 * Visitors' files. The page announces a file (`attachments.create`), sends its bytes to the address that it is told,
 * and names the file in a message: the two phases of the protocol. An address is of use to its visitor only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Attachment, type AttachmentStore, createId, isChatKitError, type Store } from '@chatkit/core';
import type { Visitor } from '../anonymous-user.ts';
import { securityHeaders } from '../static-files.ts';
import type { FileBox } from './file-box.ts';
import { assertAcceptable, isWhatItSays, kindOf, MAX_FILE_BYTES } from './file-kinds.ts';

/** The addresses of files. */
const FILES = '/files/';

export interface Files extends AttachmentStore<Visitor> {
  read(visitor: Visitor, id: string): Promise<Uint8Array | undefined>;
  /** Answers `PUT` with bytes, and `GET` of an image. */
  handle(request: IncomingMessage, response: ServerResponse, id: string, visitor: Visitor): Promise<void>;
}

export interface FilesOptions {
  readonly box: FileBox;
  readonly store: Store<Visitor>;
}

export const createFiles = ({ box, store }: FilesOptions): Files => {
  const load = async (id: string, visitor: Visitor): Promise<Attachment | undefined> => {
    try {
      return await store.loadAttachment(id, visitor);
    } catch (error) {
      if (isChatKitError(error, 'attachment.not_found')) return undefined;
      throw error;
    }
  };

  /** Takes the bytes of a file that was announced, once. */
  const take = async (request: IncomingMessage, attachment: Attachment, visitor: Visitor): Promise<number> => {
    const bytes = await bytesOf(request);
    if (bytes === undefined) return 413;
    if (bytes.length !== attachment.metadata?.['size'] || !isWhatItSays(attachment.mime_type, bytes)) return 415;
    await box.write(visitor, attachment.id, bytes);
    await store.saveAttachment({ ...attachment, upload_descriptor: undefined }, visitor);
    return 204;
  };

  return {
    async createAttachment({ name, mime_type, size }) {
      assertAcceptable(name, mime_type, size);
      const id = createId('attachment');
      const url = `${FILES}${id}`;
      const base = {
        id,
        name: name.slice(0, 200),
        mime_type,
        metadata: { size },
        upload_descriptor: { url, method: 'PUT', headers: {} },
      } as const;
      return kindOf(name, mime_type) === 'image'
        ? { ...base, type: 'image', preview_url: url }
        : { ...base, type: 'file' };
    },
    deleteAttachment: (id, visitor) => box.remove(visitor, id),
    read: (visitor, id) => box.read(visitor, id),

    async handle(request, response, id, visitor) {
      const end = (status: number) => void response.writeHead(status, headers).end();
      const attachment = await load(id, visitor);
      if (attachment === undefined) return end(404);
      if (request.method === 'PUT')
        return end(attachment.upload_descriptor === undefined ? 409 : await take(request, attachment, visitor));
      if (request.method !== 'GET') return end(405);
      const bytes = attachment.type === 'image' ? await box.read(visitor, id) : undefined;
      if (bytes === undefined) return end(404);
      response.writeHead(200, {
        ...headers,
        'content-type': attachment.mime_type,
        'cache-control': 'private, max-age=31536000',
      });
      response.end(bytes);
    },
  };
};

/** Somebody's bytes at our address: they are shown and nothing else, whatever they are. */
const headers = { ...securityHeaders, 'content-security-policy': "default-src 'none'; sandbox" };

/** The body; `undefined` when it is longer than a file may be, or breaks off, and nobody hears the answer. */
const bytesOf = async (request: IncomingMessage): Promise<Uint8Array | undefined> => {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request) {
      length += part.length;
      if (length > MAX_FILE_BYTES) return undefined;
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts);
};
