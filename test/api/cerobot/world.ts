import { request } from 'node:http'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../../src/clock.ts'
import { loadConfig } from '../../../src/config.ts'
import { startDaemon } from '../../../src/daemon.ts'
import { createBareRepository, createFolder, createWorkRepository, readRefs } from '../../rig/repository.ts'
import type { WorkRepository } from '../../rig/repository.ts'

// The whole daemon in this process, reached over HTTP, with local repositories on both sides.
//
//   await using world = await openWorld()
//   const { internal, external } = await world.repositories('app')
//   await world.call('POST', '/repo', repoBody('app', { … }))     // status, envelope

const Envelope = z.looseObject({
  code_status: z.number().optional(),
  data: z.unknown(),
  total: z.number().nullish(),
  msg: z.string(),
  detail: z.string().nullish(),
  hint: z.string().nullish(),
})
export type Envelope = z.infer<typeof Envelope>

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Envelope }

export type World = AsyncDisposable & {
  readonly folder: string
  readonly url: string
  readonly work: WorkRepository
  /** What was logged so far. */
  readonly logged: () => string
  /** Two empty bare repositories; a name may be used once. */
  readonly repositories: (name: string) => Promise<{ readonly internal: string; readonly external: string }>
  /** Calls below `/cerobot/sync`; a body that is no text goes as JSON. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** Binds two new repositories, both of them directories on disk. */
  readonly bind: (
    name: string,
    changes?: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly internal: string; readonly external: string }>
}

export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const lines: string[] = []
  const config = loadConfig({
    cwd: folder,
    env: {
      PORT: '0',
      SYNC_DIR: join(folder, 'sync'),
      RECONCILE_INTERVAL: '0',
      ALLOW_LOCAL_REPOS: 'true',
      ...env,
    },
  })
  const daemon = await startDaemon(config, {
    clock: systemClock,
    logger: pino({}, { write: (line: string) => void lines.push(line) }),
  })
  stack.defer(() => daemon.stop())
  const work = await createWorkRepository(folder)
  const owned = stack.move()
  const repositories: World['repositories'] = async (name) => {
    const pair = { internal: join(folder, 'inner', name), external: join(folder, 'outer', name) }
    await createBareRepository(pair.internal)
    await createBareRepository(pair.external)
    return pair
  }
  const call: World['call'] = (method, path, body, headers = {}) =>
    send(`${daemon.url}/cerobot/sync${path}`, method, body, headers)
  return {
    folder,
    url: daemon.url,
    work,
    logged: () => lines.join(''),
    repositories,
    call,
    bind: async (name, changes = {}) => {
      const pair = await repositories(encodeURIComponent(name).slice(0, 100))
      const { body } = await call('POST', '/repo', repoBody(name, pair, changes))
      if (body.code_status !== 0) throw new Error(JSON.stringify(body))
      return pair
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export function repoBody(
  name: string,
  addresses: { readonly internal: string; readonly external: string },
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    repo_name: name,
    enable: true,
    internal_repo_address: addresses.internal,
    external_repo_address: addresses.external,
    sync_granularity: 1,
    sync_direction: 1,
    ...changes,
  }
}

export const PAIR = { internal: 'https://inner.example/o/r', external: 'https://outer.example/o/r' }

/** Binds two repositories that nobody will contact. */
export function create(
  world: World,
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const pair = { internal: `${PAIR.internal}/${encodeURIComponent(name)}`, external: PAIR.external }
  return world.call('POST', '/repo', repoBody(name, pair, changes))
}

/** The binding `app` of the branches `inner` and `outer`, with one commit inside. */
export async function bindBranches(world: World) {
  const pair = await world.bind('app', { sync_granularity: 2 })
  const commit = await world.work.commit('first')
  await world.work.push(pair.internal, `${commit}:refs/heads/inner`)
  const bound = await world.call('POST', '/app/branch', {
    enable: true,
    internal_branch_name: 'inner',
    external_branch_name: 'outer',
  })
  return { ...pair, commit, bound }
}

/** Whatever the text says. */
export const aText: unknown = expect.any(String)
export const aNumber: unknown = expect.any(Number)
/** As the documented API writes times. */
export const aTime: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
/** Chinese and English. */
export const twoLanguages: unknown = expect.stringMatching(/\p{Script=Han}.* \/ .*[a-z]/u)

export function codes(answers: readonly Answer[]): readonly (number | undefined)[] {
  return answers.map(({ body }) => body.code_status)
}

/** The branches of a repository on disk, in order. */
export async function branchNames(dir: string): Promise<readonly string[]> {
  return [...(await readRefs(dir)).keys()].map((ref) => ref.replace('refs/heads/', '')).sort()
}

/** Not by fetch: that tidies paths and gives GET no body. */
function send(
  url: string,
  method: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const { hostname, port, origin } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method,
        path: url.slice(origin.length),
        agent: false,
        headers: {
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          try {
            resolve({
              status: response.statusCode ?? 0,
              headers: new Headers(
                Object.entries(response.headersDistinct).map(([name, values = []]) => [
                  name,
                  values.join(', '),
                ]),
              ),
              body: Envelope.parse(JSON.parse(Buffer.concat(chunks).toString())),
            })
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        })
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })
}
