import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { SentRequest } from './deliveries.ts'

// The real daemon as a child process, in a folder of its own.
//
//   await using daemon = await startDaemonProcess({ dir: folder.path, env: { WEBHOOK_SECRET: 'secret' } })
//   await daemon.call('POST', '/cerobot/sync/repo', { … })      // status and parsed body
//   await daemon.deliver(githubPush({ … }), '/webhooks/github')
//   await daemon.runEnded(id)
//   await daemon.kill(); const again = await startDaemonProcess({ dir })   // same data

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown }

export type DaemonProcess = AsyncDisposable & {
  readonly url: string
  readonly pid: number
  /** Everything it has printed so far. */
  readonly output: () => string
  /** Resolves when a line that it has printed or will print matches; rejects when it ends before. */
  readonly printed: (pattern: RegExp) => Promise<void>
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  readonly deliver: (sent: SentRequest, path?: string) => Promise<Answer>
  /** Follows the run's event stream to its end and returns the run. */
  readonly runEnded: (id: number, headers?: Readonly<Record<string, string>>) => Promise<RunOnWire>
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves when the program has taken note. */
  readonly tell: (message: object) => Promise<void>
  /** The exit code, once it has ended. */
  readonly exited: Promise<number | null>
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | null>
}

export const RunOnWire = z.looseObject({
  id: z.number(),
  binding: z.string().nullable(),
  trigger: z.string(),
  direction: z.string(),
  status: z.string(),
  code: z.number().nullable(),
  message: z.string().nullable(),
  detail: z.string().nullable(),
  hint: z.string().nullable(),
  attempts: z.number(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  refs: z.array(z.looseObject({ source_ref: z.string(), target_ref: z.string(), result: z.string() })),
  steps: z.array(z.object({ name: z.string(), duration_ms: z.number() })),
  log: z.string().optional(),
})
export type RunOnWire = z.infer<typeof RunOnWire>

export type DaemonOptions = {
  readonly dir: string
  readonly env?: Readonly<Record<string, string>>
  /** Another program to start it than `src/main.ts`; it may be told things with `tell`. */
  readonly main?: string
}

/** Resolves when the daemon says that it is ready; rejects with what it printed when it ends before. */
export async function startDaemonProcess(options: DaemonOptions): Promise<DaemonProcess> {
  const child = spawnDaemon(options)
  // A test that ran out of time disposes of nothing, and vitest ends its process by SIGTERM.
  const endWithTest = (): void => void child.kill('SIGKILL')
  const ends = process.env['VITEST'] === undefined ? ['exit'] : ['exit', 'SIGTERM']
  for (const end of ends) process.once(end, endWithTest)
  child.once('exit', () => {
    for (const end of ends) process.off(end, endWithTest)
  })
  let output = ''
  const lines = new EventEmitter()
  const url = Promise.withResolvers<string>()
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      output += `${line}\n`
      lines.emit('line')
      const [, found] = /"url":"([^"]+)".*"msg":"reposync is ready"/.exec(line) ?? []
      if (found !== undefined) url.resolve(found)
    })
  }
  void exited.then((code) => url.reject(new Error(`the daemon ended with ${String(code)}:\n${output}`)))
  const base = await url.promise
  const call: DaemonProcess['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return readAnswer(response)
  }
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return exited
  }
  return {
    url: base,
    pid: child.pid ?? 0,
    output: () => output,
    printed: async (pattern) => {
      while (!pattern.test(output)) {
        const code = await Promise.race([exited, once(lines, 'line')])
        if (!Array.isArray(code)) throw new Error(`the daemon ended with ${String(code)}:\n${output}`)
      }
    },
    call,
    deliver: async (sent, path = '/webhooks') =>
      readAnswer(
        await fetch(`${base}${path}${sent.search}`, {
          method: sent.method,
          headers: sent.headers,
          body: sent.body,
        }),
      ),
    runEnded: async (id, headers = {}) => {
      const followed = await fetch(`${base}/api/v1/runs/${id}/log`, {
        headers: { accept: 'text/event-stream', ...headers },
      })
      await followed.text()
      const { body } = await call('GET', `/api/v1/runs/${id}`, undefined, headers)
      return z.object({ data: RunOnWire }).parse(body).data
    },
    signal: (signal) => void child.kill(signal),
    tell: async (message) => {
      const noted = once(child, 'message')
      child.send(message)
      await Promise.race([noted, exited])
    },
    exited,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await end('SIGKILL')
    },
  }
}

/** Runs the daemon until it ends by itself, for starts that must fail. */
export async function runDaemonProcess(
  options: DaemonOptions,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawnDaemon(options)
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output }
}

function spawnDaemon({ dir, env = {}, main }: DaemonOptions): ChildProcess {
  return spawn(process.execPath, [main ?? join(ROOT, 'src/main.ts')], {
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: dir,
      TMPDIR: process.env['TMPDIR'] ?? '/tmp',
      PORT: '0',
      SYNC_DIR: join(dir, 'sync'),
      RECONCILE_INTERVAL: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(main === undefined ? [] : (['ipc'] as const))],
  })
}

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  let body: unknown = text
  try {
    body = JSON.parse(text)
  } catch {
    // Not every answer is JSON.
  }
  return { status: response.status, headers: response.headers, body }
}
