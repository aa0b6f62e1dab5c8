import type { ChatClient } from '@chatkit/client';
import type { StructuredInputItem } from '@chatkit/core';
import { useRef, useState } from 'react';
import { QuestionIcon } from './icons.tsx';

interface ApprovalProps {
  item: StructuredInputItem;
  client: ChatClient;
  busy: boolean;
}

/**
 * What the assistant may not do without being allowed to. Its run waits, in the store, until each question is answered.
 */
export const Approval = ({ item, client, busy }: ApprovalProps) => {
  const section = useRef<HTMLElement>(null);
  const [chosen, setChosen] = useState<ReadonlyMap<string, string>>(new Map());
  const choose = (id: string, value: string) => {
    const next = new Map(chosen).set(id, value);
    setChosen(next);
    if (item.inputs.some((input) => !next.has(input.id))) return;
    // The buttons go, and the focus with them, unless it is moved before.
    section.current?.focus({ preventScroll: true });
    const answers = Object.fromEntries([...next].map(([key, answer]) => [key, { values: [answer], skipped: false }]));
    client.sendStructuredInput(item.id, { answers });
  };
  return (
    <section ref={section} className="approval" aria-label="A question to you" tabIndex={-1}>
      {item.inputs.map((input) => (
        <div key={input.id}>
          <p>
            <QuestionIcon />
            {input.question}
          </p>
          {item.status === 'pending' && input.type === 'multiple_choice' ? (
            <div className="choices">
              {input.options.map(({ value }) => (
                <button
                  key={value}
                  type="button"
                  className="small"
                  disabled={busy}
                  aria-pressed={chosen.get(input.id) === value}
                  onClick={() => choose(input.id, value)}
                >
                  {value}
                </button>
              ))}
            </div>
          ) : (
            <p className="given">
              {input.answer === undefined || input.answer.skipped ? 'Not answered' : said(input.answer.values)}
            </p>
          )}
        </div>
      ))}
    </section>
  );
};

const said = (values: readonly string[]): string => `You said: ${values.join(', ')}`;
