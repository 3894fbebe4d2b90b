import { join } from 'node:path'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Database } from '../src/db/database.ts'
import { openDatabase } from '../src/db/database.ts'
import { startHeldDaemon } from './held-forge.ts'
import type { Sizes } from './sizes.ts'
import { percentile } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'

// (e) Pages of long lists: whether a page far back takes longer than the first one.

const PAGE_SIZE = 20
/** Bindings that the runs belong to. */
const SUBJECTS = 4

const ListAnswer = z.object({ data: z.object({ total: z.number() }) })

type List = { readonly name: string; readonly path: string }

const LISTS: readonly List[] = [
  { name: 'runs', path: '/api/v1/runs?' },
  { name: 'runs that succeeded', path: '/api/v1/runs?status=succeeded&' },
  { name: 'runs of one binding', path: '/api/v1/runs?binding=repo-3&' },
  { name: 'deliveries', path: '/api/v1/deliveries?' },
  { name: 'deliveries that were ignored', path: '/api/v1/deliveries?status=ignored&' },
  { name: 'audit log', path: '/api/v1/audit/logs?' },
]

export async function measureLists(sizes: Sizes): Promise<string> {
  await using held = await startHeldDaemon(1, (dir) => fill(join(dir, 'data', 'reposync.db'), sizes))
  const rows: (readonly string[])[] = []
  for (const { name, path } of LISTS) {
    const read = (page: number): Promise<unknown> =>
      held.daemon.call('GET', `${path}page=${page}&page_size=${PAGE_SIZE}`)
    const total = totalOf(await read(1))
    const pages = Math.ceil(total / PAGE_SIZE)
    const places = [1, Math.ceil(pages / 2), pages]
    const samples = places.map((): number[] => [])
    for (let round = 0; round < sizes.listReads; round += 1) {
      // In turns, so that the machine's moods meet all alike.
      for (const [index, page] of places.entries()) samples[index]?.push(await timed(() => read(page)))
    }
    const [first, middle, last] = samples.map((values) => ({
      p50: percentile(values, 50),
      p99: percentile(values, 99),
    }))
    if (first === undefined || middle === undefined || last === undefined) continue
    rows.push([
      name,
      total.toString(),
      milliseconds(first.p50),
      milliseconds(first.p99),
      milliseconds(middle.p50),
      milliseconds(middle.p99),
      milliseconds(last.p50),
      milliseconds(last.p99),
      times(Math.max(middle.p50, last.p50), first.p50),
    ])
  }
  return [
    table(
      [
        'list',
        'rows',
        'first page p50',
        'p99',
        'middle page p50',
        'p99',
        'last page p50',
        'p99',
        'worst of first (p50)',
      ],
      rows,
    ),
    '',
    `Pages of ${PAGE_SIZE}, each read ${sizes.listReads} times in turns, over HTTP with the answer parsed. ` +
      'The rows were written into the database file before the daemon started.',
  ].join('\n')
}

async function fill(file: string, sizes: Sizes): Promise<void> {
  const db = await openDatabase(file)
  const now = Date.now()
  await db.transaction().execute(async (trx) => {
    await fillRuns(trx, sizes.listedRuns, now)
    await fillDeliveries(trx, sizes.listedDeliveries, now)
    await fillAudit(trx, sizes.listedDeliveries, now)
  })
  await db.destroy()
}

const numbers = (count: number) =>
  sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`

async function fillRuns(db: Database, count: number, now: number): Promise<void> {
  const refs = JSON.stringify([
    {
      source_ref: 'refs/heads/main',
      target_ref: 'refs/heads/main',
      before: 'a'.repeat(40),
      after: 'b'.repeat(40),
      result: 'updated',
      reason: null,
    },
  ])
  await sql`
    insert into run (
      subject, subject_name, "trigger", direction, internal_host, external_host, internal_endpoint,
      external_endpoint, status, priority, work, code, message, attempts, attempt_limit, interrupted,
      run_after, queued_at, started_at, finished_at, refs, steps, log
    )
    ${numbers(count)}
    select
      'binding:' || (i % cast(${SUBJECTS} as integer)), 'repo-' || (i % cast(${SUBJECTS} as integer)), iif(i % 5 = 0, 'reconcile', 'webhook'), 'to_outer',
      'inner.example', 'outer.example', 'inner.example:443', 'outer.example:443',
      iif(i % 10 = 0, 'failed', 'succeeded'), 1, '[]', 0, 'success', 1, 6, 0,
      ${now} - i, ${now} - i, ${now} - i, ${now} - i, ${refs}, '[]', printf('%200s', i)
    from n`.execute(db)
}

async function fillDeliveries(db: Database, count: number, now: number): Promise<void> {
  await sql`
    insert into delivery (forge, event, received_at, status, signature, changes, bindings, payload)
    ${numbers(count)}
    select
      iif(i % 3 = 0, 'gitee', 'github'), 'push', ${now} - i, iif(i % 4 = 0, 'ignored', 'accepted'),
      'verified', '[]', '[]', printf('%7000s', i)
    from n`.execute(db)
}

async function fillAudit(db: Database, count: number, now: number): Promise<void> {
  await sql`
    insert into audit_log (at, actor, role, action, object_type, object_name, outcome)
    ${numbers(count)}
    select ${now} - i, 'admin', 'admin', 'update', 'binding', 'repo-' || (i % cast(${SUBJECTS} as integer)), 'success' from n`.execute(
    db,
  )
}

function totalOf(answer: unknown): number {
  return ListAnswer.parse(answer).data.total
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
