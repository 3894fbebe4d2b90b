import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { Kysely, sql, SqliteDialect } from 'kysely'
import { expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { up } from '../../src/db/migrations/0010-list-pages.ts'
import type { Tables } from '../../src/db/schema.ts'
import { listRuns } from '../../src/run/runs.ts'
import { listDeliveries } from '../../src/webhook/deliveries.ts'
import { createTestDatabase } from '../rig/database.ts'

const PAGE_SIZE = 3

const STATUSES = ['succeeded', 'failed', 'canceled'] as const
const TRIGGERS = ['webhook', 'manual'] as const
const FORGES = ['github', 'gitee'] as const

type Step =
  | { readonly kind: 'insert'; readonly gap: number; readonly one: number; readonly other: number }
  | { readonly kind: 'change'; readonly at: number; readonly one: number }
  | { readonly kind: 'delete'; readonly at: number }

const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('insert' as const),
        gap: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 300, max: 3000 })),
        one: fc.nat(2),
        other: fc.nat(1),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('change' as const), at: fc.nat(), one: fc.nat(2) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat() }) },
  ),
  { minLength: 1, maxLength: 40 },
)

/** Plays the steps through the writers, and tells which rows are left, the newest first. */
async function play(
  story: readonly Step[],
  write: {
    readonly insert: (id: number, one: number, other: number) => Promise<unknown>
    readonly change: (id: number, one: number) => Promise<unknown>
    readonly remove: (id: number) => Promise<unknown>
  },
): Promise<readonly { readonly id: number; readonly one: number; readonly other: number }[]> {
  let rows: { readonly id: number; readonly one: number; readonly other: number }[] = []
  let last = 0
  for (const step of story) {
    if (step.kind === 'insert') {
      last += step.gap
      rows.push({ id: last, one: step.one, other: step.other })
      await write.insert(last, step.one, step.other)
      continue
    }
    const row = rows[step.at % rows.length]
    if (row === undefined) continue
    if (step.kind === 'change') {
      rows = rows.map((known) => (known === row ? { ...row, one: step.one } : known))
      await write.change(row.id, step.one)
    } else {
      rows = rows.filter((known) => known !== row)
      await write.remove(row.id)
    }
  }
  return rows.toReversed()
}

/** Every page of a list, one after the other, and one past the end. */
async function allPages(
  list: (page: { readonly page: number; readonly pageSize: number }) => Promise<{
    readonly ids: readonly number[]
    readonly total: number
  }>,
): Promise<{ readonly ids: readonly number[]; readonly totals: ReadonlySet<number> }> {
  const ids: number[] = []
  const totals = new Set<number>()
  for (let page = 1; ; page += 1) {
    const found = await list({ page, pageSize: PAGE_SIZE })
    totals.add(found.total)
    ids.push(...found.ids)
    if (found.ids.length === 0) return { ids, totals }
  }
}

test('however runs come, end and go, their pages show each once, the newest first', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (story) => {
      await using database = await createTestDatabase()
      const { db } = database
      const rows = await play(story, {
        insert: (id, one, other) => insertRun(db, id, STATUSES[one] ?? 'failed', TRIGGERS[other] ?? 'manual'),
        change: (id, one) =>
          db
            .updateTable('run')
            .set({ status: STATUSES[one] ?? 'failed' })
            .where('id', '=', id)
            .execute(),
        remove: (id) => db.deleteFrom('run').where('id', '=', id).execute(),
      })

      for (const [one, status] of [[undefined, undefined] as const, ...STATUSES.entries()]) {
        for (const [other, trigger] of [[undefined, undefined] as const, ...TRIGGERS.entries()]) {
          const read = (binding: string | undefined) =>
            allPages(async (page) => {
              const { runs, total } = await listRuns({ db }, { binding, status, trigger }, page)
              return { ids: runs.map(({ id }) => id), total }
            })
          const expected = rows
            .filter((row) => (one ?? row.one) === row.one && (other ?? row.other) === row.other)
            .map(({ id }) => id)
          const pages = { ids: expected, totals: new Set([expected.length]) }
          expect(await read(undefined)).toEqual(pages)
          expect(await read('app')).toEqual(pages)
        }
      }
    }),
    { numRuns: 25 },
  )
}, 60_000)

test('however deliveries come and go, their pages show each once, the newest first', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (story) => {
      await using database = await createTestDatabase()
      const { db } = database
      const statuses = ['accepted', 'ignored', 'rejected'] as const
      const rows = await play(story, {
        insert: (id, one, other) =>
          insertDelivery(db, id, statuses[one] ?? 'accepted', FORGES[other] ?? 'github'),
        change: (id, one) =>
          db
            .updateTable('delivery')
            .set({ status: statuses[one] ?? 'accepted' })
            .where('id', '=', id)
            .execute(),
        remove: (id) => db.deleteFrom('delivery').where('id', '=', id).execute(),
      })

      for (const [one, status] of [[undefined, undefined] as const, ...statuses.entries()]) {
        for (const [other, forge] of [[undefined, undefined] as const, ...FORGES.entries()]) {
          const pages = await allPages(async (page) => {
            const { deliveries, total } = await listDeliveries({ db }, { status, forge }, page)
            return { ids: deliveries.map(({ id }) => id), total }
          })
          const expected = rows
            .filter((row) => (one ?? row.one) === row.one && (other ?? row.other) === row.other)
            .map(({ id }) => id)
          expect(pages).toEqual({ ids: expected, totals: new Set([expected.length]) })
        }
      }
    }),
    { numRuns: 25 },
  )
}, 60_000)

test('what a database held before its lists were counted is counted with the upgrade', async () => {
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: new Sqlite(':memory:') }) })
  await using _closing = { [Symbol.asyncDispose]: () => db.destroy() }
  for (const statement of [
    sql`create table run (id integer primary key, status text, "trigger" text, subject_name text, task_id integer)`,
    sql`create table delivery (id integer primary key, status text, forge text)`,
    sql`create table sync_log (id integer primary key, repo_name text, branch_id integer, created_at integer)`,
    sql`create index sync_log_repo_name_created_at_index on sync_log (repo_name, created_at)`,
    sql`create index sync_log_branch_id_index on sync_log (branch_id)`,
    sql`insert into run (id, status, "trigger") values (1, 'failed', 'manual'), (1023, 'failed', 'manual'), (1024, 'failed', 'manual')`,
    sql`insert into delivery (id, status, forge) values (5000, 'ignored', 'gitee')`,
  ]) {
    await statement.execute(db)
  }

  await up(db)

  const upgraded = db.$extendTables<Pick<Tables, 'run_tally' | 'delivery_tally'>>()
  expect(await upgraded.selectFrom('run_tally').selectAll().execute()).toEqual([
    { bucket: 0, status: 'failed', trigger: 'manual', count: 2 },
    { bucket: 1, status: 'failed', trigger: 'manual', count: 1 },
  ])
  expect(await upgraded.selectFrom('delivery_tally').selectAll().execute()).toEqual([
    { bucket: 4, status: 'ignored', forge: 'gitee', count: 1 },
  ])
})

function insertRun(
  db: Database,
  id: number,
  status: (typeof STATUSES)[number],
  trigger: (typeof TRIGGERS)[number],
): Promise<unknown> {
  return db
    .insertInto('run')
    .values({
      id,
      subject: 'binding:1',
      binding_id: null,
      task_id: null,
      subject_name: 'app',
      trigger,
      direction: 'to_outer',
      internal_host: 'inner.example',
      external_host: 'outer.example',
      internal_endpoint: 'inner.example:443',
      external_endpoint: 'outer.example:443',
      requested_by: null,
      status,
      priority: 1,
      work: '[]',
      code: 0,
      message: null,
      hint: null,
      detail: null,
      attempts: 1,
      attempt_limit: 1,
      interrupted: 0,
      run_after: 0,
      queued_at: 0,
      started_at: 0,
      finished_at: 1,
      refs: '[]',
      steps: '[]',
      log: '',
    })
    .execute()
}

function insertDelivery(
  db: Database,
  id: number,
  status: 'accepted' | 'ignored' | 'rejected',
  forge: (typeof FORGES)[number],
): Promise<unknown> {
  return db
    .insertInto('delivery')
    .values({
      id,
      forge,
      event: 'push',
      forge_delivery_id: null,
      dedupe_key: null,
      received_at: 0,
      remote_address: null,
      status,
      reason: null,
      detail: null,
      signature: 'verified',
      changes: '[]',
      repository: null,
      pusher: null,
      bindings: '[]',
      payload: null,
      hook_id: null,
    })
    .execute()
}
