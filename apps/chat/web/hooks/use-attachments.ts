/** The files of a message that is being written: each is sent to the server at once, and named in the message later. */
import type { ChatClient } from '@chatkit/client';
import type { Attachment } from '@chatkit/core';
import { useCallback, useEffect, useRef, useState } from 'react';

/** Files of one message at most. */
const MOST = 5;

/** A file on its way. */
export type Draft = DraftFile &
  (
    | { readonly state: 'uploading' }
    | { readonly state: 'ready'; readonly attachment: Attachment }
    | { readonly state: 'refused'; readonly message: string }
  );

interface DraftFile {
  /** Unique on the page. */
  readonly key: number;
  readonly name: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** What an image looks like. */
  readonly preview: string | undefined;
}

export interface Attachments {
  readonly drafts: readonly Draft[];
  add(files: Iterable<File>): void;
  remove(key: number): void;
  /** Gives the files to a message: none are left here. */
  take(): readonly Attachment[];
}

export const useAttachments = (client: ChatClient): Attachments => {
  const [drafts, setDrafts] = useState<readonly Draft[]>([]);
  const uploads = useRef(new Map<number, AbortController>());
  const keys = useRef(0);
  const latest = useRef(drafts);
  latest.current = drafts;

  const begin = useCallback(
    (file: File): Draft => {
      const key = keys.current++;
      const preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : undefined;
      const about: DraftFile = { key, name: file.name, type: file.type, size: file.size, preview };
      const upload = new AbortController();
      uploads.current.set(key, upload);
      const become = (next: Draft) => setDrafts((all) => all.map((each) => (each.key === key ? next : each)));
      client
        .uploadFile(file, { signal: upload.signal })
        .then(
          (attachment) => {
            if (upload.signal.aborted) forget(client, attachment);
            else become({ ...about, state: 'ready', attachment });
          },
          (error: unknown) => {
            const message = error instanceof Error ? error.message : String(error);
            if (preview !== undefined) URL.revokeObjectURL(preview);
            become({ ...about, preview: undefined, state: 'refused', message });
          },
        )
        .finally(() => uploads.current.delete(key));
      return { ...about, state: 'uploading' };
    },
    [client],
  );

  const add = useCallback(
    (files: Iterable<File>) => {
      const room = MOST - latest.current.length;
      const begun = [...files].map((file, index) => (index < room ? begin(file) : refuse(file, keys.current++)));
      setDrafts((all) => [...all, ...begun]);
    },
    [begin],
  );

  const remove = useCallback(
    (key: number) => {
      const draft = latest.current.find((each) => each.key === key);
      uploads.current.get(key)?.abort();
      if (draft?.state === 'ready') forget(client, draft.attachment);
      if (draft?.preview !== undefined) URL.revokeObjectURL(draft.preview);
      setDrafts((all) => all.filter((each) => each.key !== key));
    },
    [client],
  );

  const take = useCallback(() => {
    const ready = latest.current.flatMap((each) => (each.state === 'ready' ? [each.attachment] : []));
    for (const { preview } of latest.current) if (preview !== undefined) URL.revokeObjectURL(preview);
    setDrafts([]);
    return ready;
  }, []);

  // With the page goes what was not sent.
  useEffect(() => {
    const running = uploads.current;
    return () => {
      for (const upload of running.values()) upload.abort();
    };
  }, []);

  return { drafts, add, remove, take };
};

const refuse = ({ name, type, size }: File, key: number): Draft => ({
  key,
  name,
  type,
  size,
  preview: undefined,
  state: 'refused',
  message: `A message takes ${MOST} files.`,
});

/** Nobody waits for it: a file that stays is no file of a message. */
const forget = (client: ChatClient, { id }: Attachment): void => void client.deleteAttachment(id).catch(() => {});
