import { createLogger } from '../../src/log.ts'
import { claimRun } from '../../src/run/claim.ts'
import type { ClaimedRun } from '../../src/run/claim.ts'
import { requestRun } from '../../src/run/request.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'
import { RunId } from '../../src/ids.ts'
import { toRefName, toSha } from '../../src/git/refs.ts'
import type { RefName, Sha } from '../../src/git/refs.ts'
import type { RunRequest } from '../../src/run/request.ts'
import type { AttemptEnd, Run, Trigger, WorkItem } from '../../src/run/run.ts'

export function refOf(text: string): RefName {
  const ref = toRefName(text)
  if (ref === undefined) throw new Error(`${text} is no ref`)
  return ref
}

/** A sha that differs for every number. */
export function shaOf(number: number): Sha {
  const sha = toSha(number.toString(16).padStart(40, 'a'))
  if (sha === undefined) throw new Error(`${number} makes no sha`)
  return sha
}

export function runId(number: number): RunId {
  return RunId.parse(number)
}

export function pushOf(branch: string, after: Sha | null = null): WorkItem {
  const ref = refOf(`refs/heads/${branch}`)
  return {
    direction: 'to_outer',
    scope: [{ internal: ref, external: ref, branchId: null, after }],
    force: false,
    named: false,
  }
}

export function requestOf(
  subjectId: number,
  options: {
    readonly trigger?: Trigger
    readonly work?: readonly WorkItem[]
    readonly attemptLimit?: number
    readonly hosts?: { readonly internal: string; readonly external: string }
    readonly endpoints?: { readonly internal: string; readonly external: string }
    readonly notBefore?: number
  } = {},
): RunRequest {
  return {
    of: {
      subject: `binding:${subjectId}`,
      bindingId: subjectId,
      taskId: null,
      name: `repo-${subjectId}`,
      hosts: options.hosts ?? { internal: 'inner.example', external: 'outer.example' },
      endpoints: options.endpoints ?? { internal: 'inner.example:443', external: 'outer.example:443' },
      notBefore: options.notBefore ?? null,
    },
    trigger: options.trigger ?? 'webhook',
    work: options.work ?? [pushOf('main')],
    attemptLimit: options.attemptLimit ?? 6,
  }
}

export function endOf(changes: Partial<AttemptEnd> = {}): AttemptEnd {
  return {
    status: 'succeeded',
    code: 0,
    message: '操作成功',
    hint: null,
    detail: null,
    failure: null,
    canHeal: false,
    refs: [],
    steps: [],
    agreed: new Map(),
    missing: new Map(),
    defaultBranches: undefined,
    ...changes,
  }
}

export const unreachable = endOf({ status: 'failed', code: 20004, message: '连接超时', canHeal: true })

/** A run that was claimed for the first time. */
export function runWith(changes: Partial<Run> = {}): Run {
  return {
    id: runId(1),
    subject: 'binding:1',
    bindingId: null,
    taskId: null,
    subjectName: 'repo-1',
    trigger: 'webhook',
    direction: 'to_outer',
    status: 'running',
    work: [pushOf('main')],
    code: null,
    message: null,
    hint: null,
    detail: null,
    attempts: 1,
    attemptLimit: 6,
    interrupted: 0,
    runAfter: 0,
    requestedBy: null,
    dryRun: false,
    hosts: { internal: 'inner.example', external: 'outer.example' },
    endpoints: { internal: 'inner.example:443', external: 'outer.example:443' },
    queuedAt: 0,
    startedAt: 0,
    finishedAt: null,
    refs: [],
    steps: [],
    ...changes,
  }
}

/** The records of runs on a real database, and a clock that stands still. */
export async function createWorld() {
  const database = await createTestDatabase()
  const clock = createTestClock()
  const { db } = database
  const deps = { db, clock, logger: createLogger('silent') }
  return {
    deps,
    clock,
    db,
    request: (...args: Parameters<typeof requestOf>) => requestRun(db, requestOf(...args), clock.now()),
    claim: async (busyHosts: readonly string[] = []): Promise<ClaimedRun> => {
      const claimed = await claimRun(deps, busyHosts)
      if (claimed === undefined) throw new Error('nothing to claim')
      return claimed
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}
