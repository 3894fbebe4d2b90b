import PQueue from 'p-queue'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Queue, QueueWork, Ticket } from './queue.ts'

type LocalQueueDeps<T extends Ticket> = {
  readonly clock: Clock
  readonly logger: Logger
  readonly work: QueueWork<T>
  /** Runs at once in this process. */
  readonly concurrency: number
  /** Runs at once that use one remote host. */
  readonly hostConcurrency: number
}

// After a failed look into the store.
const RETRY_DELAY_MS = 1000

/** Runs what is due, in this process only; the store decides what that is. */
export function createLocalQueue<T extends Ticket>(deps: LocalQueueDeps<T>): Queue {
  const pool = new PQueue({ concurrency: deps.concurrency })
  const runsByHost = new Map<string, number>()
  const stop = new AbortController()
  // One host must not hold every place: a hung server would stop all others.
  const hostLimit = Math.min(deps.hostConcurrency, Math.max(1, deps.concurrency - 1))
  let isClosed = false
  let isWoken = false
  let filling: Promise<void> | undefined
  let timer: Disposable | undefined

  function wake(): void {
    isWoken = true
    filling ??= fill().finally(() => {
      filling = undefined
      // Woken between the last look and now.
      if (isWoken && !isClosed) wake()
    })
  }

  async function fill(): Promise<void> {
    while (isWoken && !isClosed) {
      isWoken = false
      timer?.[Symbol.dispose]()
      timer = undefined
      try {
        const lookedAt = deps.clock.now()
        await claimAll()
        await setTimer(lookedAt)
      } catch (error) {
        deps.logger.error({ err: error }, 'looking for waiting runs failed')
        timer = deps.clock.after(RETRY_DELAY_MS, wake)
      }
    }
  }

  async function claimAll(): Promise<void> {
    while (!isClosed && pool.pending + pool.size < deps.concurrency) {
      const ticket = await deps.work.claim(busyHosts())
      if (ticket === undefined) return
      start(ticket)
    }
  }

  function start(ticket: T): void {
    for (const host of ticket.hosts) count(host, 1)
    const execution = pool.add(() => deps.work.execute(ticket, stop.signal))
    execution
      .catch((error: unknown) => deps.logger.error({ err: error }, 'executing a run failed'))
      .finally(() => {
        for (const host of ticket.hosts) count(host, -1)
        if (!isClosed) wake()
      })
  }

  function count(host: string, change: number): void {
    const next = (runsByHost.get(host) ?? 0) + change
    if (next === 0) runsByHost.delete(host)
    else runsByHost.set(host, next)
  }

  function busyHosts(): readonly string[] {
    return [...runsByHost].filter(([, runs]) => runs >= hostLimit).map(([host]) => host)
  }

  // What was due already waits for a free place, host or subject, and the end of a run wakes the queue.
  async function setTimer(lookedAt: number): Promise<void> {
    const due = await deps.work.nextDue(lookedAt)
    if (due === undefined || isClosed) return
    timer = deps.clock.after(due - deps.clock.now(), wake)
  }

  async function settled(): Promise<void> {
    while (filling !== undefined || pool.pending + pool.size > 0) {
      await filling
      await pool.onIdle()
      // The end of the last run wakes the queue in a turn of its own.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  async function drain(limitMs: number): Promise<void> {
    isClosed = true
    timer?.[Symbol.dispose]()
    await filling
    using limit = deps.clock.after(limitMs, () => stop.abort(new Error('the service is stopping')))
    await pool.onIdle()
    void limit
  }

  return { wake, settled, drain }
}
