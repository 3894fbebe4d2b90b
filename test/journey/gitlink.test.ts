import { expect, test } from 'vitest'
import { z } from 'zod'
import { ORDINARY } from '../rig/fake-gitlink-repository.ts'
import { startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { accessTo, gitlinkOf } from './gitlink-world.ts'
import { apiOf, GITLINK, register, startHookJourney, TOKEN, wordsOf } from './hooks-world.ts'

// GitLink as more than a place for hooks: what it says of a repository and of its branches.

const SHA = '735674d6696bddbafa993db9c67b40c41246c77f'

const SideForge = z.looseObject({ side: z.string(), problem: z.string().nullable() })

async function forgesOf({ daemon }: Pick<Journey, 'daemon'>, binding: string) {
  const { body } = await daemon.call('GET', `/api/v1/bindings/${binding}/forges`)
  return z.object({ data: z.object({ items: z.array(SideForge) }) }).parse(body).data.items
}

function bindBranch({ daemon }: Pick<Journey, 'daemon'>, branch: string) {
  return daemon.call('POST', '/cerobot/sync/app/branch', {
    enable: true,
    internal_branch_name: branch,
    external_branch_name: branch,
  })
}

test('access to a forge is kept once it has worked, shows how the repository is, and goes again', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  const put = (body: object) => journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', body)

  const wrong = await put(accessTo(forge, { api_token: 'wrong' }))
  const none = await forgesOf(journey, 'app')
  const kept = await put(accessTo(forge))
  forge.setRepository({ ...ORDINARY, defaultBranch: 'develop', branches: { develop: SHA } })
  const now = await forgesOf(journey, 'app')
  forge.failWith({ status: 502 })
  const failing = await forgesOf(journey, 'app')
  const removed = await journey.daemon.call('DELETE', '/api/v1/bindings/app/forges/external')
  const again = await journey.daemon.call('DELETE', '/api/v1/bindings/app/forges/external')

  expect(wrong.status).toBe(400)
  expect(wordsOf(wrong)).toContain('does not accept the token')
  expect(none).toEqual([])
  expect(kept).toMatchObject({ status: 200, body: { data: { repository: { id: '75073', empty: true } } } })
  const repository = {
    id: '75073',
    default_branch: 'develop',
    empty: false,
    mirror: 'none',
    mirror_problem: null,
  }
  expect(now).toMatchObject([{ side: 'external', token_from: 'access', mirror: false, repository }])
  expect(failing).toMatchObject([{ side: 'external', repository: null }])
  expect(failing[0]?.problem).toContain('502')
  expect(removed.status).toBe(200)
  expect(again.status).toBe(404)
  expect(journey.daemon.output()).not.toContain(TOKEN)
})

test('a stored token is not sent to an API that it was not given for', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  await using elsewhere = await gitlinkOf(app.outer)
  const put = (body: object) => journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', body)
  await put(accessTo(forge))

  const same = await put({})
  const moved = await put({ api_url: `${elsewhere.origin}/api` })

  expect(same.status).toBe(200)
  expect(moved.status).toBe(400)
  expect(wordsOf(moved)).toContain('api_token')
  expect(elsewhere.requests).toEqual([])
})

test('the token of a hook is access enough', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(GITLINK, app.inner)
  await register(journey, 'app', GITLINK, forge)

  const known = await forgesOf(journey, 'app')

  expect(known).toMatchObject([{ side: 'internal', token_from: 'hook', repository: { mirror: 'none' } }])
})

test('a branch that its forge does not have is refused, and a forge that is down refuses nothing', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app', { sync_granularity: 2 })
  await using forge = await gitlinkOf(app.inner)
  const unchecked = await bindBranch(journey, 'before')
  const names = Array.from({ length: 12 }, (_, index) => `feature/${String(index).padStart(2, '0')}`)
  forge.setRepository({ ...ORDINARY, branches: Object.fromEntries(names.map((name) => [name, SHA])) })
  await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/internal', accessTo(forge))

  const missing = await bindBranch(journey, 'feature/99')
  const invalid = await bindBranch(journey, 'two..dots')
  const there = await bindBranch(journey, 'feature/11')
  forge.failWith({ status: 503 })
  const down = await bindBranch(journey, 'feature/98')

  expect(unchecked.body).toMatchObject({ code_status: 0 })
  expect(missing.body).toMatchObject({ code_status: 10101, msg: '平台上没有该分支' })
  expect(wordsOf(missing)).toContain(`it has ${names.slice(0, 10).join(', ')}, …`)
  expect(invalid.body).toMatchObject({ code_status: 10001 })
  expect(there.body).toMatchObject({ code_status: 0 })
  expect(down.body).toMatchObject({ code_status: 0 })
  expect(journey.daemon.output()).toContain('a branch is bound unchecked')
})

test('access that was given for another repository does not count after the address has changed', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await using forge = await gitlinkOf(app.outer)
  await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', accessTo(forge))
  const other = await journey.outer.createRepository('team/other')

  await journey.daemon.call('PUT', '/cerobot/sync/repo/app/repo_addr', { external_repo_address: other.url })

  expect(await forgesOf(journey, 'app')).toEqual([])
})
