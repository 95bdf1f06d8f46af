import { z } from 'zod';
import { objectName } from '../wire/names.js';
import type { ViewRequest } from '../wire/session.js';

const nodeName = z.string().regex(objectName);
const panelName = z.string().regex(/^[a-z0-9][-a-z0-9]{0,62}$/);
const cells = z.int().min(0).max(10_000);
const size = { columns: cells, rows: cells };
const key = z.string();

const request = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    key,
    node: nodeName,
    panel: panelName,
    parameters: z.record(z.string(), z.string()),
    ...size,
  }),
  z.object({ kind: z.literal('attach'), key, session: z.string().regex(/^[\w-]{1,64}$/), ...size }),
  z.object({ kind: z.literal('resize'), ...size }),
  z.object({ kind: z.literal('shown'), bytes: z.int().min(0) }),
  z.object({ kind: z.literal('finish') }),
  z.object({ kind: z.literal('terminate') }),
]) satisfies z.ZodType<ViewRequest>;

/** A request of a view; undefined for what is none. */
export function readViewRequest(message: unknown): ViewRequest | undefined {
  return request.safeParse(message).data;
}

/** The request by which a view begins. */
export type FirstRequest = Extract<ViewRequest, { readonly kind: 'open' | 'attach' }>;
