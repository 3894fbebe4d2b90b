import { expect, test } from 'vitest'
import { readAddress } from '../../src/binding/address.ts'
import type { Direction, Granularity } from '../../src/binding/binding.ts'
import type { BindingForRun } from '../../src/binding/for-run.ts'
import { DEFAULT_RULES } from '../../src/binding/rules.ts'
import type { RefName, Sha } from '../../src/git/refs.ts'
import { BindingId, BranchBindingId } from '../../src/ids.ts'
import { planPasses } from '../../src/run/passes.ts'
import { judgeAttempt } from '../../src/run/outcome.ts'
import type { WorkItem } from '../../src/run/run.ts'
import type { RefOutcome, SyncOutcome } from '../../src/sync/sync.ts'
import { pushOf, refOf, shaOf } from './world.ts'

const main = refOf('refs/heads/main')
const release = refOf('refs/heads/release')

function bindingOf(direction: Direction, granularity: Granularity = 'all'): BindingForRun {
  const parsed = readAddress('https://forge.example/team/app')
  if (parsed.kind === 'refused') throw new Error('not an address')
  const { url } = parsed.address
  const side = {
    address: url,
    url,
    host: 'forge.example',
    endpoint: 'forge.example:443',
    hasCredential: false,
    sshKeyId: null,
  }
  const times = { createdAt: 0, updatedAt: 0, pause: null }
  const binding = { id: BindingId.parse(1), name: 'app', enabled: true, rules: DEFAULT_RULES, ...times }
  return {
    binding: { ...binding, direction, granularity, internal: side, external: side },
    remotes: { internal: { url, credential: undefined }, external: { url, credential: undefined } },
    subject: 'binding:1',
    denied: undefined,
    mirror: undefined,
    branches: [{ internal: release, external: main, branchId: BranchBindingId.parse(7) }],
  }
}

function plan(
  work: readonly WorkItem[],
  binding: BindingForRun,
  agreed: readonly (readonly [RefName, Sha])[] = [[main, shaOf(1)]],
) {
  const known = {
    agreed: { refs: new Map(agreed), isEmpty: agreed.length === 0 },
    missing: new Map(),
    conflicts: new Map(),
  }
  return planPasses({ subject: 'binding:1', work, dryRun: false }, binding, known)
}

function inward(item: WorkItem): WorkItem {
  return { ...item, direction: 'to_inter' }
}

test('a pushed branch is synced alone', () => {
  const passes = plan([pushOf('main', shaOf(2))], bindingOf('to_outer'))

  expect(passes).toMatchObject([
    {
      kind: 'sync',
      request: { direction: 'to_outer', scope: [{ internal: main, external: main }], force: 'none' },
    },
  ])
})

test('LFS objects are asked for where the binding says so', () => {
  const subject = bindingOf('to_outer')
  const withObjects = { ...subject, binding: { ...subject.binding, rules: { ...DEFAULT_RULES, lfs: true } } }

  const without = plan([pushOf('main', shaOf(2))], subject)
  const asked = plan([pushOf('main', shaOf(2))], withObjects)

  expect(without).toMatchObject([{ kind: 'sync', request: { lfs: false } }])
  expect(asked).toMatchObject([{ kind: 'sync', request: { lfs: true } }])
})

test('a push that both sides already hold needs no git', () => {
  const passes = plan([pushOf('main', shaOf(1))], bindingOf('to_outer'))

  expect(passes).toMatchObject([{ kind: 'settled', outcome: { refs: [{ result: 'up_to_date' }] } }])
})

test('the first push of a binding compares the whole repository', () => {
  const passes = plan([pushOf('main', shaOf(2))], bindingOf('to_outer'), [])

  expect(passes).toMatchObject([{ request: { scope: 'all' } }])
})

test('a branch that a person named is looked up although it seems equal, and first syncs stay narrow', () => {
  const named = { ...pushOf('main', shaOf(1)), named: true }

  const known = plan([named], bindingOf('to_outer'))
  const first = plan([named], bindingOf('to_outer'), [])

  expect(known).toMatchObject([{ kind: 'sync', request: { scope: [{ internal: main }] } }])
  expect(first).toMatchObject([{ kind: 'sync', request: { scope: [{ internal: main }] } }])
})

test('pushes on both sides of a two-way binding are one pass, and one side is tried first', () => {
  const both = plan([pushOf('main'), inward(pushOf('release'))], bindingOf('both'))
  const one = plan([inward(pushOf('release'))], bindingOf('both'))

  expect(both).toHaveLength(1)
  expect(both).toMatchObject([{ request: { direction: 'both' } }])
  expect(JSON.stringify(both)).not.toContain('pushedOn')
  expect(one).toMatchObject([{ request: { direction: 'both', pushedOn: 'external' } }])
})

test('a person who names a direction gets it in a two-way binding too', () => {
  const passes = plan([inward({ ...pushOf('main'), named: true, force: true })], bindingOf('both'))

  expect(passes).toMatchObject([{ request: { direction: 'to_inter', force: [main] } }])
})

test('the whole of a branchwise binding is its branches', () => {
  const whole = { ...pushOf('main'), scope: 'all' as const }

  const passes = plan([whole], bindingOf('to_outer', 'one'))

  expect(passes).toMatchObject([{ request: { scope: [{ internal: release, external: main }] } }])
})

test('force given for one branch does not reach the others', () => {
  const whole = { ...pushOf('main'), scope: 'all' as const }

  const passes = plan([whole, { ...pushOf('release'), force: true }], bindingOf('to_outer'))

  expect(passes).toMatchObject([{ request: { scope: 'all', force: [release] } }])
})

function outcomeOf(...refs: readonly Partial<RefOutcome>[]): SyncOutcome {
  const ref: RefOutcome = {
    pair: { internal: main, external: main },
    direction: 'to_outer',
    before: shaOf(1),
    after: shaOf(2),
    result: 'updated',
    kind: null,
    reason: null,
  }
  return {
    refs: refs.map((changes) => ({ ...ref, ...changes })),
    steps: [],
    missing: new Map(),
    defaultBranches: undefined,
    agreed: new Map(),
    failure: undefined,
  }
}

test('a conflict beside a success is a conflict', () => {
  const end = judgeAttempt([outcomeOf({}, { result: 'conflict', kind: 'non_fast_forward' })], () => false)

  expect(end).toMatchObject({ status: 'conflict', code: 20010, message: '推送冲突' })
})

test('a refusal of the server weighs more than a conflict', () => {
  const refs = [
    { result: 'conflict', kind: 'non_fast_forward' },
    { result: 'rejected', kind: 'protected', reason: 'protected branch' },
  ] as const

  const end = judgeAttempt([outcomeOf(...refs)], () => false)

  expect(end).toMatchObject({ status: 'failed', code: 20011, detail: 'refs/heads/main: protected branch' })
})

test('a missing branch is an error for whoever named it, and no news after a push', () => {
  const missing = outcomeOf({ result: 'rejected', kind: 'ref_missing' })

  const asked = judgeAttempt([missing], () => false, new Set([main]))
  const pushed = judgeAttempt([missing], () => false)

  expect(asked).toMatchObject({ status: 'failed', code: 20009, message: '分支不存在' })
  expect(pushed).toMatchObject({ status: 'succeeded', code: 0 })
})

test('an interrupted sync is canceled, not failed', () => {
  const failure = { kind: 'canceled', side: undefined, detail: 'stopped' } as const

  const end = judgeAttempt([{ ...outcomeOf(), failure }], () => true)

  expect(end.status).toBe('canceled')
})

test('only what is newly agreed is recorded', () => {
  const outcome = {
    ...outcomeOf(),
    agreed: new Map([
      [main, shaOf(1)],
      [release, shaOf(2)],
    ]),
  }

  const end = judgeAttempt([outcome], () => false, new Set(), new Map([[main, shaOf(1)]]))

  expect([...end.agreed]).toEqual([[release, shaOf(2)]])
})

test('where the forge of the target pulls by itself it is asked to, and git still carries the other way', () => {
  const binding = { ...bindingOf('to_outer'), mirror: 'external' as const }

  const passes = plan([pushOf('main', shaOf(2)), inward(pushOf('main', shaOf(2)))], binding)

  expect(passes).toMatchObject([
    { kind: 'mirror', side: 'external' },
    { kind: 'sync', request: { direction: 'to_inter' } },
  ])
})
