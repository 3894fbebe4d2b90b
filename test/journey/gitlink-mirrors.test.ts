import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { allRunsEnded, headOf, PASSWORDS, pushTo, runOf, startJourney } from '../rig/journey.ts'
import { accessTo, gitlinkOf, MIRROR } from './gitlink-world.ts'
import { startHookJourney, wordsOf } from './hooks-world.ts'

// Mirrors: repositories that GitLink fills by itself, where a push would only be refused.

test('a mirror that is to be pushed to is refused, and one that is only read from is not', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using inner = await gitlinkOf(app.inner)
  await using outer = await gitlinkOf(app.outer)
  inner.setRepository({ ...MIRROR, mirrorStatus: 2 })
  outer.setRepository(MIRROR)

  const source = await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/internal', accessTo(inner))
  const target = await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', accessTo(outer))
  const hook = await journey.daemon.call('POST', '/api/v1/bindings/app/hooks', {
    ...accessTo(outer),
    side: 'external',
  })

  expect(source.status).toBe(200)
  expect(source.body).toMatchObject({
    data: { repository: { mirror: 'pull', mirror_problem: 'the last pull of the mirror failed' } },
  })
  for (const refused of [target, hook]) {
    expect(refused.status).toBe(409)
    expect(wordsOf(refused)).toMatch(/镜像项目.*takes no pushes.*"mirror": true/)
  }
  expect(outer.hooks()).toEqual([])
})

test('a missing target is created as a mirror, and a push has its forge pull instead of pushing', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  forge.setRepository(undefined)
  const create = (changes: Readonly<Record<string, unknown>> = {}) =>
    journey.daemon.call('POST', '/api/v1/bindings/app/forges/external/repository', accessTo(forge, changes))

  const created = await create({ share_credential: true })
  const again = await create()
  const before = journey.outer.requests.length
  const commit = await journey.work.commit('for the mirror')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const { body } = await journey.daemon.deliver(pushTo('gitlink', app.inner, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(body))

  expect(created).toMatchObject({
    status: 201,
    body: { data: { side: 'external', mirror: true, repository: { mirror: 'pull' } } },
  })
  expect(again.status).toBe(409)
  expect(forge.migrations()).toEqual([
    {
      user_id: 36408,
      name: 'app',
      repository_name: 'app',
      clone_addr: app.inner.url,
      is_mirror: true,
      private: true,
      auth_username: PASSWORDS.inner.username,
      auth_password: PASSWORDS.inner.password,
    },
  ])
  expect(run).toMatchObject({ status: 'succeeded', code: 0, refs: [], steps: [{ name: 'forge_mirror' }] })
  expect(run.log).toContain('the forge was asked to pull into its mirror (external)')
  expect(forge.pulls()).toBe(1)
  expect(journey.outer.requests.length).toBe(before)
  expect(await headOf(app.outer, 'main')).toBeUndefined()
})

test('a credential is shared only when that was asked for', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  forge.setRepository(undefined)

  const created = await journey.daemon.call(
    'POST',
    '/api/v1/bindings/app/forges/external/repository',
    accessTo(forge, { private: false, user_id: 7 }),
  )

  expect(created.status).toBe(201)
  expect(forge.migrations()).toMatchObject([{ user_id: 7, private: false }])
  expect(JSON.stringify(forge.migrations())).not.toContain('auth_')
})

test('a stored credential is shared by nobody but an admin', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  forge.setRepository(undefined)
  await journey.restart({ AUTH: 'token' })
  const [token = ''] = /rst_[\w-]+/.exec(journey.daemon.output()) ?? []
  const db = await openDatabase(join(journey.folder.path, 'data', 'reposync.db'))
  await db.updateTable('token').set({ role: 'operate' }).execute()
  await db.destroy()
  const create = (changes: Readonly<Record<string, unknown>>) =>
    journey.daemon.call('POST', '/api/v1/bindings/app/forges/external/repository', accessTo(forge, changes), {
      authorization: `Bearer ${token}`,
    })

  const sharing = await create({ share_credential: true })
  const plain = await create({})

  expect(sharing.status).toBe(403)
  expect(plain.status).toBe(201)
  expect(forge.migrations()).toHaveLength(1)
})

test('what cannot be a mirror is not made or declared one', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  const both = await journey.bind('both', { sync_direction: 3 })
  await using forge = await gitlinkOf(app.outer)
  await using forgeOfBoth = await gitlinkOf(both.outer)
  forgeOfBoth.setRepository(undefined)
  const { daemon } = journey

  const ordinary = await daemon.call(
    'PUT',
    '/api/v1/bindings/app/forges/external',
    accessTo(forge, { mirror: true }),
  )
  const source = await daemon.call(
    'PUT',
    '/api/v1/bindings/app/forges/internal',
    accessTo(forge, { mirror: true }),
  )
  const twoWay = await daemon.call(
    'POST',
    '/api/v1/bindings/both/forges/external/repository',
    accessTo(forgeOfBoth),
  )

  expect([ordinary.status, source.status, twoWay.status]).toEqual([409, 409, 409])
  expect(wordsOf(ordinary)).toContain('no mirror at the forge')
  expect(wordsOf(source)).toContain('only the target')
  expect(forgeOfBoth.migrations()).toEqual([])
})

test('a push back to what git had made equal before is no news to git, but to the mirror', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  const commit = await journey.work.commit('carried by git')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const first = await journey.daemon.deliver(pushTo('gitlink', app.inner, 'main', commit))
  await journey.daemon.runEnded(runOf(first.body))
  forge.setRepository(MIRROR)
  const path = '/api/v1/bindings/app/forges/external'
  await journey.daemon.call('PUT', path, accessTo(forge, { mirror: true }))

  const second = await journey.daemon.deliver(pushTo('gitlink', app.inner, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(second.body))

  expect(await headOf(app.outer, 'main')).toBe(commit)
  expect(run).toMatchObject({ status: 'succeeded', steps: [{ name: 'forge_mirror' }] })
})

test('a mirror whose forge refuses to pull is a failed run that says why, and later heals', async () => {
  await using journey = await startJourney({ SYNC_ATTEMPTS: '3' })
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  forge.setRepository(MIRROR)
  await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', accessTo(forge, { mirror: true }))
  forge.setRepository({ ...MIRROR, mirrorStatus: 1 })

  const busy = await journey.daemon.call('POST', '/cerobot/sync/repo/app', {})
  forge.setRepository(MIRROR)
  const healed = await journey.daemon.call('POST', '/cerobot/sync/repo/app', {})
  const [last] = await allRunsEnded(journey.daemon)

  expect(busy.body).toMatchObject({ code_status: 20012 })
  expect(wordsOf(busy)).toContain('正在镜像中')
  expect(healed.body).toMatchObject({ code_status: 0 })
  expect(last).toMatchObject({ status: 'succeeded', steps: [{ name: 'forge_mirror' }] })
  expect(forge.pulls()).toBe(1)
})
