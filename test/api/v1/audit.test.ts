import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HOUR } from '../../../src/clock.ts'
import { recordAudit } from '../../../src/audit/audit-log.ts'
import { ownDoing } from '../../../src/audit/audit.ts'
import { openDatabase } from '../../../src/db/database.ts'
import { createBareRepository, createFolder } from '../../rig/repository.ts'
import { auditOf, bearer, itemsOf, openWorld, textOf, twoLanguages } from './admin-world.ts'

const REPO = {
  repo_name: 'app',
  enable: true,
  internal_repo_address: 'https://inner.example/o/r',
  external_repo_address: 'https://outer.example/o/r',
  sync_granularity: 2,
  sync_direction: 1,
}
const BRANCH = { enable: true, internal_branch_name: 'feature/x', external_branch_name: 'x' }

test('every call that changes something is on record, with what was before and after', async () => {
  await using world = await openWorld()
  const sync = '/cerobot/sync'
  await world.call('POST', `${sync}/repo`, REPO)
  await world.call('PUT', `${sync}/repo/app`, { enable: false })
  await world.call('PUT', `${sync}/repo/app/repo_addr`, { inter_token: 'planted', exter_token: 'planted' })
  await world.call('POST', `${sync}/app/branch`, BRANCH)
  await world.call('PUT', `${sync}/app/branch/feature%2Fx`, { enable: false })
  await world.call('DELETE', `${sync}/app/branch/feature/x`)
  await world.call('DELETE', `${sync}/repo/app`)

  const entries = await auditOf(world)

  expect(entries.toReversed()).toMatchObject([
    {
      action: 'CREATE',
      target: 'binding:app',
      before: null,
      after: { enable: true, internal_repo_address: REPO.internal_repo_address },
    },
    { action: 'UPDATE', target: 'binding:app', before: { enable: true }, after: { enable: false } },
    {
      action: 'UPDATE',
      target: 'binding:app',
      before: { has_inter_token: false },
      after: { has_inter_token: true, tokens_given: ['inter_token', 'exter_token'] },
    },
    {
      action: 'CREATE_BRANCH',
      object_type: 'branch',
      object_name: 'app',
      object_id: 'feature/x',
      before: null,
      after: { external_branch_name: 'x' },
    },
    { action: 'UPDATE_BRANCH', object_id: 'feature/x', before: { enable: true }, after: { enable: false } },
    { action: 'DELETE_BRANCH', object_id: 'feature/x', before: { enable: false }, after: null },
    { action: 'DELETE', target: 'binding:app', before: { enable: false }, after: null },
  ])
  expect(JSON.stringify(entries)).not.toContain('planted')
})

test('calls that the documented API refuses with status 200 are on record as failed', async () => {
  await using world = await openWorld()
  await world.call('POST', '/cerobot/sync/repo', REPO)
  await world.call('POST', '/cerobot/sync/repo', REPO)
  await world.call('DELETE', '/cerobot/sync/repo/nobody')
  await world.call('POST', '/cerobot/sync/repo', { ...REPO, sync_direction: [] })

  const entries = await auditOf(world, 'outcome=failed')

  expect(entries.map(({ action, object_name, reason }) => [action, object_name, reason])).toEqual([
    ['CREATE', 'app', 'http_422'],
    ['DELETE', 'nobody', 'binding_unknown'],
    ['CREATE', 'app', 'binding_exists'],
  ])
})

test('a sync is on record with its run before anybody knows how it ends', async () => {
  await using world = await openWorld({ ALLOW_LOCAL_REPOS: 'true' })
  const [inner, outer] = [join(world.folder, 'inner'), join(world.folder, 'outer')]
  await createBareRepository(inner)
  await createBareRepository(outer)
  const addresses = { internal_repo_address: inner, external_repo_address: outer }
  await world.call('POST', '/cerobot/sync/repo', { ...REPO, ...addresses, sync_granularity: 1 })
  await world.call('POST', '/cerobot/sync/repo/app', { force_flag: true })
  await world.call('POST', '/cerobot/sync/repo/app', undefined, { prefer: 'respond-async' })

  const entries = await auditOf(world, 'type=SYNC')

  expect(entries).toMatchObject([
    { target: 'binding:app', outcome: 'success', after: { run_id: 2, force: false } },
    { target: 'binding:app', outcome: 'success', after: { run_id: 1, force: true, direction: 'to_outer' } },
  ])
})

test('entries are found by action, object, actor, outcome and time, in the documented form', async () => {
  await using world = await openWorld({ AUTH: 'token', API_TOKEN: 'secret' })
  const admin = bearer('secret')
  const made = await world.call('POST', '/tokens', { name: 'ada', role: 'operate' }, admin)
  const ada = bearer(textOf(made.data, 'token'))
  await world.call('POST', '/ssh-keys', { name: 'one', generate: true }, ada)
  world.pass(24 * HOUR)
  await world.call('PUT', '/ssh-keys/1', { name: 'two' }, admin)
  await world.call('POST', '/tokens', { name: 'eve', role: 'admin' }, ada)
  const today = new Date(Date.now() + 24 * HOUR).toISOString().slice(0, 10)
  const yesterday = new Date(Date.now()).toISOString().slice(0, 10)

  const found = async (query: string): Promise<readonly string[]> =>
    (await auditOf(world, query, admin)).map(
      ({ action, object_type }) => `${String(action)} ${String(object_type)}`,
    )
  const answers = {
    all: await found(''),
    type: await found('type=create'),
    objectType: await found('object_type=ssh_key'),
    both: await found('type=CREATE&object_type=token'),
    objectByName: await found('object=two'),
    objectById: await found('object_type=ssh_key&object=1'),
    actor: await found('actor=ada'),
    denied: await found('outcome=denied'),
    since: await found(`start_time=${today}`),
    until: await found(`end_time=${yesterday}`),
    between: await found(`start_time=${yesterday}T00:00:00Z&end_time=${yesterday}T23:59:59%2B00:00`),
    nothing: await found('type=SYNC'),
    emptyFields: await found('type=&object_type=&start_time=&end_time='),
  }

  const all = ['CREATE token', 'UPDATE ssh_key', 'CREATE ssh_key', 'CREATE token']
  expect(answers).toEqual({
    all,
    type: ['CREATE token', 'CREATE ssh_key', 'CREATE token'],
    objectType: ['UPDATE ssh_key', 'CREATE ssh_key'],
    both: ['CREATE token', 'CREATE token'],
    objectByName: ['UPDATE ssh_key'],
    objectById: ['UPDATE ssh_key', 'CREATE ssh_key'],
    actor: ['CREATE token', 'CREATE ssh_key'],
    denied: ['CREATE token'],
    since: ['CREATE token', 'UPDATE ssh_key'],
    until: ['CREATE ssh_key', 'CREATE token'],
    between: ['CREATE ssh_key', 'CREATE token'],
    nothing: [],
    emptyFields: all,
  })
})

test.each(['start_time=yesterday', 'end_time=2026-13-01', 'outcome=maybe', 'page=0', 'page_size=none'])(
  'the query %s is refused',
  async (query) => {
    await using world = await openWorld()

    const answer = await world.call('GET', `/audit/logs?${query}`)

    expect(answer).toMatchObject({ status: 400, detail: twoLanguages })
  },
)

test('pages follow each other without a gap, whatever the filter, and carry the documented fields', async () => {
  await using folder = await createFolder()
  const db = await openDatabase(join(folder.path, 'data', 'reposync.db'))
  const at = Date.UTC(2026, 0, 31)
  await db.transaction().execute(async (trx) => {
    for (let n = 1; n <= 250; n += 1) {
      // Some at the same moment, and a clock that was once put back.
      const moment = at + Math.floor(n / 3) * 1000 - (n > 200 ? 50_000 : 0)
      await recordAudit(
        trx,
        ownDoing(moment, n % 2 === 0 ? 'TRUST' : 'DELETE', { type: 'hook', id: n }, { n }),
      )
    }
  })
  await db.destroy()
  await using world = await openWorld({ DATABASE_URL: `sqlite:${join(folder.path, 'data', 'reposync.db')}` })

  const seen = async (query: string): Promise<readonly unknown[]> => {
    const pages = []
    for (let page = 1; page <= 14; page += 1)
      pages.push(itemsOf(await world.call('GET', `/audit/logs?${query}&page=${page}`)))
    return pages.flat().map(({ object_id }) => object_id)
  }
  const first = await world.call('GET', '/audit/logs?page=13&page_size=20')
  const all = await seen('page_size=20')
  const even = await seen('page_size=20&type=TRUST')

  expect(first.data).toMatchObject({ total: 250, page: 13, page_size: 20 })
  expect(itemsOf(first)).toHaveLength(10)
  for (const field of ['id', 'action', 'target', 'operator', 'ip_address', 'user_agent', 'created_at'])
    expect(itemsOf(first)[0]).toHaveProperty(field)
  expect(new Set(all).size).toBe(250)
  expect(new Set(even).size).toBe(125)
})
