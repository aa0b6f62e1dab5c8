import type { Lesson } from '../scene.ts';
import { batching } from './batching.ts';
import { combine } from './combine.ts';
import { time } from './time.ts';
import { transform } from './transform.ts';

/** Every operator on the page, in the order of the guides. */
export const lessons: readonly Lesson[] = [...transform, ...combine, ...batching, ...time];
