import { createHmac } from 'node:crypto'
import type { SentPush, SentRequest } from './deliveries.ts'

// What the builders of all forges share: how JSON travels, and how it is signed.

export function encode(json: string, encoding: SentPush['encoding'] = 'json'): SentRequest {
  const form = new URLSearchParams({ payload: json }).toString()
  if (encoding === 'get') return { method: 'GET', search: `?${form}`, headers: {}, body: null }
  return encoding === 'form'
    ? post('application/x-www-form-urlencoded', form)
    : post('application/json', json)
}

function post(contentType: string, body: string): SentRequest {
  return { method: 'POST', search: '', headers: { 'Content-Type': contentType }, body }
}

export function hexHmac(algorithm: string, secret: string | undefined, text: string): string {
  return createHmac(algorithm, secret ?? '')
    .update(text)
    .digest('hex')
}
