import { expect, test } from 'vitest'
import type { GitResult } from '../../src/git/git.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { pushInParts } from '../../src/git/push.ts'
import { refName } from '../rig/git-world.ts'
import { shaOf } from '../rig/repository.ts'

const SHA = shaOf('1'.repeat(40))
const REFS = Array.from({ length: 8 }, (_, index) => refName(`refs/heads/n${index}`))
const UPDATES = REFS.map((ref) => ({ ref, sha: SHA }))

function accepted(refspecs: readonly string[]): GitResult {
  const stdout = refspecs.map((refspec) => `*\t${refspec}\t[new branch]\n`).join('')
  return { kind: 'exited', exitCode: 0, stdout, stderr: '', failure: { kind: 'unknown', detail: '' } }
}

function broken(kind: GitErrorKind): GitResult {
  return { kind: 'exited', exitCode: 128, stdout: '', stderr: '', failure: { kind, detail: kind } }
}

test('a push that is too large goes in halves, and only the part that stays too large is refused', async () => {
  const calls: number[] = []

  const outcome = await pushInParts(UPDATES, 1_000_000, (_, refspecs) => {
    calls.push(refspecs.length)
    const isTooLarge = refspecs.length > 4 || refspecs.some((refspec) => refspec.endsWith('/n1'))
    return Promise.resolve(isTooLarge ? broken('too_large') : accepted(refspecs))
  })

  const results = outcome.ok ? [...outcome.results] : []
  expect(results.filter(([, { status }]) => status === 'ok')).toHaveLength(7)
  expect(results.filter(([, { kind }]) => kind === 'too_large').map(([ref]) => ref)).toEqual([
    'refs/heads/n1',
  ])
  expect(calls).toEqual([8, 4, 2, 1, 1, 2, 4])
})

test('a long push is cut by the length of its command line', async () => {
  const calls: number[] = []

  const outcome = await pushInParts(UPDATES, 200, (_, refspecs) => {
    calls.push(refspecs.length)
    return Promise.resolve(accepted(refspecs))
  })

  expect(outcome).toMatchObject({ ok: true })
  expect(outcome.ok ? outcome.results.size : 0).toBe(8)
  expect(calls).toEqual([3, 3, 2])
})

test('a connection that is lost between parts ends the push, and what arrived is told', async () => {
  const answers = [accepted, (): GitResult => broken('unreachable')]

  const outcome = await pushInParts(UPDATES, 200, (_, refspecs) =>
    Promise.resolve((answers.shift() ?? accepted)(refspecs)),
  )
  const nothing = await pushInParts(UPDATES, 200, () => Promise.resolve(broken('unreachable')))

  const kinds = outcome.ok ? [...outcome.results.values()].map(({ kind }) => kind) : []
  expect(kinds.filter((kind) => kind === null)).toHaveLength(3)
  expect(kinds.filter((kind) => kind === 'unreachable')).toHaveLength(5)
  expect(nothing).toEqual({ ok: false, failure: { kind: 'unreachable', detail: 'unreachable' } })
})

test('a ref without a line is not taken for done', async () => {
  const outcome = await pushInParts(UPDATES.slice(0, 2), 1_000_000, (_, refspecs) =>
    Promise.resolve(accepted(refspecs.slice(0, 1))),
  )

  const last = outcome.ok ? outcome.results.get(refName('refs/heads/n1')) : undefined
  expect(last).toMatchObject({ status: 'rejected', kind: 'unknown' })
})
