/** Sources of an answer: what the model cites, and for a model that cites nothing, what its search has found. */
import { type RawCitation, ResponseStreamConverter } from '@chatkit/agents';
import { type Annotation, annotationAdded, itemDone, type ThreadStreamEvent } from '@chatkit/core';
import { toAnnotation } from '../knowledge/annotation.ts';
import type { PassageIndex } from '../knowledge/passage-index.ts';
import { sourceUrl } from '../knowledge/source-url.ts';
import type { DemoContext } from './demo-context.ts';

/** Shows a cited passage with its file and its first words, and asks for approvals in words. */
export class DemoConverter extends ResponseStreamConverter {
  readonly #passages: ReadonlyMap<string, PassageIndex['passages'][number]>;

  constructor(index: PassageIndex) {
    super();
    this.#passages = new Map(index.passages.map((passage) => [sourceUrl(passage), passage]));
  }

  override urlCitationToAnnotation(citation: RawCitation): Annotation | undefined | Promise<Annotation | undefined> {
    const passage = this.#passages.get(String(citation['url']));
    const at = citation['end_index'];
    if (passage === undefined || typeof at !== 'number') return super.urlCitationToAnnotation(citation);
    return toAnnotation(passage, at);
  }

  override approvalToQuestion(): string {
    return 'Shall everything that was said before be deleted? This cannot be undone.';
  }
}

/** Puts the passages that were found behind a finished answer that names no source. */
export async function* withSources(
  events: AsyncIterable<ThreadStreamEvent>,
  context: DemoContext,
): AsyncGenerator<ThreadStreamEvent, void, void> {
  for await (const event of events) {
    const item = event.type === 'thread.item.done' ? event.item : undefined;
    const last = item?.type === 'assistant_message' ? item.content.at(-1) : undefined;
    if (item?.type !== 'assistant_message' || last === undefined || item.content.some(hasSources)) {
      yield event;
      continue;
    }
    const part = item.content.length - 1;
    const annotations = [...new Set(context.found)].map((passage) => toAnnotation(passage, last.text.length));
    for (const [at, annotation] of annotations.entries()) yield annotationAdded(item.id, annotation, at, part);
    yield itemDone({ ...item, content: item.content.with(part, { ...last, annotations }) });
  }
}

const hasSources = (part: { annotations: readonly Annotation[] }): boolean => part.annotations.length > 0;
