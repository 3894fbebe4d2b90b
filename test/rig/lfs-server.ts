import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { Hold } from './git-http-server.ts'
import { receiveObject, sendObject } from './lfs-storage.ts'
import type { LfsFault, LfsRequest, LfsStage } from './lfs-storage.ts'
import { createFolder } from './repository.ts'

// A real LFS endpoint: batch API, basic transfers and verify, with the objects on disk. It answers for the
// repositories of a git server, or alone for `<origin>/<repository>.git/info/lfs`.
//
//   await using lfs = await startLfsServer({ username: 'ada', password: 'secret', storage: 'apart' })
//   await using server = await startGitHttpServer({ username: 'ada', password: 'secret', lfs })
//   lfs.fault({ stage: 'download', kind: 'status', status: 503, times: 1 })
//   lfs.requests                                  // everything that was asked so far, in its order
//   await lfs.objects('team/app')                 // the ids it holds
//
// With `apart` the objects are at an origin of their own that, like S3, refuses the login of the forge.

export type LfsServer = AsyncDisposable & {
  readonly origin: string
  /** Where the objects are when they are apart, otherwise the same as `origin`. */
  readonly storageOrigin: string
  /** What every link brings along to prove itself. */
  readonly storageKey: string
  readonly requests: readonly LfsRequest[]
  /** Takes a request that is meant for LFS; false: it is not. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly objects: (repository: string) => Promise<readonly string[]>
  readonly put: (repository: string, content: Buffer) => Promise<void>
  readonly pathOf: (repository: string, oid: string) => string
  readonly remove: (repository: string, oid: string) => Promise<void>
  /** Says of every link from now on that it is good for so many seconds, or until this time. */
  readonly giveLinksFor: (end: number | string) => void
  readonly fault: (fault: LfsFault) => void
  readonly heal: () => void
  /** The next request of the stage waits until it is released. */
  readonly hold: (stage: LfsStage) => Hold
}

export type LfsServerOptions = {
  readonly username?: string
  readonly password?: string
  readonly storage?: 'apart' | 'same'
  /** Links without headers of their own; whoever follows them logs in as at the forge. */
  readonly bareLinks?: boolean
  /** Uploads come in chunks, as GitLab wants them; otherwise, as at S3, with their length. */
  readonly wantsChunks?: boolean
}

const BatchRequest = z.object({
  operation: z.enum(['download', 'upload']),
  transfers: z.array(z.string()),
  objects: z.array(z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() })),
})
const VerifyRequest = z.object({ oid: z.string(), size: z.int() })

const MEDIA_TYPE = 'application/vnd.git-lfs+json'

export async function startLfsServer(options: LfsServerOptions = {}): Promise<LfsServer> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const requests: LfsRequest[] = []
  let faults: LfsFault[] = []
  let linkEnd: object = {}
  const holds: { readonly stage: LfsStage; readonly reach: () => void; readonly released: Promise<void> }[] =
    []
  const storageKey = randomBytes(16).toString('hex')
  const servers = [createServer(onRequest), createServer(onRequest)] as const
  const origins = await Promise.all(servers.map(listen))
  for (const server of servers) stack.defer(() => close(server))
  const [origin = '', apart = ''] = origins
  const storageOrigin = options.storage === 'apart' ? apart : origin

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (!handle(request, response)) response.writeHead(404).end()
  }

  function handle(request: IncomingMessage, response: ServerResponse): boolean {
    const [, repository, rest] = /^\/(.+?)\.git\/info\/lfs\/([^?]*)/.exec(request.url ?? '') ?? []
    if (repository === undefined || rest === undefined) return false
    answer(request, response, repository, rest).catch(() => response.destroy())
    return true
  }

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    rest: string,
  ): Promise<void> {
    const asked = await describe(request, repository, rest)
    if (asked === undefined) return void response.writeHead(404).end()
    requests.push(asked.recorded)
    const { stage } = asked.recorded
    const index = holds.findIndex((hold) => hold.stage === stage)
    const [hold] = index < 0 ? [] : holds.splice(index, 1)
    hold?.reach()
    await hold?.released
    const fault = takeFault(asked.recorded)
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'html') {
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>')
    }
    if (fault?.kind === 'redirect') return void response.writeHead(302, { location: fault.to }).end()
    if (fault?.kind === 'status') {
      request.resume()
      return void response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
    }
    if (!isAllowed(asked.recorded, request)) {
      request.resume()
      return void response
        .writeHead(asked.recorded.atStorage ? 400 : 401, { 'lfs-authenticate': 'Basic realm="forge"' })
        .end(JSON.stringify({ message: 'Credentials needed' }))
    }
    if (stage === 'batch') return answerBatch(response, repository, asked.body, fault, originOf(request))
    if (stage === 'verify') return answerVerify(response, repository, asked.body)
    const oid = asked.recorded.oids[0] ?? ''
    const path = pathOf(repository, oid)
    if (stage === 'download') return sendObject(request, response, path, fault)
    const isChunked = request.headers['transfer-encoding'] === 'chunked'
    if (isChunked !== (options.wantsChunks === true)) return void response.writeHead(411).end()
    return receiveObject(request, response, path, oid, fault)
  }

  function takeFault({ stage, repository, oids }: LfsRequest): LfsFault | undefined {
    const found = faults.find(
      (fault) =>
        fault.stage === stage &&
        (fault.repository ?? repository) === repository &&
        (fault.oid === undefined || oids.includes(fault.oid)),
    )
    if (found?.times === undefined) return found
    faults = faults.flatMap((fault) => {
      if (fault !== found) return [fault]
      return found.times === 1 ? [] : [{ ...found, times: (found.times ?? 1) - 1 }]
    })
    return found
  }

  function isAllowed({ stage, authorization, atStorage }: LfsRequest, request: IncomingMessage): boolean {
    const { username = '', password } = options
    const login = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
    const isLoggedIn = password === undefined || authorization === login
    if (stage === 'batch') return isLoggedIn
    if (options.bareLinks === true) return isLoggedIn
    return request.headers['x-storage-key'] === storageKey && !(atStorage && authorization !== undefined)
  }

  function originOf(request: IncomingMessage): string {
    return `http://${request.headers.host ?? ''}`
  }

  async function answerBatch(
    response: ServerResponse,
    repository: string,
    body: string,
    fault: LfsFault | undefined,
    forge: string,
  ): Promise<void> {
    const { operation, objects } = BatchRequest.parse(JSON.parse(body))
    const at = fault?.kind === 'links' ? fault.origin : options.storage === 'apart' ? apart : forge
    const chunks = options.wantsChunks === true ? { 'Transfer-Encoding': 'chunked' } : {}
    const header = options.bareLinks === true ? {} : { header: { 'X-Storage-Key': storageKey, ...chunks } }
    const link = (path: string): object => ({
      href: `${at}/${repository}.git/info/lfs/${path}?signature=${storageKey}`,
      ...header,
      ...linkEnd,
    })
    const answers = await Promise.all(
      objects.map(async ({ oid, size }) => {
        if (fault?.kind === 'object_error' && (fault.oid ?? oid) === oid) {
          return { oid, size, error: { code: fault.code, message: fault.message } }
        }
        const isHeld = await exists(pathOf(repository, oid))
        if (operation === 'upload') {
          const actions = { upload: link(`storage/${oid}`), verify: link(`verify/${oid}`) }
          return isHeld ? { oid, size } : { oid, size, actions }
        }
        if (!isHeld) return { oid, size, error: { code: 404, message: 'Object does not exist' } }
        return { oid, size, actions: { download: link(`storage/${oid}`) } }
      }),
    )
    const whole = fault?.kind === 'answer' ? fault.body : { transfer: 'basic', objects: answers }
    response.writeHead(200, { 'content-type': MEDIA_TYPE }).end(JSON.stringify(whole))
  }

  async function answerVerify(response: ServerResponse, repository: string, body: string): Promise<void> {
    const { oid, size } = VerifyRequest.parse(JSON.parse(body))
    const found = await stat(pathOf(repository, oid)).catch(() => undefined)
    response.writeHead(found?.size === size ? 200 : 404).end('{}')
  }

  async function describe(
    request: IncomingMessage,
    repository: string,
    rest: string,
  ): Promise<{ readonly recorded: LfsRequest; readonly body: string } | undefined> {
    const [, kind, path = ''] = /^(objects|storage|verify)\/(\w+)$/.exec(rest) ?? []
    const stage = kind === 'storage' ? (request.method === 'PUT' ? 'upload' : 'download') : stageOf(kind)
    if (stage === undefined) return undefined
    const body = stage === 'batch' || stage === 'verify' ? await text(request) : ''
    const batch = stage === 'batch' ? BatchRequest.safeParse(parseJson(body)).data : undefined
    const isBatch = request.headers.accept?.startsWith(MEDIA_TYPE) === true
    if (stage === 'batch' && (batch === undefined || !isBatch)) return undefined
    const recorded = {
      stage,
      repository,
      operation: batch?.operation,
      oids: batch === undefined ? [path] : batch.objects.map(({ oid }) => oid),
      authorization: request.headers.authorization,
      range: request.headers.range,
      atStorage: originOf(request) === apart,
    }
    return { recorded, body }
  }

  function pathOf(repository: string, oid: string): string {
    return join(folder.path, repository, oid.slice(0, 2), oid)
  }

  const owned = stack.move()
  return {
    origin,
    storageOrigin,
    storageKey,
    requests,
    handle,
    objects: async (repository) => {
      const paths = await readdir(join(folder.path, repository), { recursive: true }).catch(() => [])
      return paths.flatMap((path) => /\/([0-9a-f]{64})$/.exec(path)?.[1] ?? []).sort()
    },
    put: async (repository, content) => {
      const path = pathOf(repository, createHash('sha256').update(content).digest('hex'))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    },
    pathOf,
    remove: (repository, oid) => rm(pathOf(repository, oid)),
    giveLinksFor: (end) =>
      void (linkEnd = typeof end === 'number' ? { expires_in: end } : { expires_at: end }),
    fault: (fault) => void faults.push(fault),
    heal: () => void (faults = []),
    hold: (stage) => {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      holds.push({ stage, reach: reached.resolve, released: released.promise })
      return { reached: reached.promise, release: released.resolve }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function stageOf(kind: string | undefined): LfsStage | undefined {
  if (kind === 'objects') return 'batch'
  return kind === 'verify' ? 'verify' : undefined
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
