import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFolder } from '../test/rig/repository.ts'
import { runsByStatus, SECRET, startHeldDaemon } from './held-forge.ts'
import { startHookRunner } from './hook-runner.ts'
import type { LoadResult } from './load.ts'
import { sendLoad } from './load.ts'
import { startServer } from './process.ts'
import type { Sizes } from './sizes.ts'
import { median } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'
import { memoryOf, processorTimeOf, whenQuiet } from './usage.ts'

// (c) How many signed deliveries are answered per second, with what the answer promises: the daemon's are
// on disk with their run requests. Beside it the same endpoint without the store, and adnanh/webhook.

type Contender = {
  readonly name: string
  readonly url: string
  readonly status: number
  readonly pid: number
  readonly repositories: readonly { readonly fullName: string; readonly cloneUrl: string }[]
}

/** With what goes on behind the answers. */
type Measured = LoadResult & { readonly finishedPerSecond: number; readonly processorMicroseconds: number }

export async function measureDeliveries(sizes: Sizes): Promise<string> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const one = stack.use(await startHeldDaemon(1))
  const many = stack.use(await startHeldDaemon(sizes.repositories))
  const contenders: Contender[] = [
    {
      ...one,
      name: 'reposync, one repository',
      url: `${one.daemon.url}/webhooks/github`,
      status: 202,
      pid: one.daemon.pid,
    },
    {
      ...many,
      name: `reposync, ${sizes.repositories} repositories`,
      url: `${many.daemon.url}/webhooks/github`,
      status: 202,
      pid: many.daemon.pid,
    },
  ]
  const unstoredDir = join(folder.path, 'unstored')
  await mkdir(unstoredDir)
  const unstored = stack.use(
    await startServer({
      dir: unstoredDir,
      command: process.execPath,
      args: [fileURLToPath(new URL('./unstored-server.ts', import.meta.url))],
      env: { WEBHOOK_SECRET: SECRET },
      findUrl: (log) => /"url":"([^"]+)"/.exec(log)?.[1],
    }),
  )
  const { repositories } = one
  contenders.push({
    name: 'the same server without the store',
    url: `${unstored.url}/webhooks/github`,
    status: 202,
    pid: unstored.pid,
    repositories,
  })
  const runner = await startHookRunner(folder.path, SECRET)
  if (runner !== undefined) {
    stack.use(runner)
    contenders.push({
      name: 'adnanh/webhook, runs /bin/true, keeps nothing',
      url: runner.hookUrl,
      status: 200,
      pid: runner.pid,
      repositories,
    })
  }
  const results = await takeTurns(contenders, sizes)
  return report(contenders, results, sizes, `${await runsByStatus(one.daemon)}`)
}

async function takeTurns(
  contenders: readonly Contender[],
  sizes: Sizes,
): Promise<ReadonlyMap<Contender, readonly Measured[]>> {
  const results = new Map<Contender, Measured[]>(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < sizes.rounds; round += 1) {
    for (const contender of contenders) {
      const { url, repositories, status } = contender
      const load = {
        url,
        secret: SECRET,
        repositories: [...repositories],
        connections: sizes.connections,
        warmUp: sizes.warmUpDeliveries,
        count: sizes.deliveries,
      }
      const before = processorTimeOf(contender.pid)
      const result = await sendLoad(load, status)
      // What goes on behind the answers belongs to this contender and not to the next one.
      const { processorMs, quietSince } = await whenQuiet(contender.pid)
      const sent = load.warmUp + load.count
      results.get(contender)?.push({
        ...result,
        finishedPerSecond: sent / (result.seconds + Math.max(0, quietSince - result.endedAt) / 1000),
        processorMicroseconds: (1000 * (processorMs - before)) / sent,
      })
    }
  }
  return results
}

function report(
  contenders: readonly Contender[],
  results: ReadonlyMap<Contender, readonly Measured[]>,
  sizes: Sizes,
  runs: string,
): string {
  const medianOf = (contender: Contender | undefined, pick: (measured: Measured) => number): number =>
    median((contender === undefined ? [] : (results.get(contender) ?? [])).map(pick))
  const peer = contenders.find(({ status }) => status === 200)
  const ofPeer = (contender: Contender, pick: (measured: Measured) => number): string =>
    peer === undefined ? '–' : times(medianOf(contender, pick), medianOf(peer, pick))
  const answered = ({ perSecond }: Measured): number => perSecond
  const finished = ({ finishedPerSecond }: Measured): number => finishedPerSecond
  const rows = contenders.map((contender) => {
    const rates = (results.get(contender) ?? []).map(answered)
    return [
      contender.name,
      `${whole(median(rates))} (${whole(Math.min(...rates))}–${whole(Math.max(...rates))})`,
      ofPeer(contender, answered),
      whole(medianOf(contender, finished)),
      ofPeer(contender, finished),
      milliseconds(medianOf(contender, ({ p50 }) => p50)),
      milliseconds(medianOf(contender, ({ p99 }) => p99)),
      milliseconds(medianOf(contender, ({ max }) => max)),
      `${whole(medianOf(contender, ({ processorMicroseconds }) => processorMicroseconds))} µs`,
      `${whole(memoryOf(contender.pid).peak)} MB`,
    ]
  })
  const [first] = [...results.values()].flat()
  return [
    table(
      [
        'deliveries',
        'answered per second',
        'of adnanh',
        'finished per second',
        'of adnanh',
        'p50',
        'p99',
        'slowest',
        'processor',
        'peak memory',
      ],
      rows,
    ),
    '',
    `${sizes.rounds} rounds in turns, each ${sizes.deliveries} GitHub pushes of ${first?.bodyBytes ?? 0} bytes with ids and commits of their own, ` +
      `HMAC-SHA256, over ${sizes.connections} kept connections from one process on the same cores, after ${sizes.warmUpDeliveries} to warm up.`,
    'reposync answers 202 when the delivery and its run request are on disk (fsync, log at level info into a file). ' +
      `Its forge never answers git, so runs wait and merge (one repository, at the end: ${runs}).`,
    'Finished: until the process rests again, for adnanh/webhook until its commands have run, which it starts after the answer. ' +
      'Processor: time per delivery in all its processes until then. p50, p99, slowest: medians of the rounds.',
    ...(peer === undefined
      ? ['adnanh/webhook is not installed (`apt-get install webhook`), so its line is missing.']
      : []),
  ].join('\n')
}

function whole(value: number): string {
  return Math.round(value).toString()
}
