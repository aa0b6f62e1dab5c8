/**
 * A cached-prefix encoder for streams in which one event after the other differs in a single string: the text of a model.
 * Serializing such an event costs four times what it takes to put the new string between two constant pieces of JSON.
 *
 * The price: state per encoder (one template), and code that has to be right about what is constant. So the template is
 * cut out of the plain serializer's own output, for a probe that stands where the string does, and is used only for events
 * that are the same but for that string. Every other event goes through the plain serializer. The output equals the plain
 * one's for every sequence of events; a property test holds it to that.
 */
import { encodeSse, idForm } from './encode-sse.ts';

/** How an encoder recognises the hot event. */
export interface DeltaEncoderOptions<E> {
  /** The string that changes, or `undefined` for an event that is not of the hot kind. */
  deltaOf(event: E): string | undefined;
  /** A copy of an event of the hot kind with another string in that place. */
  withDelta(event: E, delta: string): E;
  /** Whether two events of the hot kind are the same but for that string, in everything that is serialized. */
  isSame(event: E, other: E): boolean;
  /** The plain serializer: JSON without line breaks. Default `JSON.stringify`. */
  stringify?: ((event: E) => string) | undefined;
}

/** An encoder of one stream; cheap to make, not to be shared between streams that interleave. */
export interface DeltaEncoder<E> {
  /** The event's JSON, as `stringify` gives it. */
  json(event: E): string;
  /** The event as an SSE frame, as `encodeSse({ id, data: stringify(event) })` gives it. */
  sse(event: E, id?: string): string;
  /** The frames of events that are `event`, which is of the hot kind, but for their deltas: `sse` of each, in a row. */
  sseRow(event: E, deltas: readonly string[]): string;
}

/** The JSON of `event` but for its delta: what is up to the opening quote, and what is from the closing one on. */
interface Template<E> {
  readonly event: E;
  readonly head: string;
  readonly tail: string;
  /** The same with the frame around it: two strings are joined to the delta, not five. */
  readonly frameHead: string;
  readonly frameTail: string;
  /** What is between two deltas of a row. */
  readonly frameJoint: string;
}

/** What JSON must escape, and surrogates, which it escapes when they are alone. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among what JSON escapes.
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * Makes an encoder whose output is that of the plain serializer, sooner: from the third event on of a row of events that
 * differ only in their delta.
 *
 * @example
 * const encoder = createDeltaEncoder<Event>({
 *   deltaOf: (event) => (event.type === 'delta' ? event.text : undefined),
 *   withDelta: (event, text) => ({ ...event, text }),
 *   isSame: (event, other) => event.item === other.item,
 * });
 * encoder.sse(event, '1-7'); // 'id: 1-7\ndata: {…}\n\n'
 */
export function createDeltaEncoder<E>(options: DeltaEncoderOptions<E>): DeltaEncoder<E> {
  return new TemplateEncoder(options);
}

// A class: every stream has one, and each token of a thousand streams finds it out of the processor's caches.
class TemplateEncoder<E> implements DeltaEncoder<E> {
  private readonly options: DeltaEncoderOptions<E>;
  private readonly stringify: (event: E) => string;
  private last: E | undefined;
  private template: Template<E> | undefined;

  constructor(options: DeltaEncoderOptions<E>) {
    this.options = options;
    this.stringify = options.stringify ?? (JSON.stringify as (event: E) => string);
  }

  json(event: E): string {
    const delta = this.options.deltaOf(event);
    const template = this.templateFor(event, delta);
    if (template === undefined) return this.plain(event, delta);
    return template.head + escaped(delta as string) + template.tail;
  }

  sse(event: E, id?: string): string {
    const delta = this.options.deltaOf(event);
    const template = this.templateFor(event, delta);
    if (template === undefined || (id !== undefined && !idForm.test(id)))
      return encodeSse({ id, data: this.plain(event, delta) });
    const frame = template.frameHead + escaped(delta as string) + template.frameTail;
    return id === undefined ? frame : `id: ${id}\n${frame}`;
  }

  sseRow(event: E, deltas: readonly string[]): string {
    const template = this.templateFor(event, '');
    if (template === undefined) return deltas.map((delta) => this.sse(this.options.withDelta(event, delta))).join('');
    const { frameHead, frameJoint, frameTail } = template;
    if (deltas.length === 1) return frameHead + escaped(deltas[0] as string) + frameTail;
    // One look at all of the text, and one copy of it into place: a string for each frame would be three objects more.
    const texts = needsEscape.test(deltas.join('')) ? deltas.map(escaped) : deltas;
    return frameHead + texts.join(frameJoint) + frameTail;
  }

  private templateFor(event: E, delta: string | undefined): Template<E> | undefined {
    const { template } = this;
    return template !== undefined && delta !== undefined && this.options.isSame(event, template.event)
      ? template
      : undefined;
  }

  private plain(event: E, delta: string | undefined): string {
    const { options, last, stringify } = this;
    const json = stringify(event);
    if (delta === undefined) return json;
    // Learning costs one more serialization: not for an event that may stay alone of its kind.
    if (last !== undefined && delta !== probe && options.isSame(event, last))
      this.template = cut(event, stringify(options.withDelta(event, probe)), json, JSON.stringify(delta));
    this.last = event;
    return json;
  }
}

const escaped = (text: string): string => (needsEscape.test(text) ? JSON.stringify(text).slice(1, -1) : text);

/** Stands for the delta while a template is cut. */
const probe = 'ec9f7c8e-5f0e-4b0e-9d65-probe';
const quotedProbe = `"${probe}"`;

function cut<E>(event: E, probed: string, json: string, quotedDelta: string): Template<E> | undefined {
  const at = probed.indexOf(quotedProbe);
  if (at === -1) return undefined;
  const head = probed.slice(0, at + 1);
  const tail = probed.slice(at + quotedProbe.length - 1);
  // Two different strings gave the same head and tail, so nothing else depends on it.
  if (head + quotedDelta.slice(1, -1) + tail !== json || /[\r\n]/.test(json)) return undefined;
  const [frameHead, frameTail] = [`data: ${head}`, `${tail}\n\n`];
  return { event, head, tail, frameHead, frameTail, frameJoint: frameTail + frameHead };
}
