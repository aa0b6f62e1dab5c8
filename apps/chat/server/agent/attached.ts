/** Files of a message as a model is told of them: a line about the file, then what it says or shows. */
import type { AgentInputContent } from '@chatkit/agents';
import type { Attachment } from '@chatkit/core';
import { z } from 'zod';
import { kindOf } from '../files/file-kinds.ts';

/** What the line begins with. The rest of it is JSON, so that a model that is a program can read it. */
export const ATTACHED = 'Attached file: ';
/** Of a longer text, the model gets the beginning. */
const MAX_TEXT_CHARS = 20_000;

const about = z.object({
  name: z.string(),
  type: z.string(),
  /** Bytes; `undefined`: they are gone. */
  size: z.number().optional(),
});

export interface AttachedFile extends Readonly<z.infer<typeof about>> {
  /** What it says, or how that begins; empty for what is no text. */
  readonly text: string;
}

/** What the model is told of a file. */
export const toContent = (attachment: Attachment, bytes: Uint8Array | undefined): AgentInputContent[] => {
  const { name, mime_type: type } = attachment;
  const line = `${ATTACHED}${JSON.stringify({ name, type, size: bytes?.length })}`;
  if (bytes === undefined) return [{ type: 'input_text', text: line }];
  if (attachment.type === 'image') {
    const image = `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
    return [
      { type: 'input_text', text: line },
      { type: 'input_image', image, detail: 'auto' },
    ];
  }
  if (kindOf(name, type) !== 'text') return [{ type: 'input_text', text: line }];
  return [{ type: 'input_text', text: `${line}\n${new TextDecoder().decode(bytes).slice(0, MAX_TEXT_CHARS)}` }];
};

/** Reads what `toContent` wrote; `undefined`: it is about no file, but perhaps somebody's words that begin so. */
export const readAttached = (content: string): AttachedFile | undefined => {
  if (!content.startsWith(ATTACHED)) return undefined;
  const [line = '', ...rest] = content.slice(ATTACHED.length).split('\n');
  try {
    return { ...about.parse(JSON.parse(line)), text: rest.join('\n') };
  } catch {
    return undefined;
  }
};
