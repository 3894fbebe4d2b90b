import { describe, expect, test } from 'vitest'
import type { GitResult } from '../../src/git/git.ts'
import type { GitErrorKind, GitOutcome } from '../../src/git/git-error.ts'
import { pushInParts } from '../../src/git/push-parts.ts'
import type { PushLimits } from '../../src/git/push-parts.ts'
import type { PushResult, PushUpdate } from '../../src/git/push.ts'
import type { RefName } from '../../src/git/refs.ts'
import type { TestGit } from '../rig/git-room.ts'
import { openTestGit } from '../rig/git-room.ts'
import { refName } from '../rig/git-world.ts'
import { createFolder, shaOf } from '../rig/repository.ts'

// What is pushed in which calls, against a server that is a function: it sees the refs of each call and answers
// as git would print it. Real servers of every kind are in the tests beside this one.

const SHA = shaOf('1'.repeat(40))
const WIDE: PushLimits = { refspecBytes: 6_000_000, leaseBytes: 1_000_000, refs: 1_000_000 }

function branches(count: number): readonly PushUpdate[] {
  return Array.from({ length: count }, (_, index) => ({
    ref: refName(`refs/heads/n${String(index).padStart(5, '0')}`),
    sha: SHA,
  }))
}

/** Pushes to a server that answers each call by `serve`; `calls` holds the refs of each. */
async function push(
  updates: readonly PushUpdate[],
  serve: (refs: readonly RefName[]) => GitResult,
  limits = WIDE,
): Promise<{
  readonly outcome: GitOutcome<{ readonly results: ReadonlyMap<RefName, PushResult> }>
  readonly calls: readonly (readonly RefName[])[]
}> {
  await using folder = await createFolder()
  await using room: TestGit = await openTestGit(folder.path)
  const calls: (readonly RefName[])[] = []
  const outcome = await pushInParts(updates, {
    call: (part) => {
      const refs = part.map(({ ref }) => ref)
      calls.push(refs)
      return Promise.resolve(serve(refs))
    },
    limits,
    history: { git: room.git, dir: folder.path, signal: new AbortController().signal },
    look: () => Promise.resolve({ ok: true, refs: new Map() }),
    onStep: () => {},
  })
  return { outcome, calls }
}

function accepted(refs: readonly RefName[]): GitResult {
  return printed(refs.map((ref) => `*\t${SHA}:${ref}\t[new branch]\n`))
}

function declined(refs: readonly RefName[], message: string): GitResult {
  const lines = refs.map((ref) => `!\t${SHA}:${ref}\t[remote rejected] (pre-receive hook declined)\n`)
  return printed(lines, `remote: ${message}`)
}

function printed(lines: readonly string[], stderr = ''): GitResult {
  const exitCode = stderr === '' ? 0 : 1
  const failure = { kind: 'unknown', detail: stderr } as const
  return { kind: 'exited', exitCode, stdout: lines.join(''), stderr, failure }
}

function broken(kind: GitErrorKind): GitResult {
  return { kind: 'exited', exitCode: 128, stdout: '', stderr: '', failure: { kind, detail: kind } }
}

/** A hook that exits at the first ref it does not like. */
function hook(bad: ReadonlySet<RefName>, says: (ref: RefName) => string) {
  return (refs: readonly RefName[]): GitResult => {
    const first = refs.find((ref) => bad.has(ref))
    return first === undefined ? accepted(refs) : declined(refs, says(first))
  }
}

function refusedIn({
  outcome,
}: {
  readonly outcome: GitOutcome<{ readonly results: ReadonlyMap<RefName, PushResult> }>
}): ReadonlySet<RefName> {
  const results = outcome.ok ? [...outcome.results] : []
  return new Set(results.filter(([, { status }]) => status !== 'ok').map(([ref]) => ref))
}

/** `count` refs spread over all of them, the same in every run. */
function someOf(updates: readonly PushUpdate[], count: number): ReadonlySet<RefName> {
  const some = new Set<RefName>()
  for (let step = 1; some.size < count; step += 1) {
    const update = updates[(step * step * 7919 + step * 104_729) % updates.length]
    if (update !== undefined) some.add(update.ref)
  }
  return some
}

describe('a long push', () => {
  test('is cut by the length of what has to be said', async () => {
    const { outcome, calls } = await push(branches(8), accepted, { ...WIDE, refspecBytes: 200 })

    expect(outcome.ok ? outcome.results.size : 0).toBe(8)
    expect(calls.map(({ length }) => length)).toEqual([3, 3, 2])
  })

  test('is cut by the length of its leases', async () => {
    const updates = branches(8).map((update) => ({ ...update, lease: SHA }))

    const { calls } = await push(updates, accepted, { ...WIDE, leaseBytes: 250 })

    expect(calls.map(({ length }) => length)).toEqual([3, 3, 2])
  })

  test('is cut where git would compare for too long', async () => {
    const { calls } = await push(branches(8), accepted, { ...WIDE, refs: 5 })

    expect(calls.map(({ length }) => length)).toEqual([5, 3])
  })
})

describe('a push of which something is not known', () => {
  test('ends where the connection is lost, and what arrived is told', async () => {
    const answers = [accepted, (): GitResult => broken('unreachable')]
    const limits = { ...WIDE, refs: 3 }

    const { outcome } = await push(branches(8), (refs) => (answers.shift() ?? accepted)(refs), limits)
    const nothing = await push(branches(8), () => broken('unreachable'), limits)

    const kinds = outcome.ok ? [...outcome.results.values()].map(({ kind }) => kind) : []
    expect(kinds).toEqual([null, null, null, ...Array.from({ length: 5 }, () => 'unreachable')])
    expect(nothing.outcome).toEqual({ ok: false, failure: { kind: 'unreachable', detail: 'unreachable' } })
    expect(nothing.calls).toHaveLength(1)
  })

  test('ends where the connection is lost among refused refs, and what arrived is told', async () => {
    const updates = branches(8)
    const serve = hook(new Set([updates[5]?.ref ?? refName('refs/heads/none')]), () => 'not like this')
    let calls = 0

    const { outcome } = await push(updates, (refs) => {
      calls += 1
      return calls > 3 ? broken('unreachable') : serve(refs)
    })

    const kinds = outcome.ok ? [...outcome.results.values()].map(({ kind }) => kind) : []
    expect(kinds.slice(0, 4)).toEqual([null, null, null, null])
    expect(new Set(kinds.slice(4))).toEqual(new Set(['unreachable']))
  })

  test('does not take a ref without a line for done', async () => {
    const { outcome } = await push(branches(2), (refs) => accepted(refs.slice(0, 1)))

    const last = outcome.ok ? outcome.results.get(refName('refs/heads/n00001')) : undefined
    expect(last).toMatchObject({ status: 'rejected', kind: 'unknown' })
  })

  test('that git partly turned away tells the failure of the call for the rest', async () => {
    const { outcome } = await push(branches(2), (refs) => ({
      ...broken('server_error'),
      stdout: `!\t${SHA}:${refs[0] ?? ''}\t[rejected] (fetch first)\n`,
    }))

    const kinds = outcome.ok ? [...outcome.results.values()].map(({ kind }) => kind) : []
    expect(kinds).toEqual(['non_fast_forward', 'server_error'])
  })
})

describe('of a push that is declined as a whole, all acceptable refs arrive', () => {
  const many = branches(2000)
  const all = new Set(many.map(({ ref }) => ref))
  const named = (ref: RefName): string => `GH006: Protected branch update failed for ${ref}.`
  const silent = (): string => 'not like this'
  const cases = [
    { what: 'one that is named', bad: someOf(many, 1), says: named, most: 3 },
    { what: 'fifty that are named one by one', bad: someOf(many, 50), says: named, most: 60 },
    { what: 'one that is not named', bad: someOf(many, 1), says: silent, most: 23 },
    { what: 'fifty that are not named', bad: someOf(many, 50), says: silent, most: 500 },
    {
      what: 'five hundred of similar names',
      bad: new Set([...all].slice(700, 1200)),
      says: silent,
      most: 130,
    },
  ]

  test.each(cases)('but for $what, in at most $most pushes', async ({ bad, says, most }) => {
    const pushed = await push(many, hook(bad, says))

    expect(refusedIn(pushed)).toEqual(bad)
    expect(pushed.calls.length).toBeLessThanOrEqual(most)
  })

  test('but for fifty that are named all at once', async () => {
    const bad = someOf(many, 50)

    const pushed = await push(many, (refs) => {
      const found = refs.filter((ref) => bad.has(ref))
      return found.length === 0 ? accepted(refs) : declined(refs, `refused: ${found.join(' ')}`)
    })

    expect(refusedIn(pushed)).toEqual(bad)
    expect(pushed.calls.length).toBeLessThan(15)
  })

  test('also those that the server names without meaning it', async () => {
    const bad = someOf(many, 3)
    const [innocent] = all

    const pushed = await push(
      many,
      hook(bad, () => `looking at ${innocent ?? ''}`),
    )

    expect(refusedIn(pushed)).toEqual(bad)
  })

  test.each([
    { what: 'in the same words', says: silent },
    { what: 'naming one after the other', says: named },
  ])('and a server that refuses everything $what is soon left alone', async ({ says }) => {
    const pushed = await push(many, hook(all, says))

    expect(refusedIn(pushed)).toEqual(all)
    expect(pushed.calls.length).toBeLessThan(130)
  })

  test('a single ref is refused at once', async () => {
    const pushed = await push(branches(1), hook(all, silent))

    expect(refusedIn(pushed).size).toBe(1)
    expect(pushed.calls).toHaveLength(1)
  })
})

describe('names that deletions make free', () => {
  const folder = refName('refs/heads/a/b')
  const file = refName('refs/heads/a')
  const other = refName('refs/heads/other')
  const tag = refName('refs/tags/v1')

  test('are deleted before they are taken, other deletions come last', async () => {
    const { calls } = await push(
      [
        { ref: other, sha: null, lease: SHA },
        { ref: tag, sha: SHA },
        { ref: folder, sha: SHA },
        { ref: file, sha: null, lease: SHA },
      ],
      accepted,
    )

    expect(calls).toEqual([[file, folder, tag, other]])
  })

  test('are taken in a second push where the server did not keep the order', async () => {
    let isFree = false

    const { outcome, calls } = await push(
      [
        { ref: folder, sha: SHA },
        { ref: file, sha: null, lease: SHA },
      ],
      (refs) => {
        const taken = `!\t${SHA}:${folder}\t[remote rejected] (failed to update ref)\n`
        const answer = isFree
          ? accepted(refs)
          : printed(
              [taken, `-\t:${file}\t[deleted]\n`],
              `remote: error: cannot lock ref '${folder}': '${file}' exists; cannot create '${folder}'`,
            )
        isFree = true
        return answer
      },
    )

    const statuses = outcome.ok ? [...outcome.results.values()].map(({ status }) => status) : []
    expect(statuses).toEqual(['ok', 'ok'])
    expect(calls).toEqual([[file, folder], [folder]])
  })
})
