import type { Journey } from '../test/rig/journey.ts'
import { expectSuccess, PASSWORDS, pushTo, runOf, startJourney } from '../test/rig/journey.ts'
import { git } from '../test/rig/repository.ts'
import type { BareGit } from './bare-git.ts'
import { createBareGit } from './bare-git.ts'
import { copyContent, fillRepository } from './repository-content.ts'
import type { Sizes } from './sizes.ts'
import { median, percentile } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'
import { whenVisible } from './visible-ref.ts'

// (a) From sending a signed webhook until the target shows the commit, against `git fetch` and `git push`
// by hand between two repositories of the same servers. In turns, so that both meet the same machine.

const REF = 'refs/heads/main'
const WARM_UP = 3

/** The pair that the daemon keeps equal, and the one that two commands keep equal. */
type World = {
  readonly journey: Journey
  readonly bound: Pair
  readonly plain: Pair
  readonly bareGit: BareGit
}
type Pair = Awaited<ReturnType<Journey['bind']>>

type DaemonPush = {
  readonly visible: number
  readonly answered: number
  readonly steps: ReadonlyMap<string, number>
}
type BarePush = { readonly visible: number; readonly fetched: number; readonly ended: number }

export async function measurePushes(sizes: Sizes): Promise<string> {
  await using journey = await startJourney()
  const world = await prepare(journey)
  const daemon: DaemonPush[] = []
  const bare: BarePush[] = []
  for (let push = 0; push < sizes.pushes + WARM_UP; push += 1) {
    const sha = await commit(world)
    const isDaemonFirst = push % 2 === 0
    const first = isDaemonFirst ? await pushThroughDaemon(world, sha) : undefined
    const byHand = await pushByHand(world, sha)
    const measured = first ?? (await pushThroughDaemon(world, sha))
    if (push < WARM_UP) continue
    daemon.push(measured)
    bare.push(byHand)
  }
  return report(daemon, bare)
}

async function prepare(journey: Journey): Promise<World> {
  const bound = await journey.bind('bound')
  const plain = {
    name: 'plain',
    inner: await journey.inner.createRepository('team/plain'),
    outer: await journey.outer.createRepository('team/plain'),
  }
  await fillRepository(bound.inner.dir, 0)
  await copyContent(bound.inner.dir, plain.inner.dir)
  await git(journey.work.dir, 'fetch', '--quiet', bound.inner.dir, REF)
  await git(journey.work.dir, 'reset', '--quiet', '--hard', 'FETCH_HEAD')
  const bareGit = await createBareGit(journey.folder.path, [
    { server: journey.inner, ...PASSWORDS.inner },
    { server: journey.outer, ...PASSWORDS.outer },
  ])
  const world = { journey, bound, plain, bareGit }
  expectSuccess((await journey.daemon.call('POST', '/cerobot/sync/repo/bound')).body)
  await pushByHand(world, await journey.work.resolve('HEAD'))
  return world
}

async function commit({ journey, bound, plain }: World) {
  const sha = await journey.work.commit(`change ${performance.now()}`)
  for (const { dir } of [bound.inner, plain.inner]) await journey.work.push(dir, `HEAD:${REF}`)
  return sha
}

async function pushThroughDaemon(
  { journey, bound }: World,
  sha: NonNullable<Parameters<typeof pushTo>[3]>,
): Promise<DaemonPush> {
  const delivery = pushTo('github', bound.inner, 'main', sha)
  const visible = whenVisible(bound.outer.dir, REF, sha)
  const startedAt = performance.now()
  const answer = await journey.daemon.deliver(delivery, '/webhooks/github')
  const answeredAt = performance.now()
  const visibleAt = await visible
  const run = await journey.daemon.runEnded(runOf(answer.body))
  return {
    visible: visibleAt - startedAt,
    answered: answeredAt - startedAt,
    steps: new Map(run.steps.map(({ name, duration_ms: duration }) => [name, duration])),
  }
}

async function pushByHand({ plain, bareGit }: World, sha: string): Promise<BarePush> {
  const visible = whenVisible(plain.outer.dir, REF, sha)
  const startedAt = performance.now()
  await bareGit.run('fetch', '--quiet', plain.inner.url, `+${REF}:${REF}`)
  const fetchedAt = performance.now()
  await bareGit.run('push', '--quiet', plain.outer.url, `${sha}:${REF}`)
  const endedAt = performance.now()
  return {
    visible: (await visible) - startedAt,
    fetched: fetchedAt - startedAt,
    ended: endedAt - startedAt,
  }
}

function report(daemon: readonly DaemonPush[], bare: readonly BarePush[]): string {
  const visible = daemon.map((push) => push.visible)
  const row = (name: string, values: readonly number[]): readonly string[] => [
    name,
    milliseconds(median(values)),
    milliseconds(percentile(values, 90)),
    times(median(visible), median(values)),
  ]
  const step = (name: string): number => median(daemon.map(({ steps }) => steps.get(name) ?? Number.NaN))
  return [
    table(
      [`${daemon.length} pushes of one commit, in turns`, 'median', 'p90', 'reposync is'],
      [
        row('reposync: webhook sent until the ref is visible', visible),
        row(
          'git fetch + git push: until the ref is visible',
          bare.map((push) => push.visible),
        ),
        row(
          'git fetch + git push: until both have ended',
          bare.map((push) => push.ended),
        ),
      ],
    ),
    '',
    `Where it goes (medians): webhook answered after ${milliseconds(median(daemon.map((push) => push.answered)))}, ` +
      `fetch step ${milliseconds(step('fetch'))}, push step until git has ended ${milliseconds(step('push'))}; ` +
      `by hand fetch ${milliseconds(median(bare.map((push) => push.fetched)))}, ` +
      `push ${milliseconds(median(bare.map((push) => push.ended - push.fetched)))}.`,
    'Both over smart HTTP with passwords, a repository of 200 files; the bare commands log in with the first request too and know the source’s earlier commits; otherwise git is as it comes.',
  ].join('\n')
}
