import { Writable } from 'node:stream'
import { pino } from 'pino'
import type { Clock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import { readAnswer } from './daemon.ts'
import type { DaemonOptions, DaemonProcess } from './daemon.ts'

// The daemon inside the process of the test, started much faster than one of its own; see `daemon.ts` for that.
// It cannot be killed, and its clock is at hand.

export type InsideDaemon = Pick<DaemonProcess, 'url' | 'output' | 'call' | 'deliver'> &
  AsyncDisposable & { readonly stop: () => Promise<void> }

export async function startInsideDaemon(
  { dir, env = {} }: Pick<DaemonOptions, 'dir' | 'env'>,
  clock: Clock,
): Promise<InsideDaemon> {
  let output = ''
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      output += chunk.toString()
      done()
    },
  })
  const settings = { PORT: '0', SYNC_DIR: `${dir}/sync`, RECONCILE_INTERVAL: '0', ...env }
  const config = loadConfig({ env: settings, cwd: dir })
  const daemon = await startDaemon(config, {
    clock,
    logger: pino({ level: config.log.level, base: null }, stream),
  })
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= daemon.stop())
  return {
    url: daemon.url,
    output: () => output,
    call: async (method, path, body, headers = {}) => {
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      return readAnswer(
        await fetch(`${daemon.url}${path}`, { method, headers: { ...type, ...headers }, ...sent }),
      )
    },
    deliver: async (sent, path = '/webhooks') =>
      readAnswer(await fetch(`${daemon.url}${path}${sent.search}`, { ...sent, body: sent.body })),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
