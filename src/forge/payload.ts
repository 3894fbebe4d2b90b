import { isUtf8 } from 'node:buffer'
import type { ParsedDelivery, WebhookRequest } from './forge.ts'

// From bytes to JSON: it may be the body itself, the `payload` field of a form, or that of the query.

/** What JSON can travel in. */
export type Carrier = 'json' | 'form' | 'query'

export type Payload =
  | { readonly kind: 'json'; readonly text: string; readonly value: unknown }
  | Extract<ParsedDelivery, { kind: 'malformed' | 'unsupported_type' }>

/** The JSON of a request, when it came in one of the carriers that the forge uses. */
export function readPayload(request: WebhookRequest, carriers: readonly Carrier[]): Payload {
  const carrier = carrierOf(request)
  if (carrier === undefined || (carrier === 'form' && !carriers.includes(carrier))) {
    return { kind: 'unsupported_type', contentType: contentTypeOf(request).slice(0, 100) }
  }
  if (!carriers.includes(carrier)) return malformed('This forge sends its webhooks with POST.')
  const text = carrier === 'json' ? bytesToText(request.body) : payloadField(request)
  if (text === undefined) {
    return malformed(carrier === 'json' ? 'The body is not UTF-8.' : 'There is no readable payload field.')
  }
  return parseJson(text)
}

/** The JSON exactly as it was sent, which is what Gitea and its kin sign; undefined when it cannot be read. */
export function signedJson(request: WebhookRequest): Uint8Array | string | undefined {
  const carrier = carrierOf(request)
  return carrier === 'form' || carrier === 'query' ? payloadField(request) : request.body
}

/** The text with its byte-order mark, if it has one; undefined when the bytes are not UTF-8. */
export function bytesToText(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parseJson(sent: string): Payload {
  const text = sent.startsWith('\ufeff') ? sent.slice(1) : sent
  try {
    const value: unknown = JSON.parse(text)
    return { kind: 'json', text, value }
  } catch {
    return malformed('The payload is not JSON.')
  }
}

function carrierOf(request: WebhookRequest): Carrier | undefined {
  if (request.method === 'GET') return 'query'
  const [mediaType = '', ...parameters] = contentTypeOf(request).toLowerCase().split(';')
  if (!parameters.every(isReadableParameter)) return undefined
  if (/^application\/(?:[^/\s]+\+)?json$/.test(mediaType.trim())) return 'json'
  return mediaType.trim() === 'application/x-www-form-urlencoded' ? 'form' : undefined
}

function contentTypeOf(request: WebhookRequest): string {
  return request.headers.get('content-type') ?? ''
}

function isReadableParameter(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=')
  return name.trim() !== 'charset' || /^"?(?:utf-?8|us-ascii)"?$/.test(value.trim())
}

// Two fields of that name are refused: the one that is checked must be the one that is read.
function payloadField(request: WebhookRequest): string | undefined {
  const [payload, ...others] =
    request.method === 'GET' ? request.query.getAll('payload') : formFields(request.body, 'payload')
  return others.length === 0 ? payload : undefined
}

// URLSearchParams would turn bytes that are not UTF-8 into other characters without a word.
function formFields(body: Uint8Array, name: string): readonly (string | undefined)[] {
  const fields = (bytesToText(body) ?? '').split('&').filter((field) => field.startsWith(`${name}=`))
  return fields.map((field) => {
    try {
      return decodeURIComponent(field.slice(name.length + 1).replaceAll('+', ' '))
    } catch {
      return undefined
    }
  })
}

function malformed(problem: string): Payload {
  return { kind: 'malformed', problem }
}
