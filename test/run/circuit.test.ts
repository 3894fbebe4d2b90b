import { expect, test } from 'vitest'
import { MINUTE, SECOND } from '../../src/clock.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { createCircuit } from '../../src/run/circuit.ts'
import type { Circuit } from '../../src/run/circuit.ts'
import type { AttemptEnd } from '../../src/run/run.ts'
import { createTestClock } from '../rig/clock.ts'
import type { TestClock } from '../rig/clock.ts'
import { endOf, runWith } from './world.ts'

const OUTER = 'outer.example:443'

test('a server that fails three times in a row is left alone, longer each time, until it works again', () => {
  const { circuit, clock, fail, succeed } = createWorld()
  for (let attempt = 1; attempt < 3; attempt += 1) fail('unreachable')
  const before = circuit.parked()

  fail('server_error')
  const parked = circuit.parked()
  const first = (circuit.nextTrial() ?? 0) - clock.now()
  clock.advance(first)
  const onTrial = circuit.parked()
  circuit.enter([OUTER])
  const whileTried = circuit.parked()
  fail('unreachable')
  const second = (circuit.nextTrial() ?? 0) - clock.now()
  clock.advance(second)
  const recovered = succeed()

  expect(before).toEqual([])
  expect(parked).toEqual([OUTER])
  expect(first).toBe(5 * SECOND)
  expect(onTrial).toEqual([])
  expect(whileTried).toEqual([OUTER])
  expect(second).toBe(10 * SECOND)
  expect(recovered).toMatchObject([{ endpoint: OUTER }])
  expect(circuit.parked()).toEqual([])
  expect(circuit.nextTrial()).toBeUndefined()
})

test('the pause never grows beyond five minutes', () => {
  const { circuit, clock, fail } = createWorld()
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    fail('unreachable')
    clock.advance((circuit.nextTrial() ?? clock.now()) - clock.now())
    circuit.enter([OUTER])
  }

  fail('unreachable')

  expect((circuit.nextTrial() ?? 0) - clock.now()).toBe(5 * MINUTE)
})

test.each<GitErrorKind>(['auth', 'not_found', 'protected', 'bad_objects', 'disk_full'])(
  'a failure of one repository (%s) parks no server',
  (kind) => {
    const { circuit, fail } = createWorld()

    for (let attempt = 1; attempt <= 5; attempt += 1) fail(kind)

    expect(circuit.parked()).toEqual([])
  },
)

test('what says nothing about the server lets the next one try it', () => {
  const { circuit, clock, fail, learn } = createWorld()
  for (let attempt = 1; attempt <= 3; attempt += 1) fail('unreachable')
  clock.advance(MINUTE)
  circuit.enter([OUTER])

  learn(endOf({ status: 'canceled', failure: { kind: 'canceled', side: undefined } }))

  expect(circuit.parked()).toEqual([])
})

test('an attempt that had started before the server was parked changes nothing', () => {
  const { circuit, clock, fail } = createWorld()
  for (let attempt = 1; attempt <= 3; attempt += 1) fail('unreachable')
  const trial = circuit.nextTrial()
  clock.advance(SECOND)

  fail('unreachable')

  expect(circuit.nextTrial()).toBe(trial)
})

test('local repositories have no server', () => {
  const { circuit, clock } = createWorld()
  const run = runWith({ endpoints: { internal: '', external: '' } })
  const end = endOf({ status: 'failed', failure: { kind: 'unreachable', side: 'external' } })

  for (let attempt = 1; attempt <= 5; attempt += 1) circuit.learn(run, end)

  expect(circuit.parked()).toEqual([])
  expect(clock.pendingTimers()).toBe(0)
})

function createWorld(): {
  readonly circuit: Circuit
  readonly clock: TestClock
  readonly learn: (end: AttemptEnd) => ReturnType<Circuit['learn']>
  readonly fail: (kind: GitErrorKind) => void
  readonly succeed: () => ReturnType<Circuit['learn']>
} {
  const clock = createTestClock()
  const circuit = createCircuit({ clock, random: () => 1 })
  const run = runWith({ endpoints: { internal: 'inner.example:443', external: OUTER } })
  const learn = (end: AttemptEnd): ReturnType<Circuit['learn']> => circuit.learn(run, end)
  return {
    circuit,
    clock,
    learn,
    fail: (kind) => void learn(endOf({ status: 'failed', failure: { kind, side: 'external' } })),
    succeed: () => learn(endOf({ steps: [{ name: 'push', durationMs: 1 }] })),
  }
}
