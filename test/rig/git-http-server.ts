import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certificate } from './certificate.ts'
import { writeCgiHead } from './cgi-head.ts'
import { describe, faultAt, header } from './git-http-request.ts'
import { createBareRepository, createFolder } from './repository.ts'
import { limitUpload } from './upload-limit.ts'
import type { UploadLimit } from './upload-limit.ts'

// A real git server over HTTP on loopback: `git http-backend` behind Node's http server.
//
//   await using server = await startGitHttpServer({ username: 'ada', password: 'secret' })
//   const app = await server.createRepository('team/app')      // { name, dir, url }
//   server.fault('team/app', { kind: 'status', status: 503 })  // until the next call of fault()
//   const hold = server.hold('receive-pack')                   // the next push waits here
//   await hold.reached; hold.release()
//   server.requests                                            // everything that was asked so far
//
// A repository's hooks (see installHook and protectBranches in repository.ts) run as on a forge.

export type Fault =
  | { readonly kind: 'ok' }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends so many bytes of the pack answer, then nothing more (`stall`) or closes (`cut`). */
  | { readonly kind: 'stall' | 'cut'; readonly afterBytes: number }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array
    }
  /** A login page with status 200. */
  | { readonly kind: 'html' }
  /** Answers 302 to the same path and query at another origin. */
  | { readonly kind: 'redirect'; readonly toOrigin: string }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Lets git do its work and then cuts the connection without an answer. */
  | { readonly kind: 'lost_answer' }
  | UploadLimit
  /** Lets git do its work and changes what it answers. */
  | { readonly kind: 'rewrite'; readonly rewrite: (body: Buffer) => Buffer }
  /** Speaks the first version of git's protocol and no other. */
  | { readonly kind: 'old_protocol' }
  /** What comes in chunks, without its length, is answered with 411. */
  | { readonly kind: 'no_chunks' }
  /** A fault of one service; the others are well. */
  | { readonly kind: 'at'; readonly service: Service; readonly fault: Fault }

/** What a client is about to do: list refs, fetch a pack, or push one. */
export type Service = 'info/refs' | 'upload-pack' | 'receive-pack'

export type RecordedRequest = {
  readonly method: string
  /** Path and query as asked. */
  readonly path: string
  readonly repository: string
  readonly service: Service | undefined
  readonly authorization: string | undefined
  readonly userAgent: string | undefined
  /** The version of git's protocol that was asked for. */
  readonly protocol: string | undefined
  /** The same for all requests that came over one connection. */
  readonly connection: number | undefined
}

export type ServedRepository = { readonly name: string; readonly dir: string; readonly url: string }

export type Hold = {
  /** Resolves when a request has arrived at the hold point. */
  readonly reached: Promise<void>
  readonly release: () => void
}

export type GitHttpServer = AsyncDisposable & {
  readonly origin: string
  readonly port: number
  readonly requests: readonly RecordedRequest[]
  readonly url: (name: string) => string
  readonly createRepository: (name: string, objectFormat?: 'sha1' | 'sha256') => Promise<ServedRepository>
  /** How the server answers for one repository, or for all that have no fault of their own (`*`). */
  readonly fault: (name: string, fault: Fault) => void
  /** The next request for the service waits until it is released; git has not seen it yet. */
  readonly hold: (service: Service) => Hold
  readonly close: () => Promise<void>
}

export type GitHttpServerOptions = {
  /** When set, every request needs these as Basic authentication. */
  readonly username?: string
  readonly password?: string
  /** Answers the requests for LFS objects; the others never see it. */
  readonly lfs?: { readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean }
  /** When set, the server speaks HTTPS and shows this. */
  readonly tls?: Certificate
  /** Called when a push has been answered. */
  readonly onPush?: (repository: string) => void
}

type HoldPoint = { readonly service: Service; readonly reach: () => void; readonly released: Promise<void> }

export async function startGitHttpServer(options: GitHttpServerOptions = {}): Promise<GitHttpServer> {
  const folder = await createFolder()
  const requests: RecordedRequest[] = []
  const faults = new Map<string, Fault>()
  const holds: HoldPoint[] = []
  const children = new Set<ChildProcess>()
  const stopped = new AbortController()

  const onRequest: RequestListener = (request, response) => {
    handle(request, response).catch(() => response.destroy())
  }
  const { tls } = options
  const server = tls === undefined ? createServer(onRequest) : createSecureServer(tls, onRequest)
  // As long as forges keep an idle connection.
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const origin = `http${tls === undefined ? '' : 's'}://127.0.0.1:${address.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (options.lfs?.handle(request, response) === true) return
    const asked = describe(request)
    requests.push(asked)
    const holdIndex = holds.findIndex((hold) => hold.service === asked.service)
    const [hold] = holdIndex < 0 ? [] : holds.splice(holdIndex, 1)
    hold?.reach()
    await hold?.released
    // Who asked has gone meanwhile, and git would wait for the rest of the request for ever.
    if (request.destroyed) return
    const fault = faultAt(asked.service, faults.get(asked.repository) ?? faults.get('*'))
    if (fault.kind === 'hang') return
    if (fault.kind === 'delay') await sleep(fault.delayMs, undefined, { signal: stopped.signal })
    if (fault.kind === 'redirect') {
      response.writeHead(302, { location: `${fault.toOrigin}${asked.path}` }).end()
      return
    }
    if (fault.kind === 'html') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>\n')
      return
    }
    if (fault.kind === 'status') {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
      return
    }
    if (!isAuthorized(asked.authorization)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="forge"' }).end('Unauthorized\n')
      return
    }
    if (fault.kind === 'no_chunks' && 'transfer-encoding' in request.headers) {
      response.writeHead(411).end('Length Required')
      return
    }
    const isLimited = fault.kind === 'upload_limit' && asked.service === 'receive-pack'
    const body = isLimited ? await limitUpload(request, response, fault) : request
    if (body !== undefined) await serve(body, request, response, asked, fault)
  }

  function isAuthorized(authorization: string | undefined): boolean {
    const login = Buffer.from(`${options.username ?? ''}:${options.password ?? ''}`).toString('base64')
    return options.password === undefined || authorization === `Basic ${login}`
  }

  async function serve(
    body: Readable,
    request: IncomingMessage,
    response: ServerResponse,
    asked: RecordedRequest,
    fault: Fault,
  ): Promise<void> {
    const url = new URL(asked.path, origin)
    const backend = spawn('git-http-backend', [], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // A group of its own, so that hooks end with it.
      detached: true,
      env: {
        PATH: '/usr/lib/git-core:/usr/libexec/git-core:/usr/local/bin:/usr/bin:/bin',
        HOME: '/nonexistent',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_PROJECT_ROOT: folder.path,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_PROTOCOL: fault.kind === 'old_protocol' ? '' : header(request, 'git-protocol'),
        REQUEST_METHOD: asked.method,
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: header(request, 'content-type'),
        HTTP_CONTENT_ENCODING: header(request, 'content-encoding'),
        REMOTE_ADDR: '127.0.0.1',
        ...(request.headers['content-length'] === undefined
          ? {}
          : { CONTENT_LENGTH: request.headers['content-length'] }),
      },
    })
    children.add(backend)
    backend.stdin.on('error', () => {})
    body.pipe(backend.stdin)
    response.on('close', () => endGroup(backend))
    try {
      await answer(backend, response, asked.service, fault)
      if (asked.service === 'receive-pack') options.onPush?.(asked.repository)
    } finally {
      children.delete(backend)
    }
  }

  return {
    origin,
    port: address.port,
    requests,
    url: (name) => `${origin}/${name}.git`,
    createRepository: async (name, objectFormat) => {
      const dir = join(folder.path, `${name}.git`)
      await createBareRepository(dir, objectFormat)
      return { name, dir, url: `${origin}/${name}.git` }
    },
    fault: (name, fault) => void faults.set(name, fault),
    hold: (service) => {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      holds.push({ service, reach: reached.resolve, released: released.promise })
      return { reached: reached.promise, release: released.resolve }
    },
    close,
    [Symbol.asyncDispose]: close,
  }

  async function close(): Promise<void> {
    stopped.abort()
    for (const child of children) endGroup(child)
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    await folder[Symbol.asyncDispose]()
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it has ended by itself.
  }
}

// Turns the CGI answer of git http-backend into an HTTP answer, as healthy or as broken as asked.
async function answer(
  backend: ChildProcess,
  response: ServerResponse,
  service: Service | undefined,
  fault: Fault,
): Promise<void> {
  const limit = fault.kind === 'stall' || fault.kind === 'cut' ? fault.afterBytes : Infinity
  const limited = service === 'info/refs' ? Infinity : limit
  let head: Buffer | undefined = Buffer.alloc(0)
  let sent = 0
  const kept: Buffer[] = []
  for await (const chunk of readChunks(backend)) {
    let body = chunk
    if (head !== undefined) {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) continue
      if (fault.kind !== 'lost_answer' || service !== 'receive-pack')
        writeCgiHead(response, head.subarray(0, end))
      body = head.subarray(end + 4)
      head = undefined
    }
    if (fault.kind === 'lost_answer' && service === 'receive-pack') continue
    if (fault.kind === 'rewrite') {
      kept.push(body)
      continue
    }
    await written(response, body.subarray(0, Math.max(0, limited - sent)))
    sent += body.length
    if (sent < limited) continue
    if (fault.kind === 'cut') response.destroy()
    if (fault.kind === 'stall' || fault.kind === 'cut') return
  }
  if (fault.kind === 'lost_answer' && service === 'receive-pack') response.destroy()
  else response.end(fault.kind === 'rewrite' ? fault.rewrite(Buffer.concat(kept)) : undefined)
}

// No faster than the client takes it; also when the client has gone. Git writes its headers before it has read
// anything, and a proxy that gets an answer so early sends no more of the request.
function written(response: ServerResponse, chunk: Buffer): Promise<void> {
  if (chunk.length === 0) return Promise.resolve()
  return new Promise((resolve) => response.write(chunk, () => resolve()))
}

function readChunks(backend: ChildProcess): AsyncIterable<Buffer> | readonly Buffer[] {
  return backend.stdout ?? []
}
