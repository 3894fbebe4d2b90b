import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

// Servers under measurement: each a process of its own that writes its log into a file, as a service would.

export type ServerProcess = AsyncDisposable & {
  readonly url: string
  readonly pid: number
  readonly call: (method: string, path: string, body?: unknown) => Promise<unknown>
}

const START_LIMIT_MS = 20_000
const STOP_LIMIT_MS = 10_000

/** The daemon without reconcile. Flags of node reach it too: `node --cpu-prof bench/bench.ts c`. */
export function startDaemon(dir: string, env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  return startServer({
    dir,
    command: process.execPath,
    args: [...process.execArgv, fileURLToPath(new URL('../src/main.ts', import.meta.url))],
    env: {
      PORT: '0',
      SYNC_DIR: join(dir, 'sync'),
      RECONCILE_INTERVAL: '0',
      // What hangs on purpose must not hold up the end.
      DRAIN_TIMEOUT: '100ms',
      ...env,
    },
    findUrl: (log) => /"url":"([^"]+)".*"msg":"reposync is ready"/.exec(log)?.[1],
  })
}

/** Resolves when the server can be asked; `findUrl` reads its log so far. Disposing ends it. */
export async function startServer(options: {
  readonly dir: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly findUrl: (log: string) => string | undefined | Promise<string | undefined>
}): Promise<ServerProcess> {
  const log = join(options.dir, 'log')
  const output = openSync(log, 'a')
  const child = spawn(options.command, options.args, {
    cwd: options.dir,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: options.dir, ...options.env },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await exited
    clearTimeout(limit)
  }
  const url = await untilFound(exited, () => options.findUrl(readFileSync(log, 'utf8')))
  if (url === undefined) {
    await stop()
    throw new Error(`${options.command} did not start:\n${readFileSync(log, 'utf8')}`)
  }
  return {
    url,
    pid: child.pid ?? 0,
    call: async (method, path, body) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer: unknown = await response.json()
      return answer
    },
    [Symbol.asyncDispose]: stop,
  }
}

async function untilFound<T>(
  exited: Promise<void>,
  find: () => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
  let isOver = false
  void exited.then(() => (isOver = true))
  const giveUpAt = performance.now() + START_LIMIT_MS
  while (!isOver && performance.now() < giveUpAt) {
    const found = await find()
    if (found !== undefined) return found
    await sleep(20)
  }
  return undefined
}

/** Runs a script of the bench in a process of its own: JSON in, JSON out. */
export async function askScript(script: URL, question: unknown): Promise<unknown> {
  const child = spawn(process.execPath, [fileURLToPath(script)], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(question))
  let answer = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) answer += z.string().parse(chunk)
  return JSON.parse(answer)
}

/** A port that was free a moment ago, for servers that cannot pick one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}
