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

/** With the processor time per delivery, the work after the answer included. */
type Measured = LoadResult & { readonly processorMicroseconds: number }

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
      const processorMs = (await whenQuiet(contender.pid)) - before
      const perDelivery = (1000 * processorMs) / (load.warmUp + load.count)
      results.get(contender)?.push({ ...result, processorMicroseconds: perDelivery })
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
  const ratesOf = (contender: Contender | undefined): readonly number[] =>
    contender === undefined ? [] : (results.get(contender) ?? []).map(({ perSecond }) => perSecond)
  const peer = contenders.find(({ status }) => status === 200)
  const rows = contenders.map((contender) => {
    const measured = results.get(contender) ?? []
    const rates = ratesOf(contender)
    return [
      contender.name,
      Math.round(median(rates)).toString(),
      `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`,
      milliseconds(median(measured.map(({ p50 }) => p50))),
      milliseconds(median(measured.map(({ p99 }) => p99))),
      milliseconds(Math.max(...measured.map(({ max }) => max))),
      `${Math.round(median(measured.map(({ processorMicroseconds }) => processorMicroseconds)))} µs`,
      `${Math.round(memoryOf(contender.pid).peak)} MB`,
      peer === undefined ? '–' : times(median(rates), median(ratesOf(peer))),
    ]
  })
  const [first] = [...results.values()].flat()
  return [
    table(
      [
        'answered',
        'per second',
        'lowest–highest',
        'p50',
        'p99',
        'slowest',
        'processor',
        'peak memory',
        'of adnanh/webhook',
      ],
      rows,
    ),
    '',
    `${sizes.rounds} rounds in turns, each ${sizes.deliveries} GitHub pushes of ${first?.bodyBytes ?? 0} bytes with ids and commits of their own, ` +
      `HMAC-SHA256, over ${sizes.connections} kept connections from one process on the same cores, after ${sizes.warmUpDeliveries} to warm up.`,
    'reposync answers 202 when the delivery and its run request are on disk (fdatasync, log at level info into a file). ' +
      `Its forge never answers git, so runs wait and merge (one repository, at the end: ${runs}).`,
    'Processor: time per delivery in all its processes, with what it does after the answer.',
    ...(peer === undefined
      ? ['adnanh/webhook is not installed (`apt-get install webhook`), so its line is missing.']
      : []),
  ].join('\n')
}
