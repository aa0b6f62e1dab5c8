/** Files of a message: small pictures and names, in the field while it is written, and above its words afterwards. */
import type { Attachment } from '@chatkit/core';
import type { Draft } from '../hooks/use-attachments.ts';
import { CloseIcon, DocumentIcon } from './icons.tsx';

interface DraftFilesProps {
  drafts: readonly Draft[];
  onRemove: (key: number) => void;
}

/** What is attached to a message that is being written. */
export const DraftFiles = ({ drafts, onRemove }: DraftFilesProps) => (
  <>
    {drafts.length > 0 && (
      <ul className="files" aria-label="Attached files">
        {drafts.map((draft) => (
          <li key={draft.key} data-state={draft.state}>
            <Picture preview={draft.preview} />
            <span className="about">
              <span className="name">{draft.name}</span>
              <span className="note">{draft.state === 'refused' ? draft.message : noteOf(draft)}</span>
            </span>
            {
              // Without a percentage: a file has 4 MB at most and is there in a moment, and only `XMLHttpRequest` tells
              // how much has been sent, which would have to do without the client's headers, time limits and words for
              // errors.
              draft.state === 'uploading' && <progress aria-label={`Uploading ${draft.name}`} />
            }
            <button
              type="button"
              className="quiet"
              onClick={() => onRemove(draft.key)}
              aria-label={`Remove ${draft.name}`}
              title="Remove"
            >
              <CloseIcon />
            </button>
          </li>
        ))}
      </ul>
    )}
    <p className="visually-hidden" role="status">
      {drafts.map(said).join(' ')}
    </p>
  </>
);

/** What came with a message. */
export const SentFiles = ({ attachments }: { attachments: readonly Attachment[] }) => (
  <ul className="files" aria-label="Attached files">
    {attachments.map((attachment) => (
      <li key={attachment.id} data-kind={attachment.type}>
        {attachment.type === 'image' ? (
          <a href={attachment.preview_url} target="_blank" rel="noopener noreferrer">
            <img src={attachment.preview_url} alt={attachment.name} />
          </a>
        ) : (
          <>
            <Picture preview={undefined} />
            <span className="about">
              <span className="name">{attachment.name}</span>
              <span className="note">{kindOf(attachment)}</span>
            </span>
          </>
        )}
      </li>
    ))}
  </ul>
);

const Picture = ({ preview }: { preview: string | undefined }) =>
  preview === undefined ? (
    <span className="picture">
      <DocumentIcon />
    </span>
  ) : (
    <img className="picture" src={preview} alt="" />
  );

const noteOf = ({ size, type, name }: Draft): string => `${kindOf({ name, mime_type: type })} · ${sizeOf(size)}`;

const said = (draft: Draft): string =>
  draft.state === 'refused'
    ? `${draft.name} was not attached: ${draft.message}`
    : `${draft.name} is ${draft.state === 'ready' ? 'attached' : 'being uploaded'}.`;

/** `PNG`, `MD`: what people call it. */
const kindOf = ({ name, mime_type }: Pick<Attachment, 'name' | 'mime_type'>): string =>
  (/\.(\w{1,5})$/.exec(name)?.[1] ?? mime_type.split('/')[1] ?? 'file').toUpperCase();

const sizeOf = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1_000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
