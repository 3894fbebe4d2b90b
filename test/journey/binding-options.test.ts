import { expect, test } from 'vitest'
import { z } from 'zod'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { pushTo, runOf } from '../rig/journey.ts'
import { readRefs } from '../rig/repository.ts'

const Previewed = z.object({ data: z.object({ refs: z.array(z.unknown()) }) })
const Shown = z.object({ data: z.record(z.string(), z.unknown()) })

test('a binding is made, shown, changed and removed with all its options', async () => {
  await using world = await startClockedDaemon()
  const options = {
    direction: 'to_inter',
    include: ['release/*'],
    exclude: ['*-wip'],
    rename: [{ internal: 'release/*', external: 'vendor/*' }],
    tag_policy: 'off',
    delete_policy: 'tracked',
    default_branch: 'follow',
    lfs: true,
    enabled: false,
  }

  await world.bind('app', options)
  const made = await shown(world)
  await world.call('PATCH', '/api/v1/bindings/app', { include: [], tag_policy: 'follow', direction: 3 })
  const changed = await shown(world)
  const removed = await world.call('DELETE', '/api/v1/bindings/app')

  expect(made).toMatchObject({
    name: 'app',
    granularity: 'all',
    paused: false,
    paused_reason: null,
    ...options,
  })
  expect(made['internal']).toMatchObject({ has_token: true })
  expect(JSON.stringify(made)).not.toContain('inner pass')
  expect(changed).toMatchObject({ ...options, include: [], tag_policy: 'follow', direction: 'both' })
  expect(removed.status).toBe(200)
  expect((await world.call('GET', '/api/v1/bindings/app')).status).toBe(404)
})

test.each([
  ['a body that is no object', []],
  ['an unknown field', { delete_polcy: 'never' }],
  ['an unknown policy', { delete_policy: 'always' }],
  ['an unknown direction', { direction: 4 }],
  ['a pattern that is no name', { include: ['a..b'] }],
  ['a mirror without a source', { direction: 'both', delete_policy: 'mirror' }],
  ['a rename with one star', { rename: [{ internal: 'a/*', external: 'b' }] }],
  ['a pause', { paused: true }],
  ['an address with a password', { internal: { address: 'https://me:secret@forge.example/a.git' } }],
])('%s changes nothing and is explained', async (_, change) => {
  await using world = await startClockedDaemon()
  await world.bind('app')
  const before = await shown(world)

  const answer = await world.call('PATCH', '/api/v1/bindings/app', change)

  expect(answer.status).toBe(400)
  expect(answer.body).toHaveProperty('detail', expect.stringMatching(/[\u4e00-\u9fff].* \/ .*[a-z]/))
  expect(JSON.stringify(answer.body)).not.toContain('secret')
  expect(await shown(world)).toEqual(before)
})

test('only what the rules let through travels, under the names they give', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', {
    exclude: ['secret/*'],
    rename: [{ internal: 'main', external: 'upstream/main' }],
    tag_policy: 'new-only',
  })
  const commit = await world.work.commit('first')
  await world.work.tag('v1')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/secret/plan', 'refs/tags/v1')

  const whole = await world.call('POST', '/cerobot/sync/repo/app')
  const second = await world.work.commit('second')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/secret/plan')
  const pushed = await world.deliver(pushTo('gitea', app.inner, 'main', second, { before: commit }))
  await world.runEnded(runOf(pushed.body))
  const hidden = await world.deliver(pushTo('gitea', app.inner, 'secret/plan', second, { before: commit }))

  expect(whole.body).toMatchObject({ code_status: 0 })
  expect(await readRefs(app.outer.dir)).toEqual(
    new Map([
      ['refs/heads/upstream/main', second],
      ['refs/tags/v1', commit],
    ]),
  )
  expect(hidden.body).toMatchObject({ status: 'ignored', reason: 'rule' })
})

test('renamed branches go back under their own names, and their echoes are known', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', {
    direction: 'both',
    rename: [{ internal: 'main', external: 'upstream' }],
  })
  const first = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await world.call('POST', '/cerobot/sync/repo/app')
  const echo = await world.deliver(pushTo('github', app.outer, 'upstream', first))
  const second = await world.work.commit('second')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/upstream')

  const pushed = await world.deliver(pushTo('github', app.outer, 'upstream', second, { before: first }))
  await world.runEnded(runOf(pushed.body))

  expect(echo.body).toMatchObject({ status: 'ignored', reason: 'echo' })
  expect(await readRefs(app.inner.dir)).toEqual(new Map([['refs/heads/main', second]]))
  expect(await readRefs(app.outer.dir)).toEqual(new Map([['refs/heads/upstream', second]]))
})

test.each([
  ['new-only', 'conflict', 'old'],
  ['follow', 'succeeded', 'new'],
  ['off', 'succeeded', 'old'],
] as const)(
  'a moved tag under the policy %s: the sync ends %s and the target has the %s one',
  async (policy, status, has) => {
    await using world = await startClockedDaemon()
    const app = await world.bind('app')
    await world.work.commit('first')
    const old = await world.work.tag('v1', 'first')
    await world.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'refs/tags/v1')
    await world.call('POST', '/cerobot/sync/repo/app')
    await world.call('PATCH', '/api/v1/bindings/app', { tag_policy: policy })
    await world.work.commit('second')
    const moved = await world.work.tag('v1', 'second')
    await world.work.push(app.inner.dir, '+refs/tags/v1', 'HEAD:refs/heads/main')

    const { body } = await world.call('POST', '/api/v1/bindings/app/sync')
    const run = await world.runEnded(
      z.object({ data: z.object({ run_id: z.number() }) }).parse(body).data.run_id,
    )

    expect(run.status).toBe(status)
    expect((await readRefs(app.outer.dir)).get('refs/tags/v1')).toBe(has === 'old' ? old : moved)
    const backups = await world.call('GET', '/api/v1/bindings/app/backups')
    expect(backups.body).toMatchObject({
      data: {
        items: policy === 'follow' ? [{ branch: 'refs/tags/v1', sha: old, reason: 'tag', by: 'local' }] : [],
      },
    })
  },
)

test('a preview tells which refs would travel under rules that are not set yet', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/old/1', 'HEAD:refs/tags/v1')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/x/main')

  const { body } = await world.call('POST', '/api/v1/bindings/app/preview', {
    exclude: ['old/*'],
    rename: [{ internal: 'main', external: 'x/main' }],
    tag_policy: 'off',
  })

  const none = { travels: false, on: ['internal'], external: null }
  expect(body).toMatchObject({
    data: {
      travelling: 1,
      internal: { reachable: true, refs: 3, default_branch: 'main' },
      external: { reachable: true, refs: 1, default_branch: null },
      refs: [
        {
          internal: 'refs/heads/main',
          external: 'refs/heads/x/main',
          on: ['internal', 'external'],
          travels: true,
          left_out_by: null,
        },
        { internal: 'refs/heads/old/1', left_out_by: 'exclude', ...none },
        { internal: 'refs/tags/v1', left_out_by: 'tags', ...none },
      ],
    },
  })
  expect(await shown(world)).toMatchObject({ exclude: [], rename: [], tag_policy: 'new-only' })
})

test('a preview of single branches shows the pairs that are bound, and the rest as not bound', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { granularity: 'one' })
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/dev', 'HEAD:refs/heads/other')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/upstream')
  const path = '/api/v1/bindings/app/branches'
  await world.call('POST', path, { internal: 'main', external: 'upstream' })
  await world.call('POST', path, { internal: 'dev' })
  await world.call('POST', path, { internal: 'other' })
  await world.call('PATCH', `${path}/other`, { enabled: false })

  const { body } = await world.call('POST', '/api/v1/bindings/app/preview', { exclude: ['main'] })

  const bound = { travels: true, left_out_by: null }
  const unbound = { travels: false, left_out_by: 'branches' }
  const [dev, main, other, upstream] = ['dev', 'main', 'other', 'upstream'].map(
    (name) => `refs/heads/${name}`,
  )
  expect(body).toMatchObject({ data: { travelling: 2 } })
  expect(Previewed.parse(body).data.refs).toEqual([
    { internal: dev, external: dev, on: ['internal'], ...bound },
    { internal: main, external: upstream, on: ['internal', 'external'], ...bound },
    { internal: other, external: null, on: ['internal'], ...unbound },
    { internal: null, external: main, on: ['external'], ...unbound },
  ])
})

test('branches are bound, listed, disabled and unbound here too', async () => {
  await using world = await startClockedDaemon()
  await world.bind('app', { granularity: 'one' })
  const path = '/api/v1/bindings/app/branches'

  const made = await world.call('POST', path, { internal: 'feature/a', external: 'incoming/a' })
  const same = await world.call('POST', path, { internal: 'main' })
  const again = await world.call('POST', path, { internal: 'main' })
  const disabled = await world.call('PATCH', `${path}/feature%2Fa`, { enabled: false })
  const listed = await world.call('GET', path)
  const removed = await world.call('DELETE', `${path}/feature/a`)
  const gone = await world.call('DELETE', `${path}/feature/a`)

  expect([made, same, again, disabled, removed, gone].map(({ status }) => status)).toEqual([
    201, 201, 409, 200, 200, 404,
  ])
  expect(listed.body).toMatchObject({
    data: {
      total: 2,
      items: [
        { internal: 'main', external: 'main', enabled: true },
        { internal: 'feature/a', external: 'incoming/a', enabled: false },
      ],
    },
  })
})

async function shown(world: ClockedDaemon): Promise<Readonly<Record<string, unknown>>> {
  return Shown.parse((await world.call('GET', '/api/v1/bindings/app')).body).data
}
