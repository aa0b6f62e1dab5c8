/**
 * Streaming Markdown: the text is cut into blocks, and each block is a component that renders again only when its own
 * text changes. While an answer is written that is the last one; the others keep their elements. Raw HTML is shown as
 * text, images as links.
 */
import { isValidElement, memo, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { CITE } from './cite-blocks.ts';
import { closeInline } from './close-inline.ts';
import { CodeBlock } from './code-block.tsx';
import { linkBlocks, NOTE, notesOf } from './link-blocks.ts';

interface AnswerTextProps {
  blocks: readonly string[];
  /** How many of them, from the first, are not drawn yet. */
  hidden: number;
  streaming: boolean;
  /** Nobody will close what its end leaves open. */
  stopped: boolean;
  /** Unique on the page; the marks in the text point at `<id>-source-<n>`. */
  id: string;
}

export const AnswerText = ({ blocks, hidden, streaming, stopped, id }: AnswerTextProps) => {
  const isOpen = streaming || stopped;
  const last = blocks.at(-1);
  const closed = isOpen && last !== undefined ? blocks.with(-1, closeInline(last)) : blocks;
  return (
    <div className="prose" data-streaming={streaming || undefined}>
      {linkBlocks(closed).map((block, index) =>
        index < hidden ? null : (
          // biome-ignore lint/suspicious/noArrayIndexKey: a block is what stands at its place; only the last one changes
          <Block key={index} id={id} text={block} />
        ),
      )}
    </div>
  );
};

const plugins = [remarkGfm];

const Block = memo(({ text, id }: { text: string; id: string }) => {
  const notes = notesOf(text);
  return (
    <div className="block" dir="auto">
      {notes === undefined ? (
        <Markdown text={text} id={id} />
      ) : (
        <ul className="notes" aria-label="Footnotes">
          {notes.map((note) => (
            <li key={note.label} id={`${id}-note-${encodeURIComponent(note.label)}`}>
              <sup>{note.label}</sup>
              <Markdown text={note.text} id={id} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
});

const Markdown = ({ text, id }: { text: string; id: string }) => (
  <ReactMarkdown remarkPlugins={plugins} components={componentsFor(id)}>
    {text}
  </ReactMarkdown>
);

const known = new Map<string, Components>();

/** One object per answer, so that links do not mount again at every delta. */
const componentsFor = (id: string): Components => {
  const before = known.get(id);
  if (before !== undefined) return before;
  const components: Components = {
    a: ({ href = '', children }) =>
      href.startsWith(CITE) ? (
        <sup>
          <a
            className="cite"
            href={`#${id}-source-${href.slice(CITE.length)}`}
            aria-label={`Source ${href.slice(CITE.length)}`}
          >
            {children}
          </a>
        </sup>
      ) : href.startsWith(NOTE) ? (
        <sup>
          <a className="cite" href={`#${id}-note-${href.slice(NOTE.length)}`}>
            <span className="visually-hidden">Footnote </span>
            {children}
          </a>
        </sup>
      ) : (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow">
          {children}
        </a>
      ),
    img: ({ src, alt }) => (
      <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noopener noreferrer nofollow">
        {alt || 'Image'}
      </a>
    ),
    // The box of a task. It cannot be ticked, so all that it has to say is its name.
    input: ({ checked }) => (
      <input type="checkbox" checked={checked} disabled aria-label={checked ? 'Done' : 'To do'} />
    ),
    // The title of the conversation is the page's h1: headings of an answer come below it.
    h1: ({ children }) => <h2>{children}</h2>,
    h3: ({ children }) => <h2>{children}</h2>,
    h4: ({ children }) => <h3>{children}</h3>,
    h5: ({ children }) => <h4>{children}</h4>,
    pre: ({ children }) => <CodeBlock {...codeOf(children)} />,
    table: ({ children }) => (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
      <section className="table" tabIndex={0} aria-label="Table">
        <table>{children}</table>
      </section>
    ),
  };
  known.clear();
  known.set(id, components);
  return components;
};

const codeOf = (children: ReactNode): { code: string; language: string } => {
  const props = isValidElement<{ children?: unknown; className?: string }>(children) ? children.props : undefined;
  return {
    code: String(props?.children ?? '').replace(/\n$/, ''),
    language: /language-(\S+)/.exec(props?.className ?? '')?.[1] ?? '',
  };
};
