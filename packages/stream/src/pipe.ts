/**
 * `pipe`: chains operators, left to right.
 */

import { from, type Source, type Stream } from './stream.ts';

type Step<I, O> = (source: Stream<I>) => O;
type Middle<I, O> = Step<I, Source<O>>;

/**
 * Sends `source` through the steps from left to right. A step is an operator or any other function of a stream. The
 * last step may return anything, so a pipeline can end in `collect`, `forEach(…)` or `toReadableStream`.
 *
 * @example
 * for await (const lines of pipe(source, map((token) => token.text), batch({ maxItems: 20 }))) send(lines);
 */
export function pipe<A>(source: Source<A>): Stream<A>;
export function pipe<A, B>(source: Source<A>, b: Step<A, B>): B;
export function pipe<A, B, C>(source: Source<A>, b: Middle<A, B>, c: Step<B, C>): C;
export function pipe<A, B, C, D>(source: Source<A>, b: Middle<A, B>, c: Middle<B, C>, d: Step<C, D>): D;
export function pipe<A, B, C, D, E>(
  source: Source<A>,
  b: Middle<A, B>,
  c: Middle<B, C>,
  d: Middle<C, D>,
  e: Step<D, E>,
): E;
export function pipe<A, B, C, D, E, F>(
  source: Source<A>,
  b: Middle<A, B>,
  c: Middle<B, C>,
  d: Middle<C, D>,
  e: Middle<D, E>,
  f: Step<E, F>,
): F;
export function pipe<A, B, C, D, E, F, G>(
  source: Source<A>,
  b: Middle<A, B>,
  c: Middle<B, C>,
  d: Middle<C, D>,
  e: Middle<D, E>,
  f: Middle<E, F>,
  g: Step<F, G>,
): G;
export function pipe<A, B, C, D, E, F, G, H>(
  source: Source<A>,
  b: Middle<A, B>,
  c: Middle<B, C>,
  d: Middle<C, D>,
  e: Middle<D, E>,
  f: Middle<E, F>,
  g: Middle<F, G>,
  h: Step<G, H>,
): H;
export function pipe<A, B, C, D, E, F, G, H, I>(
  source: Source<A>,
  b: Middle<A, B>,
  c: Middle<B, C>,
  d: Middle<C, D>,
  e: Middle<D, E>,
  f: Middle<E, F>,
  g: Middle<F, G>,
  h: Middle<G, H>,
  i: Step<H, I>,
): I;
export function pipe(source: Source<unknown>, ...steps: Step<unknown, unknown>[]): unknown {
  return steps.reduce((stream, step) => step(from(stream as Source<unknown>)), from(source) as unknown);
}
