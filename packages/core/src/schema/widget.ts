/**
 * The schema of widgets. Only the root's type is validated; everything else passes through unchanged, so that a
 * property of a newer client (or one that the Python SDK would lose, such as `Card.border`) survives a round trip.
 */
import * as z from 'zod';

export const widgetComponentSchema = z.looseObject({ type: z.string() });

export const widgetRootSchema = z.looseObject({ type: z.enum(['Card', 'ListView', 'Basic']) });
