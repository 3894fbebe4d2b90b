import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { BindingDeps, NewBinding } from '../../src/binding/bindings.ts'
import { createVault } from '../../src/credential/vault.ts'
import { DomainError } from '../../src/domain-error.ts'
import { createTestClock } from '../rig/clock.ts'
import type { TestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'

export type World = AsyncDisposable & {
  readonly deps: BindingDeps
  readonly clock: TestClock
  readonly file: string
  /** Everything that was logged. */
  readonly logged: () => string
}

/** What the verbs of bindings stand on: a real database file, a vault, and a clock that stands still. */
export async function openWorld(): Promise<World> {
  const { db, file, [Symbol.asyncDispose]: dispose } = await createTestDatabase()
  const clock = createTestClock()
  const lines: string[] = []
  return {
    deps: {
      db,
      clock,
      vault: createVault(randomBytes(32)),
      addressRules: { schemes: ['http', 'https', 'ssh'], allowLocal: false, allowsHost: () => true },
      logger: pino({}, { write: (line: string) => void lines.push(line) }),
      reconcileIntervalMs: 600_000,
    },
    clock,
    file,
    logged: () => lines.join(''),
    [Symbol.asyncDispose]: dispose,
  }
}

export function bindingOf(name: string, changes: Partial<NewBinding> = {}): NewBinding {
  return {
    name,
    enabled: true,
    granularity: 'all',
    direction: 'to_outer',
    addresses: {
      internal: `https://inner.example/team/${name}`,
      external: `https://outer.example/team/${name}`,
    },
    tokens: { internal: undefined, external: undefined },
    ...changes,
  }
}

/** The reason word with which a verb refuses. */
export async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing was thrown'
  } catch (error) {
    if (error instanceof DomainError) return error.reason
    throw error
  }
}
