import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { expectSuccess, PASSWORDS, startJourney } from '../test/rig/journey.ts'
import type { Journey } from '../test/rig/journey.ts'
import { createBareRepository } from '../test/rig/repository.ts'
import { createBareGit } from './bare-git.ts'
import { bindPair, createPair, timed } from './repository.ts'
import { advanceRef, branchName, copyContent, fillWithRefs } from './repository-content.ts'
import type { Sizes } from './sizes.ts'
import { median } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'
import { memoryOf } from './usage.ts'

// (h) Very many branches, and very many tags: all of them for the first time, and again when one is new. The
// same is done by one fetch and one push by hand, but not for as many as the daemon takes: over HTTP, git
// compares each ref that it pushes with each one it has, and would take a quarter of an hour.

const KINDS = [
  { name: 'branches', prefix: 'refs/heads/' },
  { name: 'tags', prefix: 'refs/tags/' },
] as const
const CHANGES = 3
const LOOK_MS = 10

const ASYNC = { prefer: 'respond-async' }
const Asked = z.object({ run_id: z.number() })

type Kind = (typeof KINDS)[number]
type Measured = {
  readonly first: number
  readonly changed: number
  /** The longest that the daemon kept somebody waiting meanwhile. */
  readonly silence: number | undefined
  readonly memory: number | undefined
}

export async function measureManyRefs(sizes: Sizes): Promise<string> {
  const rows: string[][] = []
  for (const kind of KINDS) {
    rows.push(...(await measureKind(kind, sizes.manyRefs, true)))
    rows.push(...(await measureKind(kind, sizes.mostRefs, false)))
  }
  return [
    table(['', 'first sync', 'reposync is', 'one more', 'reposync is', 'kept waiting', 'peak memory'], rows),
    '',
    `One first sync and the median of ${CHANGES} further ones, over HTTP with passwords. Kept waiting: the longest answer of the daemon ` +
      'to a question that was asked all the time. Peak memory: of the daemon alone, without its git.',
  ].join('\n')
}

async function measureKind(kind: Kind, count: number, isCompared: boolean): Promise<string[][]> {
  await using journey = await startJourney()
  const template = join(journey.folder.path, 'template.git')
  await mkdir(template)
  await createBareRepository(template)
  await fillWithRefs(template, kind.prefix, count)
  const name = `${count} ${kind.name}`
  const ours = await measureDaemon(journey, kind, template)
  const own = row(`${name}: reposync`, ours, ours)
  if (!isCompared) return [own]
  const byHand = await measureByHand(journey, kind, template)
  return [own, row(`${name}: one git fetch + one git push of everything`, ours, byHand)]
}

async function measureDaemon(journey: Journey, kind: Kind, template: string): Promise<Measured> {
  const pair = await createPair(journey, 'ours')
  await copyContent(template, pair.inner.dir)
  await bindPair(journey, pair)
  // Not the blocking call: on a busy machine it takes longer than an HTTP client waits for an answer.
  const sync = (): Promise<number> =>
    timed(async () => {
      const asked = await journey.daemon.call('POST', '/cerobot/sync/repo/ours', undefined, ASYNC)
      const run = await journey.daemon.runEnded(Asked.parse(expectSuccess(asked.body)).run_id)
      if (run.status !== 'succeeded') throw new Error(`the sync ended as ${run.status}: ${run.detail ?? ''}`)
    })
  await using silence = watchSilence(journey)
  const first = await sync()
  const changed = await measureChanges(pair.inner.dir, kind, sync)
  return { first, changed, silence: silence.longest(), memory: memoryOf(journey.daemon.pid).peak }
}

async function measureByHand(journey: Journey, kind: Kind, template: string): Promise<Measured> {
  const pair = await createPair(journey, 'by-hand')
  await copyContent(template, pair.inner.dir)
  const mirror = await createBareGit(journey.folder.path, [
    { server: journey.inner, ...PASSWORDS.inner },
    { server: journey.outer, ...PASSWORDS.outer },
  ])
  await mirror.run('config', 'core.fsync', 'none')
  const specs = ['refs/heads/*:refs/heads/*', 'refs/tags/*:refs/tags/*']
  const sync = (): Promise<number> =>
    timed(async () => {
      await mirror.run('fetch', '--quiet', '--no-tags', pair.inner.url, ...specs.map((spec) => `+${spec}`))
      await mirror.run('push', '--quiet', pair.outer.url, ...specs)
    })
  const first = await sync()
  const changed = await measureChanges(pair.inner.dir, kind, sync)
  return { first, changed, silence: undefined, memory: undefined }
}

async function measureChanges(dir: string, { prefix }: Kind, sync: () => Promise<number>): Promise<number> {
  const measured: number[] = []
  for (let change = 0; change < CHANGES; change += 1) {
    const ref = prefix === 'refs/tags/' ? `${prefix}new-${change}` : `${prefix}${branchName(change)}`
    await advanceRef(dir, ref, prefix === 'refs/tags/' ? 'refs/heads/main' : ref, `change ${change}`)
    measured.push(await sync())
  }
  return median(measured)
}

/** Asks the daemon all the time, and remembers the longest that it took to answer. */
function watchSilence({ daemon }: Journey): AsyncDisposable & { readonly longest: () => number } {
  const ended = new AbortController()
  let longest = 0
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const took = await timed(async () => void (await daemon.call('GET', '/healthz')))
      longest = Math.max(longest, took)
      await sleep(LOOK_MS)
    }
  }
  const watching = watch()
  return {
    longest: () => longest,
    [Symbol.asyncDispose]: () => {
      ended.abort()
      return watching
    },
  }
}

function row(way: string, ours: Measured, { first, changed, silence, memory }: Measured): string[] {
  return [
    way,
    milliseconds(first),
    times(ours.first, first),
    milliseconds(changed),
    times(ours.changed, changed),
    silence === undefined ? '' : milliseconds(silence),
    memory === undefined ? '' : `${Math.round(memory)} MB`,
  ]
}
