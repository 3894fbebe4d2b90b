import type { IncomingMessage } from 'node:http'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { createAgents } from '../host-agent.ts'
import type { HostRoute } from '../host-network.ts'
import type { ApiRequest } from './api-client.ts'

// One request on a connection of its own, to addresses that are already known to be allowed.

export type Entry = { readonly address: string; readonly family: number }

export type RawAnswer = {
  readonly status: number
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  /** Undefined: there was more of it than we read. */
  readonly body: string | undefined
}

export type Exchange = (
  url: URL,
  request: Pick<ApiRequest, 'method' | 'headers' | 'body'> & {
    /** Sent to the byte, instead of a body that becomes JSON here. */
    readonly text?: string
  },
  to: {
    /** None when a proxy is asked for the name. */
    readonly addresses: readonly Entry[]
    readonly route: HostRoute
  },
  signal: AbortSignal,
) => Promise<RawAnswer>

const MAX_ANSWER_BYTES = 1024 * 1024

/** Rejects when there is no whole answer; redirects are answers like any other. */
export function createExchange(maxAnswerBytes = MAX_ANSWER_BYTES): Exchange {
  const openAgent = createAgents()
  return (url, { method, headers, body, text: given }, { addresses, route }, signal) => {
    const text = given ?? (body === undefined ? undefined : JSON.stringify(body))
    const options = {
      method,
      agent: openAgent(url, route, signal),
      lookup: pinned(addresses),
      signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'reposync',
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
        ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
      },
    }
    return new Promise((resolve, reject) => {
      const onResponse = (response: IncomingMessage): void => {
        readBody(response, maxAnswerBytes).then(
          (answer) =>
            resolve({ status: response.statusCode ?? 0, headers: readHeaders(response), body: answer }),
          reject,
        )
      }
      const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, onResponse)
      sent.on('error', reject)
      sent.end(text)
    })
  }
}

/** A look-up that answers with these addresses and asks nobody. */
export function pinned(entries: readonly Entry[]): LookupFunction {
  return (host, options, callback) => {
    const [first] = entries
    if (first === undefined) return callback(new Error(`${host} has no address`), '', 0)
    if (options.all === true) return callback(null, [...entries])
    return callback(null, first.address, first.family)
  }
}

function readBody(response: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length <= maxBytes) return
      resolve(undefined)
      response.destroy()
    })
    response.on('end', () => resolve(Buffer.concat(chunks).toString()))
    response.on('error', reject)
  })
}

function readHeaders({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
}
