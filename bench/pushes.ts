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

// (a) From sending a signed webhook until the target shows the commit: by a daemon that relays, by one that leaves
// it to git, and by `git fetch` and `git push` by hand between two repositories of the same servers. In turns, so
// that all meet the same machine.

const REF = 'refs/heads/main'
const WARM_UP = 3

/** The pairs that the daemons keep equal, and the one that two commands keep equal. */
type World = {
  readonly relaying: Bound
  readonly byGit: Bound
  readonly plain: Pair
  readonly bareGit: BareGit
}
type Bound = { readonly journey: Journey; readonly pair: Pair }
type Pair = Awaited<ReturnType<Journey['bind']>>
type Commit = Awaited<ReturnType<Journey['work']['commit']>>

type DaemonPush = {
  readonly visible: number
  readonly answered: number
  readonly steps: ReadonlyMap<string, number>
}
type BarePush = { readonly visible: number; readonly fetched: number; readonly ended: number }
type Pushes = { readonly relayed: DaemonPush[]; readonly byGit: DaemonPush[]; readonly bare: BarePush[] }

export async function measurePushes(sizes: Sizes): Promise<string> {
  await using journey = await startJourney()
  await using other = await startJourney({ RELAY: 'false' })
  const world = await prepare(journey, other)
  const pushes: Pushes = { relayed: [], byGit: [], bare: [] }
  for (let push = 0; push < sizes.pushes + WARM_UP; push += 1) {
    const sha = await commit(world)
    const measured = push < WARM_UP ? { relayed: [], byGit: [], bare: [] } : pushes
    const turns = [
      async () => measured.relayed.push(await pushThroughDaemon(world.relaying, sha)),
      async () => measured.byGit.push(await pushThroughDaemon(world.byGit, sha)),
      async () => measured.bare.push(await pushByHand(world, sha)),
    ]
    for (const turn of push % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  return report(pushes)
}

async function prepare(journey: Journey, other: Journey): Promise<World> {
  const relaying = { journey, pair: await journey.bind('bound') }
  const byGit = { journey: other, pair: await other.bind('bound') }
  const plain = {
    name: 'plain',
    inner: await journey.inner.createRepository('team/plain'),
    outer: await journey.outer.createRepository('team/plain'),
  }
  const { dir } = relaying.pair.inner
  await fillRepository(dir, 0)
  for (const copy of [byGit.pair.inner, plain.inner]) await copyContent(dir, copy.dir)
  await git(journey.work.dir, 'fetch', '--quiet', dir, REF)
  await git(journey.work.dir, 'reset', '--quiet', '--hard', 'FETCH_HEAD')
  const bareGit = await createBareGit(journey.folder.path, [
    { server: journey.inner, ...PASSWORDS.inner },
    { server: journey.outer, ...PASSWORDS.outer },
  ])
  const world = { relaying, byGit, plain, bareGit }
  for (const { daemon } of [journey, other]) {
    expectSuccess((await daemon.call('POST', '/cerobot/sync/repo/bound')).body)
  }
  await pushByHand(world, await journey.work.resolve('HEAD'))
  return world
}

async function commit({ relaying, byGit, plain }: World): Promise<Commit> {
  const { work } = relaying.journey
  const sha = await work.commit(`change ${performance.now()}`)
  for (const { inner } of [relaying.pair, byGit.pair, plain]) await work.push(inner.dir, `HEAD:${REF}`)
  return sha
}

async function pushThroughDaemon({ journey, pair }: Bound, sha: Commit): Promise<DaemonPush> {
  const delivery = pushTo('github', pair.inner, 'main', sha)
  const visible = whenVisible(pair.outer.dir, REF, sha)
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

function report({ relayed, byGit, bare }: Pushes): string {
  const visible = relayed.map((push) => push.visible)
  const row = (name: string, values: readonly number[]): readonly string[] => [
    name,
    milliseconds(median(values)),
    milliseconds(percentile(values, 90)),
    times(median(visible), median(values)),
  ]
  const step = (pushes: readonly DaemonPush[], name: string): string =>
    milliseconds(median(pushes.map(({ steps }) => steps.get(name) ?? Number.NaN)))
  return [
    table(
      [`${relayed.length} pushes of one commit, in turns`, 'median', 'p90', 'reposync is'],
      [
        row('reposync: webhook sent until the ref is visible', visible),
        row(
          'the same by git (RELAY=false)',
          byGit.map((push) => push.visible),
        ),
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
    `Where it goes (medians): webhook answered after ${milliseconds(median(relayed.map((push) => push.answered)))}, ` +
      `relay step ${step(relayed, 'relay')}; by git: fetch step ${step(byGit, 'fetch')}, push step until git has ended ${step(byGit, 'push')}; ` +
      `by hand: fetch ${milliseconds(median(bare.map((push) => push.fetched)))}, ` +
      `push ${milliseconds(median(bare.map((push) => push.ended - push.fetched)))}.`,
    'All over smart HTTP with passwords, a repository of 200 files; the bare commands log in with the first request too and know the source’s earlier commits; otherwise git is as it comes. The relay keeps its connections from push to push.',
  ].join('\n')
}
