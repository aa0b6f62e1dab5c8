/**
 * Streaming Markdown: the text is cut into blocks, and each block is a component that renders again only when its own
 * text changes. While an answer is written that is the last one; the others keep their elements. Blocks stand in
 * sections, of which only the last one is compared at a delta. Raw HTML is shown as text, images as links.
 */
import { Fragment, isValidElement, memo, type ReactNode, type Ref } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { useFixedColumns } from '../hooks/use-fixed-columns.ts';
import { useRest } from '../hooks/use-rest.ts';
import { CITE } from './cite-blocks.ts';
import { closeInline } from './close-inline.ts';
import { CodeBlock } from './code-block.tsx';
import { goesOn } from './cut-blocks.ts';
import { fenceOf } from './cut-code.ts';
import { cutParagraph } from './cut-paragraph.ts';
import { cutTable } from './cut-table.ts';
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

/** How many blocks are laid out and painted as one. */
const SECTION = 16;

export const AnswerText = ({ blocks, hidden, streaming, stopped, id }: AnswerTextProps) => {
  const isOpen = streaming || stopped;
  const last = blocks.at(-1);
  const closed = isOpen && last !== undefined ? blocks.with(-1, closeInline(last)) : blocks;
  const linked = linkBlocks(closed);
  const count = Math.ceil(linked.length / SECTION);
  return (
    <div className="prose">
      {Array.from({ length: count }, (_, index) => {
        const start = index * SECTION;
        if (hidden >= Math.min(start + SECTION, linked.length)) return null;
        return (
          <Section
            // biome-ignore lint/suspicious/noArrayIndexKey: a section is what stands at its place
            key={index}
            id={id}
            before={linked[start - 1]}
            blocks={linked.slice(start, start + SECTION)}
            hidden={Math.max(0, hidden - start)}
            growing={streaming && index === count - 1}
          />
        );
      })}
    </div>
  );
};

interface SectionProps extends Pick<AnswerTextProps, 'id' | 'blocks' | 'hidden'> {
  /** The block before the first one. */
  before: string | undefined;
  /** Whether more of it is to come. */
  growing: boolean;
}

/**
 * Some blocks of an answer. What is far from the screen costs nothing in a section that rests, so that a frame takes as
 * long in a long answer as in a short one: neither React nor the browser look into it.
 */
const Section = memo(
  ({ id, before, blocks, hidden, growing }: SectionProps) => {
    const box = useRest<HTMLDivElement>(!growing && hidden === 0);
    return (
      <div
        className="section"
        ref={box}
        data-growing={growing || undefined}
        data-continued={goesOn(blocks[0] ?? '', before) || undefined}
      >
        {blocks.map((block, index) =>
          index < hidden ? null : (
            // biome-ignore lint/suspicious/noArrayIndexKey: a block is what stands at its place; only the last one changes
            <Block key={index} id={id} text={block} continued={goesOn(block, blocks[index - 1] ?? before)} />
          ),
        )}
      </div>
    );
  },
  (a, b) =>
    a.id === b.id &&
    a.before === b.before &&
    a.hidden === b.hidden &&
    a.growing === b.growing &&
    a.blocks.length === b.blocks.length &&
    a.blocks.every((block, index) => block === b.blocks[index]),
);

const plugins = [remarkGfm];

interface BlockProps {
  text: string;
  id: string;
  /** Whether it is the rest of the list before it. */
  continued: boolean;
}

const Block = memo(({ text, id, continued }: BlockProps) => (
  <div className="block" dir="auto" data-continued={continued || undefined}>
    <Contents text={text} id={id} />
  </div>
));

const Contents = ({ text, id }: { text: string; id: string }) => {
  const fence = fenceOf(text);
  if (fence !== undefined) return <CodeBlock {...fence} />;
  const rows = cutTable(text);
  if (rows !== undefined) return <LongTable parts={rows} id={id} />;
  const pieces = cutParagraph(text);
  if (pieces !== undefined) return <LongParagraph pieces={pieces} id={id} />;
  const notes = notesOf(text);
  if (notes === undefined) return <Markdown text={text} id={id} />;
  return (
    <ul className="notes" aria-label="Footnotes">
      {notes.map((note) => (
        <li key={note.label} id={`${id}-note-${encodeURIComponent(note.label)}`}>
          <sup>{note.label}</sup>
          <Markdown text={note.text} id={id} />
        </li>
      ))}
    </ul>
  );
};

const LongTable = ({ parts, id }: { parts: readonly string[]; id: string }) => {
  const { table, widths } = useFixedColumns(parts.length > 1);
  return (
    <Table ref={table} widths={widths}>
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a part is what stands at its place; only the last one changes
        <Markdown key={index} text={part} id={id} as={index === 0 ? 'first rows' : 'rows'} />
      ))}
    </Table>
  );
};

const LongParagraph = ({ pieces, id }: { pieces: readonly string[]; id: string }) => (
  <p>
    {pieces.map((piece, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a piece is what stands at its place; only the last one changes
      <Fragment key={index}>
        {index > 0 && ' '}
        <Markdown text={piece} id={id} as="words" />
      </Fragment>
    ))}
  </p>
);

interface TableProps {
  children?: ReactNode;
  ref?: Ref<HTMLTableElement> | undefined;
  /** Of its columns, where they do not depend on what is in them. */
  widths?: readonly number[];
}

const Table = ({ children, ref, widths = [] }: TableProps) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
  <section className="table" tabIndex={0} aria-label="Table">
    <table ref={ref} data-fixed={widths.length > 0 || undefined}>
      {widths.length > 0 && (
        <colgroup>
          {widths.map((width, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a column is what stands at its place
            <col key={index} style={{ width }} />
          ))}
        </colgroup>
      )}
      {children}
    </table>
  </section>
);

interface MarkdownProps {
  text: string;
  id: string;
  /** What to draw of a part of a table, the first one with its head, or of a paragraph. */
  as?: keyof Drawing;
}

const Markdown = memo(({ text, id, as = 'blocks' }: MarkdownProps) => (
  <ReactMarkdown remarkPlugins={plugins} components={drawingOf(id)[as]}>
    {text}
  </ReactMarkdown>
));

type Drawing = Readonly<Record<'blocks' | 'first rows' | 'rows' | 'words', Components>>;

const known = new Map<string, Drawing>();

/** One object per answer, so that links do not mount again at every delta. */
const drawingOf = (id: string): Drawing => {
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
      ) : href === '' ? (
        // An address that is not let through, such as `javascript:`. A link without one would open this page.
        children
      ) : (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow">
          {children}
        </a>
      ),
    img: ({ src, alt }) =>
      typeof src === 'string' && src !== '' ? (
        <a href={src} target="_blank" rel="noopener noreferrer nofollow">
          {alt || 'Image'}
        </a>
      ) : (
        alt
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
    table: Table,
  };
  const first: Components = { ...components, table: ({ children }) => children };
  const drawing = {
    blocks: components,
    'first rows': first,
    rows: { ...first, thead: () => null },
    words: { ...components, p: ({ children }) => children },
  } satisfies Drawing;
  known.clear();
  known.set(id, drawing);
  return drawing;
};

const codeOf = (children: ReactNode): { code: string; language: string } => {
  const props = isValidElement<{ children?: unknown; className?: string }>(children) ? children.props : undefined;
  return {
    code: String(props?.children ?? '').replace(/\n$/, ''),
    language: /language-(\S+)/.exec(props?.className ?? '')?.[1] ?? '',
  };
};
