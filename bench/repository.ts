import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expectSuccess, PASSWORDS, startJourney } from '../test/rig/journey.ts'
import type { Journey } from '../test/rig/journey.ts'
import { createBareRepository } from '../test/rig/repository.ts'
import type { BareGit } from './bare-git.ts'
import { createBareGit } from './bare-git.ts'
import { advance, branchName, copyContent, fillRepository } from './repository-content.ts'
import type { Sizes } from './sizes.ts'
import { median } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'

// (b) A repository with many branches: everything for the first time, and again when one branch has changed.
// Each way has its own pair of repositories on the same servers.

const EVERY_BRANCH = '+refs/heads/*:refs/heads/*'
const CHANGES = 3

type Pair = Awaited<ReturnType<Journey['bind']>>

/** One way to make the target equal; `prepare` makes what exists before the clock starts. */
type Way = {
  readonly name: string
  readonly prepare: (pair: Pair) => Promise<(changed: string | undefined) => Promise<number>>
}

type Result = { readonly first: number[]; readonly changed: number[] }

export async function measureRepository(sizes: Sizes): Promise<string> {
  await using journey = await startJourney()
  const template = join(journey.folder.path, 'template.git')
  await mkdir(template)
  await createBareRepository(template)
  await fillRepository(template, sizes.branches)
  const ways = waysOf(journey, sizes)
  const results = new Map<Way, Result>(ways.map((way) => [way, { first: [], changed: [] }]))
  for (let repetition = 0; repetition < sizes.repetitions; repetition += 1) {
    for (const way of ways) {
      const pair = await createPair(journey, `app-${ways.indexOf(way)}-${repetition}`)
      await copyContent(template, pair.inner.dir)
      const sync = await way.prepare(pair)
      const result = results.get(way)
      result?.first.push(await sync(undefined))
      for (let change = 0; change < CHANGES; change += 1) {
        const branch = branchName(change % sizes.loopBranches)
        await advance(pair.inner.dir, branch, `change ${change}`)
        result?.changed.push(await sync(branch))
      }
    }
  }
  return report(results, sizes)
}

export async function createPair(journey: Journey, name: string): Promise<Pair> {
  return {
    name,
    inner: await journey.inner.createRepository(`team/${name}`),
    outer: await journey.outer.createRepository(`team/${name}`),
  }
}

function waysOf(journey: Journey, sizes: Sizes): readonly Way[] {
  const byHand = (kind?: 'worktree'): Promise<BareGit> =>
    createBareGit(
      journey.folder.path,
      [
        { server: journey.inner, ...PASSWORDS.inner },
        { server: journey.outer, ...PASSWORDS.outer },
      ],
      kind,
    )
  return [
    {
      name: 'reposync',
      prepare: async (pair) => {
        await bindPair(journey, pair)
        return () =>
          timed(async () => {
            const { body } = await journey.daemon.call('POST', `/cerobot/sync/repo/${pair.name}`)
            expectSuccess(body)
          })
      },
    },
    {
      name: 'one git fetch + one git push of every branch',
      prepare: async ({ inner, outer }) => {
        const mirror = await byHand()
        return () =>
          timed(async () => {
            await mirror.run('fetch', '--quiet', inner.url, EVERY_BRANCH)
            await mirror.run('push', '--quiet', outer.url, 'refs/heads/*:refs/heads/*')
          })
      },
    },
    {
      name: 'the same, with a mirror that need not survive a power cut',
      prepare: async ({ inner, outer }) => {
        const mirror = await byHand()
        await mirror.run('config', 'core.fsync', 'none')
        return () =>
          timed(async () => {
            await mirror.run('fetch', '--quiet', inner.url, EVERY_BRANCH)
            await mirror.run('push', '--quiet', outer.url, 'refs/heads/*:refs/heads/*')
          })
      },
    },
    {
      name: 'git fetch --prune + git push --mirror',
      prepare: async ({ inner, outer }) => {
        const mirror = await byHand()
        return () =>
          timed(async () => {
            await mirror.run('fetch', '--quiet', '--prune', inner.url, EVERY_BRANCH)
            await mirror.run('push', '--quiet', '--mirror', outer.url)
          })
      },
    },
    {
      name: 'fetch + push of the changed branch alone, known beforehand',
      prepare: async ({ inner, outer }) => {
        const mirror = await byHand()
        return (changed) =>
          timed(async () => {
            const ref = changed ?? '*'
            await mirror.run('fetch', '--quiet', inner.url, `+refs/heads/${ref}:refs/heads/${ref}`)
            await mirror.run('push', '--quiet', outer.url, `refs/heads/${ref}:refs/heads/${ref}`)
          })
      },
    },
    {
      name: `branch by branch with checkout (${sizes.loopBranches} measured, the rest extrapolated)`,
      prepare: async ({ inner, outer }) => {
        const clone = await byHand('worktree')
        return async () => {
          const once = await timed(async () => {
            await clone.run('ls-remote', '--heads', inner.url)
            await clone.run('ls-remote', '--heads', outer.url)
          })
          const loop = await timed(async () => {
            for (let number = 0; number < sizes.loopBranches; number += 1) {
              await carryBranch(clone, inner.url, outer.url, branchName(number))
            }
          })
          return once + (loop / sizes.loopBranches) * sizes.branches
        }
      },
    },
  ]
}

// The four commands per branch that the original service runs.
async function carryBranch(clone: BareGit, from: string, to: string, branch: string): Promise<void> {
  await clone.run('fetch', '--quiet', from, `+refs/heads/${branch}:refs/remotes/inter/${branch}`)
  await clone.run('checkout', '--quiet', '-B', branch, `refs/remotes/inter/${branch}`)
  await clone.run('push', '--quiet', to, branch)
  await clone.run('log', '-1', '--format=%h', branch)
}

export async function bindPair(journey: Journey, pair: Pair): Promise<void> {
  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: pair.name,
    enable: true,
    internal_repo_address: pair.inner.url,
    external_repo_address: pair.outer.url,
    inter_token: `${PASSWORDS.inner.username}:${PASSWORDS.inner.password}`,
    exter_token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
    sync_granularity: 1,
    sync_direction: 1,
  })
  expectSuccess(body)
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function report(results: ReadonlyMap<Way, Result>, sizes: Sizes): string {
  const [ours = { first: [], changed: [] }] = results.values()
  const rows = [...results].map(([{ name }, { first, changed }]) => [
    name,
    milliseconds(median(first)),
    times(median(ours.first), median(first)),
    milliseconds(median(changed)),
    times(median(ours.changed), median(changed)),
  ])
  return [
    table(
      [`${sizes.branches + 1} branches`, 'first sync', 'reposync is', 'one branch changed', 'reposync is'],
      rows,
    ),
    '',
    `Medians of ${sizes.repetitions} first syncs and ${sizes.repetitions * CHANGES} changes, each way on its own pair of repositories over HTTP with passwords. ` +
      'reposync: the blocking manual sync of the whole repository, which finds out by itself what has changed; its mirror is a cache and not synced to the disk, as in the third line.',
  ].join('\n')
}
