import { expect, test } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { createLocalQueue } from '../../src/queue/local-queue.ts'
import type { Ticket } from '../../src/queue/queue.ts'
import { createTestClock } from '../rig/clock.ts'

type Job = Ticket & { readonly dueAt: number }

/** A store in memory whose executions end when the test says so. */
function createWorld(options: { readonly concurrency: number; readonly hostConcurrency: number }) {
  const clock = createTestClock()
  const waiting: Job[] = []
  const running = new Map<number, PromiseWithResolvers<void> & { readonly signal: AbortSignal }>()
  const started: number[] = []
  const queue = createLocalQueue<Job>({
    clock,
    logger: createLogger('silent'),
    ...options,
    work: {
      claim: (busyHosts) => {
        const position = waiting.findIndex(
          (job) => job.dueAt <= clock.now() && !job.hosts.some((host) => busyHosts.includes(host)),
        )
        return Promise.resolve(position < 0 ? undefined : waiting.splice(position, 1)[0])
      },
      nextDue: (after) => {
        const due = waiting.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > after)
        return Promise.resolve(due.length === 0 ? undefined : Math.min(...due))
      },
      execute: ({ id }, signal) => {
        started.push(id)
        const end = Promise.withResolvers<void>()
        running.set(id, { ...end, signal })
        signal.addEventListener('abort', () => end.resolve())
        return end.promise
      },
    },
  })
  return {
    clock,
    queue,
    started,
    running,
    add: (id: number, hosts: readonly string[] = [], dueAt = clock.now()) => {
      waiting.push({ id, hosts, dueAt })
      queue.wake()
    },
    end: (id: number) => running.get(id)?.resolve(),
    /** Lets everything that can happen without the clock or an end happen. */
    breathe: async () => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((done) => setImmediate(done))
    },
  }
}

test('no more runs are started than there are places', async () => {
  const world = createWorld({ concurrency: 2, hostConcurrency: 9 })

  for (const id of [1, 2, 3]) world.add(id)
  await world.breathe()
  const before = [...world.started]
  world.end(1)
  await world.breathe()

  expect(before).toEqual([1, 2])
  expect(world.started).toEqual([1, 2, 3])
})

test('one host never takes every place', async () => {
  const world = createWorld({ concurrency: 3, hostConcurrency: 9 })

  for (const id of [1, 2, 3, 4]) world.add(id, ['hung.example'])
  world.add(5, ['quick.example'])
  await world.breathe()

  expect(world.started).toEqual([1, 2, 5])
})

test('a run that becomes due later is started then, also while an earlier one is held up', async () => {
  const world = createWorld({ concurrency: 2, hostConcurrency: 1 })
  world.add(1, ['a.example'])
  world.add(2, ['a.example'])
  world.add(3, ['b.example'], world.clock.now() + 5000)
  await world.breathe()

  const early = [...world.started]
  world.clock.advance(5000)
  await world.breathe()

  expect(early).toEqual([1])
  expect(world.started).toEqual([1, 3])
})

test('draining waits for what is running and starts nothing more', async () => {
  const world = createWorld({ concurrency: 1, hostConcurrency: 9 })
  world.add(1)
  world.add(2)
  await world.breathe()

  const drained = world.queue.drain(60_000)
  world.end(1)
  await drained

  expect(world.started).toEqual([1])
})

test('draining interrupts what is still running at the limit', async () => {
  const world = createWorld({ concurrency: 1, hostConcurrency: 9 })
  world.add(1)
  await world.breathe()

  const drained = world.queue.drain(1000)
  await world.breathe()
  world.clock.advance(1000)
  await drained

  expect(world.running.get(1)?.signal.aborted).toBe(true)
})

test('settled waits for runs and for what they leave behind', async () => {
  const world = createWorld({ concurrency: 1, hostConcurrency: 9 })
  world.add(1)
  world.add(2)
  await world.breathe()
  let isSettled = false

  const settled = world.queue.settled().then(() => (isSettled = true))
  world.end(1)
  await world.breathe()
  const afterFirst = isSettled
  world.end(2)
  await settled

  expect(afterFirst).toBe(false)
  expect(isSettled).toBe(true)
})
