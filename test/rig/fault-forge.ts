import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as ask } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { answerWith, refuseWith } from './forge-faults.ts'
import type { Answer, ForgeFault } from './forge-faults.ts'
import { startGitHttpServer } from './git-http-server.ts'
import type { GitHttpServer, GitHttpServerOptions } from './git-http-server.ts'

// A git server that fails in every way that one can, at every step of a sync: a gate before a real one.
//
//   await using forge = await startFaultForge({ username: 'ada', password: 'secret' })
//   const trouble = forge.inflict({ kind: 'cut', in: 'answer', afterBytes: 20 }, { at: 'fetch' })
//   await trouble.struck                                // a request has met it
//   forge.mend()                                        // everything is well again
//   const hold = forge.holdAt('push', 'after')          // git has applied it, and nobody knows
//   await hold.reached; hold.release()
//   await forge.closeDoor(); await forge.openDoor()     // nothing listens, and listens again

/** What is asked: what the server can do, which refs it has, a pack; and the same before and in a push. */
export type Step = 'info' | 'list' | 'fetch' | 'push-info' | 'push'

export type Aim = {
  /** Any step when not given. */
  readonly at?: Step | readonly Step[]
  readonly repository?: string
  /** How many requests meet it; all when not given. */
  readonly times?: number
}

export type Trouble = {
  /** Resolves when the first request has met it. */
  readonly struck: Promise<void>
  /** How many requests have met it. */
  readonly count: () => number
  readonly end: () => void
}

type HeldRequest = { readonly reached: Promise<void>; readonly release: () => void }

export type FaultForge = GitHttpServer & {
  readonly inflict: (fault: ForgeFault, aim?: Aim) => Trouble
  /** Ends all faults that were inflicted; a request that was never to be answered loses its connection. */
  readonly mend: () => void
  /** The next request of this step waits: before git sees it, or when git has done it and before anybody knows. */
  readonly holdAt: (step: Step, when: 'before' | 'after', repository?: string) => HeldRequest
  /** Nothing listens any more: connections are refused. */
  readonly closeDoor: () => Promise<void>
  readonly openDoor: () => Promise<void>
}

export type Asked = { readonly step: Step; readonly repository: string }

type Options = GitHttpServerOptions & {
  /** Called for every request, before anything else happens to it. */
  readonly onAsked?: (asked: Asked) => void
}

type Rule = { readonly fault: ForgeFault; readonly aim: Aim; left: number; readonly strike: () => void }
type Hold = Asked & {
  readonly when: 'before' | 'after'
  readonly reach: () => void
  readonly released: Promise<void>
}

export async function startFaultForge({ onAsked, ...options }: Options = {}): Promise<FaultForge> {
  await using stack = new AsyncDisposableStack()
  const behind = stack.use(await startGitHttpServer(options))
  const rules = new Set<Rule>()
  const holds = new Set<Hold>()
  const abilities = new Map<string, Answer>()
  const unanswered = new Set<ServerResponse>()
  const stopped = new AbortController()
  const sockets = new Set<Socket>()
  const gate = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  gate.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => gate.once('error', reject).listen(port, '127.0.0.1', resolve))
  const closeDoor = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => gate.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await listen(0)
  stack.defer(async () => {
    stopped.abort()
    if (gate.listening) await closeDoor()
  })
  const address = gate.address()
  if (address === null || typeof address === 'string') throw new Error('the gate has no port')
  const { port } = address
  const origin = `http://127.0.0.1:${port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A push may be large and cut in the middle; everything else is read whole.
    const isPush = request.url?.endsWith('/git-receive-pack') === true
    const body = isPush ? undefined : await buffer(request)
    const asked = describe(request, body)
    onAsked?.(asked)
    await waitAt('before', asked)
    if (request.destroyed && body === undefined) return
    const fault = nextFault(asked)
    if (fault?.kind === 'hang' || fault?.kind === 'mute' || fault?.kind === 'stall') unanswered.add(response)
    if (await refuseWith(fault, { request, response, stop: stopped.signal })) return
    const answer = await answerOf(request, response, body, fault)
    if (answer === undefined) return
    await waitAt('after', asked)
    await answerWith(fault, response, answer, stopped.signal)
  }

  // In the second version of the protocol a server first tells what it can do, which does not change.
  async function answerOf(...[request, response, body, fault]: Parameters<typeof forward>) {
    const { 'git-protocol': version, authorization = '' } = request.headers
    const isSteady = version === 'version=2' && request.url?.endsWith('=git-upload-pack') === true
    const key = `${authorization} ${request.url ?? ''}`
    const known = isSteady ? abilities.get(key) : undefined
    const answer = known ?? (await forward(request, response, body, fault))
    if (isSteady && answer?.message.statusCode === 200) abilities.set(key, answer)
    return answer
  }

  /** What the real server says; undefined when it was not asked to the end. */
  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
    fault: ForgeFault | undefined,
  ) {
    return new Promise<Answer | undefined>((resolve, reject) => {
      const { method, headers } = request
      const sent = ask(`${behind.origin}${request.url ?? '/'}`, { method, headers, agent: false })
      sent.once('error', (error) => (request.destroyed ? resolve(undefined) : reject(error)))
      sent.once('response', (message) => {
        buffer(message).then((text) => resolve({ message, body: text }), reject)
      })
      if (body !== undefined) return void sent.end(body)
      // Who asks may go away before all was said; once it was, the server does what it was asked to.
      request.once('close', () => void (request.complete || sent.destroy()))
      const limit =
        fault?.kind !== 'status' && fault && 'in' in fault && fault.in === 'request' ? fault : undefined
      let taken = 0
      request.on('data', (chunk: Buffer) => {
        const rest = limit === undefined ? Infinity : Math.max(0, limit.afterBytes - taken)
        taken += chunk.length
        if (rest > 0) sent.write(chunk.subarray(0, rest))
        if (limit === undefined || taken < limit.afterBytes) return
        if (limit.kind === 'stall') return void request.pause()
        sent.destroy()
        if (limit.kind === 'reset') request.socket.resetAndDestroy()
        else response.destroy()
        resolve(undefined)
      })
      request.once('end', () => void sent.end())
    })
  }

  async function waitAt(when: 'before' | 'after', asked: Asked): Promise<void> {
    const hold = [...holds].find(
      (one) => one.when === when && one.step === asked.step && isFor(one.repository, asked),
    )
    if (hold === undefined) return
    holds.delete(hold)
    hold.reach()
    await hold.released
  }

  function nextFault(asked: Asked): ForgeFault | undefined {
    const rule = [...rules].find(({ aim }) => isAt(aim.at, asked.step) && isFor(aim.repository, asked))
    if (rule === undefined) return undefined
    rule.left -= 1
    if (rule.left <= 0) rules.delete(rule)
    rule.strike()
    return rule.fault
  }

  const owned = stack.move()
  const close = (): Promise<void> => owned.disposeAsync()
  return {
    ...behind,
    origin,
    port,
    url: (name) => `${origin}/${name}.git`,
    createRepository: async (name, objectFormat) => {
      const created = await behind.createRepository(name, objectFormat)
      return { ...created, url: `${origin}/${name}.git` }
    },
    inflict: (fault, aim = {}) => {
      const { promise: struck, resolve: strike } = Promise.withResolvers<void>()
      let count = 0
      const meet = (): void => {
        count += 1
        strike()
      }
      const rule = { fault, aim, left: aim.times ?? Infinity, strike: meet }
      rules.add(rule)
      return { struck, count: () => count, end: () => void rules.delete(rule) }
    },
    mend: () => {
      rules.clear()
      for (const response of unanswered) response.destroy()
      unanswered.clear()
    },
    holdAt: (step, when, repository = '') => {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      holds.add({ step, when, repository, reach: reached.resolve, released: released.promise })
      return { reached: reached.promise, release: released.resolve }
    },
    closeDoor,
    openDoor: () => listen(port),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isAt(at: Aim['at'], step: Step): boolean {
  if (at === undefined) return true
  return typeof at === 'string' ? at === step : at.includes(step)
}

function isFor(repository: string | undefined, asked: Asked): boolean {
  return repository === undefined || repository === '' || repository === asked.repository
}

function describe({ url = '/', headers }: IncomingMessage, body: Buffer | undefined): Asked {
  const [, repository = '', rest = ''] = /^\/(.+?)\.git\/(.*)$/.exec(decodeURIComponent(url)) ?? []
  return { repository, step: stepOf(rest, headers['content-encoding'], body) }
}

function stepOf(rest: string, encoding: string | undefined, body: Buffer | undefined): Step {
  if (rest.startsWith('info/refs')) return rest.includes('git-receive-pack') ? 'push-info' : 'info'
  if (rest === 'git-receive-pack') return 'push'
  const text = encoding === 'gzip' && body !== undefined ? gunzipSync(body) : body
  return text?.includes('command=ls-refs') === true ? 'list' : 'fetch'
}
