/**
 * A fast encoder for streams in which successive events differ only in one string, as the text deltas of a model do.
 * Serializing such an event costs four times as much as putting the new string between two constant pieces of JSON.
 *
 * The price: one template of state per encoder, and code that must be right about what is constant. So the template is
 * cut from the plain serializer's own output, with a probe in place of the string, and is used only for events that are
 * equal but for that string. Every other event goes through the plain serializer. A property test checks that the
 * output equals the plain serializer's for every sequence of events.
 */
import { encodeSse, idForm } from './encode-sse.ts';

/** How an encoder recognises the frequent ("hot") kind of event. */
export interface DeltaEncoderOptions<E> {
  /** The string that changes, or `undefined` for an event that is not of the hot kind. */
  deltaOf(event: E): string | undefined;
  /** A copy of an event of the hot kind with another string in that place. */
  withDelta(event: E, delta: string): E;
  /** Whether two events of the hot kind are equal in everything that is serialized, except that string. */
  isSame(event: E, other: E): boolean;
  /** The plain serializer: JSON without line breaks. Default `JSON.stringify`. */
  stringify?: ((event: E) => string) | undefined;
}

/** An encoder for one stream. Cheap to make; not to be shared between interleaved streams. */
export interface DeltaEncoder<E> {
  /** The event's JSON, equal to that of `stringify`. */
  json(event: E): string;
  /** The event as an SSE frame, equal to `encodeSse({ id, data: stringify(event) })`. */
  sse(event: E, id?: string): string;
  /**
   * The concatenated frames of several events that equal `event`, which is of the hot kind, except for their deltas.
   * The same object again is recognised without a comparison, so do not change it.
   */
  sseRow(event: E, deltas: readonly string[]): string;
}

/** The JSON of `event` without its delta: up to and including the opening quote, and from the closing quote on. */
interface Template<E> {
  readonly event: E;
  readonly head: string;
  readonly tail: string;
  /** The same with the SSE frame around it, so that two strings are joined to the delta and not five. */
  readonly frameHead: string;
  readonly frameTail: string;
  /** What comes between two deltas of a row. */
  readonly frameJoint: string;
}

/** What JSON must escape, and surrogates, which it escapes when unpaired. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes control characters.
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * Makes an encoder whose output is that of the plain serializer, but faster from the third on of successive events that
 * differ only in their delta.
 *
 * @example
 * const encoder = createDeltaEncoder<ChatEvent>({
 *   deltaOf: (event) => (event.type === 'delta' ? event.text : undefined),
 *   withDelta: (event, text) => ({ ...event, text }),
 *   isSame: (event, other) => event.item === other.item,
 * });
 * encoder.sse(event, '1-7'); // 'id: 1-7\ndata: {…}\n\n'
 */
export function createDeltaEncoder<E>(options: DeltaEncoderOptions<E>): DeltaEncoder<E> {
  return new TemplateEncoder(options);
}

// A class, for compactness: every stream has one, and with a thousand streams it is out of the CPU's caches at each
// token.
class TemplateEncoder<E> implements DeltaEncoder<E> {
  private readonly options: DeltaEncoderOptions<E>;
  private readonly stringify: (event: E) => string;
  private last: E | undefined;
  private template: Template<E> | undefined;
  /** The event of the last row, if the template is for it. */
  private row: E | undefined;

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
    const template = event === this.row ? this.template : this.templateFor(event, '');
    if (template === undefined) return deltas.map((delta) => this.sse(this.options.withDelta(event, delta))).join('');
    this.row = event;
    const { frameHead, frameJoint, frameTail } = template;
    if (deltas.length === 1) return frameHead + escaped(deltas[0] as string) + frameTail;
    // One scan and one copy of all the text: building each frame would make three more strings per frame.
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
    // Learning costs another serialization, so it waits for the second event of a kind.
    if (last !== undefined && delta !== probe && options.isSame(event, last)) {
      this.row = undefined;
      this.template = cut(event, stringify(options.withDelta(event, probe)), json, JSON.stringify(delta));
    }
    this.last = event;
    return json;
  }
}

const escaped = (text: string): string => (needsEscape.test(text) ? JSON.stringify(text).slice(1, -1) : text);

/**
 * Stands for the delta while a template is cut. It need not be random: an event that has this text in another place
 * gets no template, because the pieces around it do not give the event's own JSON.
 */
const probe = 'ec9f7c8e-5f0e-4b0e-9d65-probe';
const quotedProbe = `"${probe}"`;

function cut<E>(event: E, probed: string, json: string, quotedDelta: string): Template<E> | undefined {
  const at = probed.indexOf(quotedProbe);
  if (at === -1) return undefined;
  const head = probed.slice(0, at + 1);
  const tail = probed.slice(at + quotedProbe.length - 1);
  // The probe and the real delta gave the same head and tail, so nothing else depends on the delta.
  if (head + quotedDelta.slice(1, -1) + tail !== json || /[\r\n]/.test(json)) return undefined;
  const [frameHead, frameTail] = [`data: ${head}`, `${tail}\n\n`];
  return { event, head, tail, frameHead, frameTail, frameJoint: frameTail + frameHead };
}
