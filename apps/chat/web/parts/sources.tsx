import type { Annotation } from '@chatkit/core';
import { DocumentIcon } from './icons.tsx';

/** The sources of an answer, numbered as in its text. */
export const Sources = ({ annotations, id }: { annotations: readonly Annotation[]; id: string }) => {
  if (annotations.length === 0) return null;
  return (
    <ol className="sources" aria-label="Sources">
      {annotations.map(({ source }, index) => {
        const target = `${id}-source-${index + 1}`;
        const body = (
          <>
            <span className="number" aria-hidden="true">
              {index + 1}
            </span>
            <span className="title">{source.title}</span>
            <span className="from">{placeOf(source)}</span>
          </>
        );
        return (
          <li key={target} id={target} title={source.description}>
            {source.type === 'url' ? (
              <a href={source.url} target="_blank" rel="noopener noreferrer nofollow">
                {body}
              </a>
            ) : (
              <span className="chip">
                <DocumentIcon />
                {body}
              </span>
            )}
          </li>
        );
      })}
    </ol>
  );
};

const placeOf = (source: Annotation['source']): string => {
  if (source.type === 'url') return source.attribution ?? hostOf(source.url);
  return source.type === 'file' ? source.filename : '';
};

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '');
