/**
 * Widgets on the wire. Only the root's type is looked at; everything else is passed through as it came, so that a
 * property of a newer client (or one that the reference would lose, such as `Card.border`) survives a round trip.
 */
import * as z from 'zod';

export const widgetComponentSchema = z.looseObject({ type: z.string() });

export const widgetRootSchema = z.looseObject({ type: z.enum(['Card', 'ListView', 'Basic']) });
