import { join } from 'node:path'
import { pino } from 'pino'
import { expect } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../../src/clock.ts'
import { loadConfig } from '../../../src/config.ts'
import { startDaemon } from '../../../src/daemon.ts'
import { createFolder } from '../../rig/repository.ts'

// The whole daemon in this process, reached over HTTP, with a clock that can be put forward.
//
//   await using world = await openWorld({ API_TOKEN: 'secret' })
//   const { status, data } = await world.call('GET', '/ssh-keys')
//   world.pass(1 * HOUR)

const Envelope = z.looseObject({
  code: z.number(),
  message: z.string(),
  data: z.unknown(),
  detail: z.string().nullish(),
  hint: z.string().nullish(),
})

export type Answer = {
  readonly status: number
  readonly headers: Headers
  /** As it came, to be searched for what must not be in it. */
  readonly text: string
  readonly data: unknown
  readonly detail: string
  readonly hint: string
}

export type World = AsyncDisposable & {
  readonly folder: string
  readonly url: string
  /** What was logged so far. */
  readonly logged: () => string
  /** Below /api/v1, unless the path starts with /cerobot; a body that is no text goes as JSON. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** Moves the time that the daemon sees. */
  readonly pass: (ms: number) => void
}

export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const lines: string[] = []
  let passed = 0
  const clock = { ...systemClock, now: () => systemClock.now() + passed }
  const config = loadConfig({
    cwd: folder,
    env: { PORT: '0', SYNC_DIR: join(folder, 'sync'), RECONCILE_INTERVAL: '0', LOG_LEVEL: 'trace', ...env },
  })
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const daemon = await startDaemon(config, { clock, logger })
  stack.defer(() => daemon.stop())
  const owned = stack.move()
  return {
    folder,
    url: daemon.url,
    logged: () => lines.join(''),
    call: async (method, path, body, headers = {}) => {
      const response = await fetch(`${daemon.url}${path.startsWith('/cerobot') ? '' : '/api/v1'}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const envelope = Envelope.safeParse(JSON.parse(text)).data
      return {
        status: response.status,
        headers: response.headers,
        text,
        data: envelope?.data,
        detail: envelope?.detail ?? '',
        hint: envelope?.hint ?? '',
      }
    },
    pass: (ms) => {
      passed += ms
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` }
}

const Items = z.object({ items: z.array(z.looseObject({})), total: z.number() })

/** The rows of a list. */
export function itemsOf({ data }: Answer): readonly Record<string, unknown>[] {
  return Items.parse(data).items
}

export function idOf({ data }: Answer): number {
  return z.object({ id: z.number() }).parse(data).id
}

/** A text among what is known of something. */
export function textOf(known: unknown, name: string): string {
  return z.string().parse(z.looseObject({}).parse(known)[name])
}

/** Any text of this form. */
export function textLike(pattern: RegExp): unknown {
  return expect.stringMatching(pattern)
}

/** Chinese and English. */
export const twoLanguages: unknown = expect.stringMatching(/\p{Script=Han}.* \/ .*[a-z]/u)

/** The entries of the audit log, newest first. */
export async function auditOf(
  world: Pick<World, 'call'>,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly Record<string, unknown>[]> {
  return itemsOf(await world.call('GET', `/audit/logs?page_size=100&${query}`, undefined, headers))
}
