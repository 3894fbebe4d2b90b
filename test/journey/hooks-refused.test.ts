import Sqlite from 'better-sqlite3'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Fault } from '../rig/fake-forge.ts'
import { pushTo, startJourney } from '../rig/journey.ts'
import { apiOf, GITHUB, hooksOf, register, startHookJourney, TOKEN, wordsOf } from './hooks-world.ts'

const api = GITHUB

const FAULTS: readonly { readonly fault: Fault; readonly status: number; readonly words: RegExp }[] = [
  {
    fault: { status: 403, json: { message: 'Must be admin' } },
    status: 400,
    words: /没有管理.*Must be admin/,
  },
  { fault: { status: 404, json: { message: 'Not Found' } }, status: 400, words: /找不到.*Not Found/ },
  { fault: { status: 429, headers: { 'retry-after': '30' } }, status: 429, words: /30 秒后.*30 seconds/ },
  { fault: { status: 502, text: '<html>' }, status: 503, words: /平台出错/ },
  { fault: { status: 422, json: { message: 'no more hooks' } }, status: 409, words: /拒绝.*no more hooks/ },
  { fault: { status: 200, text: '<html>Sign in</html>' }, status: 503, words: /无法理解/ },
]

test('what a forge answers instead of a hook is told, and leaves nothing behind', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const ask = (changes: Readonly<Record<string, unknown>> = {}) =>
    journey.daemon.call('POST', '/api/v1/bindings/app/hooks', {
      side: 'internal',
      forge: 'github',
      api_token: TOKEN,
      api_url: `${forge.origin}/api/v3`,
      ...changes,
    })

  const answers = []
  for (const { fault } of FAULTS) {
    forge.failWith(fault)
    answers.push(await ask())
  }
  forge.failWith(undefined)
  const wrongToken = await ask({ api_token: 'wrong' })
  const unreachable = await ask({ api_url: 'http://127.0.0.1:9/api/v3' })

  expect(answers.map(({ status, body }) => [status, body])).toMatchObject(
    FAULTS.map(({ status }) => [status, { code: status, data: null }]),
  )
  for (const [position, { words }] of FAULTS.entries()) {
    expect(JSON.stringify(answers[position]?.body)).toMatch(words)
  }
  expect(wrongToken.status).toBe(400)
  expect(wordsOf(wrongToken)).toContain('api_token')
  expect(unreachable.status).toBe(503)
  expect(wordsOf(unreachable)).toContain('ALLOWED_HOSTS')
  expect(forge.hooks()).toEqual([])
  expect(await hooksOf(journey, 'app')).toEqual([])
  expect(journey.daemon.output()).not.toContain(TOKEN)
})

test('a registration that cannot be understood says what is missing', async () => {
  await using journey = await startHookJourney()
  await journey.bind('app')
  const ask = (body: unknown, binding = 'app') =>
    journey.daemon.call('POST', `/api/v1/bindings/${binding}/hooks`, body)

  const answers = [
    await ask({ api_token: TOKEN }),
    await ask({ side: 'internal', api_token: TOKEN }),
    await ask({ side: 'internal', forge: 'gitea' }),
    await ask({ side: 'internal', forge: 'coding', api_token: TOKEN }),
    await ask({ side: 'internal', forge: 'sourceforge', api_token: TOKEN }),
    await ask({ side: 'internal', forge: 'gitea', api_token: 'line\nbreak' }),
    await ask({ side: 'internal', forge: 'gitea', api_token: TOKEN, api_url: 'ftp://forge.example' }),
    await ask({ side: 'internal', api_token: TOKEN }, 'nobody'),
  ]

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400, 404])
  const told = answers.map(({ body }) => JSON.stringify(body))
  for (const [position, word] of [
    'side',
    'forge',
    'api_token',
    'coding',
    'forge',
    'api_token',
    'api_url',
  ].entries())
    expect(told[position]).toContain(word)
})

test('without PUBLIC_URL nothing is registered, and the answer says how to set it', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)

  const answer = await journey.daemon.call('POST', '/api/v1/bindings/app/hooks', {
    side: 'internal',
    forge: 'github',
    api_token: TOKEN,
    api_url: `${forge.origin}/api/v3`,
  })

  expect(answer.status).toBe(409)
  expect(wordsOf(answer)).toContain('PUBLIC_URL')
  expect(forge.requests).toEqual([])
})

test('a forge that is away keeps its hook listed and undeleted, until it is to be forgotten', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)
  const path = `/api/v1/bindings/app/hooks/${hook.id}`
  forge.failWith({ status: 503 })

  const [listed] = await hooksOf(journey, 'app')
  const tested = await journey.daemon.call('POST', `${path}/test`)
  const kept = await journey.daemon.call('DELETE', path)
  const stillThere = await hooksOf(journey, 'app')
  const forgotten = await journey.daemon.call('DELETE', `${path}?force=true`)
  const again = await journey.daemon.call('DELETE', path)

  expect(listed).toMatchObject({ at_forge: null })
  expect(listed?.problem).toContain('503')
  expect(tested.status).toBe(503)
  expect(kept.status).toBe(503)
  expect(wordsOf(kept)).toContain('?force=true')
  expect(stillThere).toHaveLength(1)
  expect(forgotten).toMatchObject({ status: 200, body: { data: { removed_at_forge: false } } })
  expect(again.status).toBe(404)
})

test('a hook whose making was cut off is removed at the forge by its address', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)
  const db = new Sqlite(join(journey.folder.path, 'data/reposync.db'))
  db.exec('update hook set forge_hook_id = null')
  db.close()

  const removed = await journey.daemon.call('DELETE', `/api/v1/bindings/app/hooks/${hook.id}`)

  expect(removed).toMatchObject({ status: 200, body: { data: { removed_at_forge: true } } })
  expect(forge.hooks()).toEqual([])
})

test('a rotation that the forge refuses leaves the old secret in force', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)
  forge.failWith({ status: 500 })

  const rotated = await journey.daemon.call('POST', `/api/v1/bindings/app/hooks/${hook.id}/rotate`)

  forge.failWith(undefined)
  await forge.push({ ref: 'refs/heads/main', before: null, after: '1'.repeat(40) })
  const [used] = await hooksOf(journey, 'app')
  expect(rotated.status).toBe(503)
  expect(used).toMatchObject({ last_status: 'accepted' })
})

test('a rotation that the forge says no to changes nothing about the one before it', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)
  const path = `/api/v1/bindings/app/hooks/${hook.id}/rotate`
  await journey.daemon.call('POST', path)
  const [before] = await hooksOf(journey, 'app')
  forge.failWith({ status: 404 })

  const refused = await journey.daemon.call('POST', path)

  forge.failWith(undefined)
  const [after] = await hooksOf(journey, 'app')
  expect(refused.status).not.toBe(200)
  expect(before).toHaveProperty('previous_secret_until')
  expect(after?.['previous_secret_until']).toBe(before?.['previous_secret_until'])
})

test('the token of before goes nowhere but to the API that it was given for', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  await using foreign = await apiOf(api, app.inner)
  await register(journey, 'app', api, forge)

  const answer = await journey.daemon.call('POST', '/api/v1/bindings/app/hooks', {
    side: 'internal',
    api_url: `${foreign.origin}/api/v3`,
  })

  expect(answer.status).toBe(400)
  expect(wordsOf(answer)).toContain('api_token')
  expect(foreign.requests).toEqual([])
})

test('a hook follows its binding to another API, and leaves the old one', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using old = await apiOf(api, app.inner)
  await using fresh = await apiOf(api, app.inner)
  await register(journey, 'app', api, old)

  const moved = await register(journey, 'app', api, fresh)
  await journey.restart()

  expect(moved).toMatchObject({ status: 201, body: { data: { done: 'created' } } })
  expect(fresh.hooks()).toHaveLength(1)
  await expect.poll(() => old.hooks()).toEqual([])
})

test('a deleted binding takes its hooks at the forges along', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)

  await journey.daemon.call('DELETE', '/cerobot/sync/repo/app')

  const late = await journey.daemon.deliver(
    pushTo('github', app.inner, 'main', await journey.work.commit('late')),
    new URL(hook.url).pathname,
  )
  expect(late.status).toBe(404)
  await expect.poll(() => forge.hooks()).toEqual([])
})

test('hooks of two bindings on one repository leave each other alone', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  const other = await journey.outer.createRepository('team/other')
  await journey.bind('mirror', { internal_repo_address: app.inner.url, external_repo_address: other.url })
  await using forge = await apiOf(api, app.inner)

  const one = await register(journey, 'app', api, forge)
  const two = await register(journey, 'mirror', api, forge)
  const again = await register(journey, 'app', api, forge)

  expect([one, two, again].map(({ body }) => body)).toMatchObject([
    { data: { done: 'created' } },
    { data: { done: 'created' } },
    { data: { done: 'unchanged' } },
  ])
  expect(forge.hooks().map(({ url }) => url)).toEqual([one.hook.url, two.hook.url])
})

test('a hook that an earlier installation left at the forge is taken over, not doubled', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(api, app.inner)
  const { hook } = await register(journey, 'app', api, forge)
  forge.failWith({ status: 503 })
  await journey.daemon.call('DELETE', `/api/v1/bindings/app/hooks/${hook.id}?force=true`)
  forge.failWith(undefined)

  const taken = await register(journey, 'app', api, forge)

  expect(taken).toMatchObject({ status: 200, body: { data: { done: 'repaired' } } })
  expect(forge.hooks()).toMatchObject([{ url: taken.hook.url }])
})
