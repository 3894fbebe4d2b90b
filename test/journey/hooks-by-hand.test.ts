import { expect, test } from 'vitest'
import { z } from 'zod'
import type { ForgeName } from '../../src/forge/forge.ts'
import { headOf, listAll, pushTo, runOf, SECRET } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { apiOf, GITHUB, hooksOf, register, startHookJourney, TOKEN } from './hooks-world.ts'

// A person makes the hook at the forge, with an address and a secret from us.

async function prepare({ daemon }: Journey, forge: ForgeName) {
  const answer = await daemon.call('POST', '/api/v1/bindings/app/hooks', {
    side: 'internal',
    forge,
    manual: true,
  })
  const Data = z.object({ id: z.number(), url: z.string(), secret: z.string().optional() })
  const { data } = z.object({ data: Data }).parse(answer.body)
  return { ...answer, ...data, path: new URL(data.url).pathname }
}

test.each(['coding', 'generic', 'gogs'] as const)(
  'a hook of %s can be made by hand, and takes over from the shared secret when it first delivers',
  async (forge) => {
    await using journey = await startHookJourney()
    const app = await journey.bind('app')
    const commit = await journey.work.commit('first')
    await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
    const sent = (secret: string) => pushTo(forge, app.inner, 'main', commit, { secret })

    const prepared = await prepare(journey, forge)
    const shared = await journey.daemon.deliver(sent(SECRET), `/webhooks/${forge}`)
    const own = await journey.daemon.deliver(sent(prepared.secret ?? ''), prepared.path)
    const withheld = await journey.daemon.deliver(sent(SECRET), `/webhooks/${forge}`)
    await journey.daemon.runEnded(runOf(own.body))

    expect(prepared).toMatchObject({ status: 201, body: { data: { done: 'created', managed: false } } })
    expect([shared.status, own.status]).toEqual([202, 202])
    expect(withheld.body).not.toMatchObject({ status: 'accepted' })
    expect(await headOf(app.outer, 'main')).toBe(commit)
  },
)

test('the secret of a hook made by hand is shown once, and a new one at each rotation', async () => {
  await using journey = await startHookJourney()
  await journey.bind('app')

  const prepared = await prepare(journey, 'coding')
  const again = await prepare(journey, 'coding')
  const path = `/api/v1/bindings/app/hooks/${prepared.id}`
  const rotated = await journey.daemon.call('POST', `${path}/rotate`)
  const tested = await journey.daemon.call('POST', `${path}/test`)
  const [listed] = await hooksOf(journey, 'app')
  const removed = await journey.daemon.call('DELETE', path)

  const { data } = z.object({ data: z.object({ secret: z.string() }) }).parse(rotated.body)
  expect(again).toMatchObject({ status: 200, id: prepared.id })
  expect(again.secret).toBeUndefined()
  expect(data.secret).not.toBe(prepared.secret)
  expect(tested.status).toBe(409)
  expect(listed).toMatchObject({ managed: false, problem: null })
  expect(JSON.stringify(listed)).not.toContain(data.secret)
  expect(removed).toMatchObject({ status: 200, body: { data: { removed_at_forge: false } } })
})

test('a hook made by hand is on record as one that stays at the forge when its binding goes', async () => {
  await using journey = await startHookJourney()
  await journey.bind('app')
  const Entry = z.looseObject({ object_type: z.string(), after: z.unknown() })
  const removals = () => listAll(journey.daemon, '/api/v1/audit/logs?actor=system', Entry)
  await prepare(journey, 'coding')

  await journey.daemon.call('DELETE', '/cerobot/sync/repo/app')
  await expect.poll(removals).toHaveLength(1)

  expect(await removals()).toMatchObject([{ object_type: 'hook', after: { removed_at_forge: false } }])
})

test('a hook made by hand is taken over when a token is given later', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(GITHUB, app.inner)
  const { url, secret } = await prepare(journey, 'github')
  await fetch(`${forge.origin}/api/v3/repos/${app.inner.name}/hooks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ name: 'web', events: ['push'], config: { url, secret } }),
  })

  const managed = await register(journey, 'app', GITHUB, forge)

  expect(managed).toMatchObject({ status: 200, body: { data: { managed: true, done: 'repaired', url } } })
  expect(forge.hooks()).toMatchObject([{ url, secret }])
})
