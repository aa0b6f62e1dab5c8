/** What the offline model says about files: what arrived, and how a text begins. It can look at none of them. */
import type { AttachedFile } from '../agent/attached.ts';
import { sizeOf } from '../files/file-kinds.ts';

const MAX_LINES = 8;
const MAX_LINE_CHARS = 160;

/** The answer to a message with files. */
export const describeFiles = (files: readonly AttachedFile[], question: string): string => {
  const [first] = files;
  const intro =
    files.length === 1 && first !== undefined
      ? `I got ${nameOf(first)}.`
      : `I got ${files.length} files:\n\n${files.map((file) => `- ${nameOf(file)}`).join('\n')}`;
  const quotes = files.filter(({ text }) => text.trim() !== '').map((file) => quoteOf(file, files.length > 1));
  const more = question === '' ? '' : ' Ask your question without a file, and I look for it in the documentation.';
  return [intro, ...quotes, `${limits}${more}`].join('\n\n');
};

const limits = 'More I cannot tell: no model is behind me. With a key in `OPENAI_API_KEY` one is, and gets the files.';

const nameOf = ({ name, type, size }: AttachedFile): string => {
  const details = [type, size === undefined ? 'its bytes are gone' : sizeOf(size)].join(', ');
  return `\`${name.replaceAll('`', "'")}\` (${details})`;
};

const quoteOf = ({ name, text }: AttachedFile, isOneOfMany: boolean): string => {
  const lines = text.trimEnd().split(/\r?\n/);
  const shown = lines
    .slice(0, MAX_LINES)
    .map((line) => (line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}…` : line));
  const what = isOneOfMany ? `\`${name.replaceAll('`', "'")}\`` : 'It';
  const rest = lines.length > MAX_LINES ? ` begins` : ` says`;
  // More ticks than the text has in a row, so that none of it ends the quote.
  const ticks = '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map(({ length }) => length + 1)));
  return `${what}${rest}:\n\n${ticks}${languageOf(name)}\n${shown.join('\n')}\n${ticks}`;
};

const languageOf = (name: string): string => /\.([a-z]{1,5})$/i.exec(name)?.[1]?.toLowerCase() ?? '';
