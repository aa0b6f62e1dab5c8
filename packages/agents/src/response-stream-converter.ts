/**
 * The hooks of the bridge: how a model's images, citations and hosted tools are shown to the user. Override a method to
 * change that, for example to upload images instead of inlining them.
 */
import type { Annotation, Task } from '@chatkit/core';
import { field, indexField, textField } from './agent-run.ts';
import type { RawCitation } from './agent-signal.ts';
import { describeHostedTool, type HostedToolCall } from './hosted-tool-call.ts';

type Awaitable<T> = T | Promise<T>;

export interface ResponseStreamConverterOptions {
  /** How many partial images the image tool was asked for. If absent, progress is not reported. */
  partialImages?: number | undefined;
  /**
   * Whether calls of hosted tools (web and file search, the code interpreter, MCP) are shown as tasks of a workflow.
   * Default `hidden`, as in the Python SDK.
   */
  hostedTools?: 'hidden' | 'shown' | undefined;
}

/**
 * Converts what a model streams apart from text.
 *
 * @example
 * class Uploading extends ResponseStreamConverter {
 *   override base64ImageToUrl(imageId: string, base64: string) { return bucket.put(`${imageId}.png`, base64); }
 * }
 * yield* streamAgentResponse(context, result, { converter: new Uploading({ partialImages: 3 }) });
 */
export class ResponseStreamConverter {
  /** How many partial images the image tool was asked for. If absent, progress is not reported. */
  readonly partialImages: number | undefined;

  /** Whether hosted tools are shown. */
  readonly hostedTools: 'hidden' | 'shown';

  constructor(options: ResponseStreamConverterOptions = {}) {
    this.partialImages = options.partialImages;
    this.hostedTools = options.hostedTools ?? 'hidden';
  }

  /** The URL under which an image is shown. Default: a `data:` URL. `partialIndex` is set for an unfinished image. */
  base64ImageToUrl(_imageId: string, base64: string, _partialIndex?: number): Awaitable<string> {
    return `data:image/png;base64,${base64}`;
  }

  /** How far along an image is, from 0 to 1. */
  partialImageIndexToProgress(partialIndex: number): number {
    if (this.partialImages === undefined || this.partialImages <= 0) return 0;
    return Math.min(1, partialIndex / this.partialImages);
  }

  /** A citation of an uploaded file. `undefined` drops it; the default drops citations without a file name. */
  fileCitationToAnnotation(citation: RawCitation): Awaitable<Annotation | undefined> {
    return fileAnnotation(citation, positionIn(citation, 'index'));
  }

  /** A citation of a file that a tool has written. */
  containerFileCitationToAnnotation(citation: RawCitation): Awaitable<Annotation | undefined> {
    return fileAnnotation(citation, positionIn(citation, 'end_index'));
  }

  /** A citation of a web page. */
  urlCitationToAnnotation(citation: RawCitation): Awaitable<Annotation | undefined> {
    const url = textField(citation, 'url');
    if (url === undefined || url === '') return undefined;
    return {
      type: 'annotation',
      source: { type: 'url', title: textField(citation, 'title') || url, url },
      ...positionIn(citation, 'end_index'),
    };
  }

  /** Dispatches a citation by its type. Unknown types, and bare file paths, are dropped. */
  citationToAnnotation(citation: RawCitation): Awaitable<Annotation | undefined> {
    switch (citation.type) {
      case 'file_citation':
        return this.fileCitationToAnnotation(citation);
      case 'container_file_citation':
        return this.containerFileCitationToAnnotation(citation);
      case 'url_citation':
        return this.urlCitationToAnnotation(citation);
      default:
        return undefined;
    }
  }

  /**
   * How a call of a hosted tool is shown. Called when the call begins and when it has ended. `undefined` hides the
   * call. By default, if `hostedTools` is `shown`, a search is shown with its queries and sources, the code interpreter
   * and MCP tools by their names.
   */
  hostedToolToTask(call: HostedToolCall): Task | undefined {
    return this.hostedTools === 'shown' ? describeHostedTool(call) : undefined;
  }

  /** The question for a tool call that waits for approval. `input`: the call's arguments. */
  approvalToQuestion(toolName: string, input: unknown): string {
    const text = input === undefined ? '' : JSON.stringify(input);
    return text === '' || text === '{}' ? `Allow ${toolName}?` : `Allow ${toolName} ${text}?`;
  }
}

/** The position of a citation in the text. A model that names its sources before it writes gives none. */
const positionIn = (citation: RawCitation, name: string): { index?: number } =>
  field(citation, name) === undefined ? {} : { index: indexField(citation, name) };

const fileAnnotation = (citation: RawCitation, position: { index?: number }): Annotation | undefined => {
  const filename = textField(citation, 'filename');
  if (filename === undefined || filename === '') return undefined;
  // A model behind the AI SDK names a document by a title, too.
  const title = textField(citation, 'title') || filename;
  return { type: 'annotation', source: { type: 'file', title, filename }, ...position };
};
