import { memo, useRef, useState } from 'react';
import { CheckIcon, CopyIcon } from '../parts/icons.tsx';
import { cutCode } from './cut-code.ts';
import { type Grown, grow } from './grow.ts';
import { highlight } from './highlight.ts';

interface CodeBlockProps {
  code: string;
  language: string;
}

/** Code with its language and a button that copies it. */
export const CodeBlock = memo(({ code, language }: CodeBlockProps) => (
  <figure className="code" dir="ltr">
    <figcaption>
      <span>{language || 'text'}</span>
      <CopyButton text={code} label="Copy code" />
    </figcaption>
    {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
    <pre tabIndex={0}>
      <Code code={code} language={language} />
    </pre>
  </figure>
));

const Code = ({ code, language }: CodeBlockProps) => {
  const grown = useRef<Grown>(undefined);
  grown.current = grow((text) => cutCode(text, language), code, grown.current);
  const { pieces } = grown.current;
  return (
    <code>
      {pieces.map((piece, index) => (
        // Each begins a line by itself.
        // biome-ignore lint/suspicious/noArrayIndexKey: a piece is what stands at its place; only the last one changes
        <Lines key={index} code={index < pieces.length - 1 ? piece.slice(0, -1) : piece} language={language} />
      ))}
    </code>
  );
};

const Lines = memo(({ code, language }: CodeBlockProps) => (
  <span className="lines">
    {highlight(code, language).map((token, index) =>
      token.kind === 'plain' ? (
        token.text
      ) : (
        // biome-ignore lint/suspicious/noArrayIndexKey: the pieces have no identity but their place
        <span key={index} className={`tok-${token.kind}`}>
          {token.text}
        </span>
      ),
    )}
  </span>
));

/** A page without TLS, as on a phone in the same network, has no clipboard but the selection's. */
const writeClipboard = async (text: string): Promise<void> => {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement('textarea'));
  area.value = text;
  area.select();
  document.execCommand('copy');
  area.remove();
};

/** Copies `text`, and says so for a moment. */
export const CopyButton = ({ text, label }: { text: string; label: string }) => {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await writeClipboard(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1_600);
    } catch {
      // Without permission there is nothing to say that the unchanged button does not.
    }
  };
  return (
    <button type="button" className="quiet copy" onClick={copy} aria-label={copied ? 'Copied' : label} title={label}>
      {copied ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
};
