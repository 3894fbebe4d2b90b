import { z } from 'zod'
import type { WebhookRequest } from './forge.ts'

// The few fields that are taken out of a payload. None is required and none has a strict type:
// forges change them between versions and events, and a surprise in one must not lose a change.

/** A text for people or for matching; anything else, or with control characters, counts as absent. */
export const text = z
  .string()
  .regex(/^[^\u0000-\u001f\u007f]{1,2048}$/)
  .optional()
  .catch(undefined)

export const flag = z.boolean().optional().catch(undefined)

/** An object in which absent and wrong are the same. */
export function part<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodCatch<z.ZodOptional<z.ZodObject<Shape>>> {
  return z.object(shape).optional().catch(undefined)
}

/** A list without the items that do not fit; undefined when it is no list. */
export function list<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .array(part(shape))
    .transform((items) => items.filter((item) => item !== undefined))
    .optional()
    .catch(undefined)
}

/** The first of the headers that has a value. */
export function header(request: WebhookRequest, names: readonly string[]): string | undefined {
  return names.map((name) => request.headers.get(name)).find((value) => value !== undefined && value !== '')
}

/** HTTP gives each byte of a header as one character. */
export function headerBytes(value: string): Uint8Array {
  return Buffer.from(value, 'latin1')
}

export function deliveryId(request: WebhookRequest, names: readonly string[]): string | null {
  return idOrNull(header(request, names))
}

/** An id that can be a key; one with spaces or without end identifies nothing. */
export function idOrNull(id: string | undefined): string | null {
  return id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? id : null
}

/** `group/name` in an address of the web, for forges that do not say it in a field of its own. */
export function pathInUrl(url: string | undefined): string | null {
  return /^https?:\/\/[^/]+\/(.+?)(?:\.git)?\/*$/i.exec(url ?? '')?.[1] ?? null
}
