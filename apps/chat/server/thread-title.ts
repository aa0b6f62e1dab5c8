/** A title for the thread list, from the first question. */

const MAX_TITLE_CHARS = 48;
/** Of a longer question, only the beginning can be in a title. */
const MAX_READ_CHARS = 1_000;

/** The question on one line, without Markdown, cut between words. */
export const threadTitle = (question: string): string => {
  const text = question
    .slice(0, MAX_READ_CHARS)
    .replace(/[`*_#>[\]]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\s.?!…]+$/, '');
  if (text === '') return 'New conversation';
  const title = text.charAt(0).toUpperCase() + text.slice(1);
  if (title.length <= MAX_TITLE_CHARS) return title;
  const cut = title.slice(0, MAX_TITLE_CHARS);
  const space = cut.lastIndexOf(' ');
  return `${(space > MAX_TITLE_CHARS / 2 ? cut.slice(0, space) : cut).replace(/[\s,;:–-]+$/, '')}…`;
};
